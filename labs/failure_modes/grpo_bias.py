"""Length bias of GRPO's normaliser: dividing each answer's loss by its length lets long wrong answers off lightly.

The fork says right and wrong values, in a short and in a long form, all four equally often; only a right value is
rewarded. With the mean over each answer's tokens a token of a long wrong answer is pushed down by less than one of a
short wrong answer, so what is still wrong gets longer. Sums divided by a constant (Dr. GRPO), or by the tokens of the
step (DAPO), push all tokens alike.

Measured exactly, not by sampling: with p(long form) and p(right value | form), the share of the long form among the
wrong answers and among the right ones.

Liu et al., arXiv 2503.20783, section 3; Yu et al., arXiv 2503.14476.

Reads: data/corpus, models/sft.
Writes: labs/failure_modes/data/grpo_bias.jsonl.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch

from labs.failure_modes.answering import is_right
from labs.failure_modes.county import LONG, Prompt, dealt, value_of, wrong_value
from labs.failure_modes.experiment import Bench, Lab, Row, run_experiment
from labs.failure_modes.forks import FitConfig, encode, fit, logps
from labs.failure_modes.policies import Judge, dealt_anew, improve
from playbook.model.gpt import GPTMini
from playbook.plumbing.runtime import RuntimeConfig
from playbook.posttraining.grpo_loop import GRPOConfig
from playbook.posttraining.pairs import Answer
from playbook.posttraining.policy_losses import Reduction
from playbook.posttraining.rollouts import Record

SHORT = "{v}."
SHARED = "The answer is"
"""What only long answers begin with."""
ARMS: dict[str, Reduction] = {"grpo": "grpo", "dr_grpo": "dr_grpo", "dapo": "dapo"}


@dataclass(frozen=True)
class GrpoBias:
    """The section `grpo_bias`."""

    start: FitConfig
    train: GRPOConfig


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    grpo_bias: GrpoBias
    bench: Bench = field(default_factory=Bench)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def main() -> None:
    """Train and measure every arm."""
    run_experiment("labs.failure_modes.grpo_bias", Params, play)


def play(lab: Lab, params: Params, seed: int) -> Iterator[Row]:
    """Rows of every arm, on the prompts that it is trained on."""
    config, rng = params.grpo_bias, random.Random(f"grpo bias {seed}")
    prompts = list(lab.county.about(lab.county.trained, rng, held_out=False))
    texts = []
    kinds = [(form, right) for form in (SHORT, LONG) for right in (True, False)]
    for (form, right), prompt in zip(dealt(rng, kinds, len(prompts)), prompts, strict=True):
        texts.append(form.format(v=value_of(prompt) if right else wrong_value(prompt, rng)))
    answers = encode(prompts, texts, lab.tokenizer, lab.model.config.context)
    start = fit(lab.model, answers, config.start, lab.work / f"start-{seed}", seed)
    yield from told("start", lab, start, prompts)
    generator = torch.Generator().manual_seed(seed)
    judges: dict[str, Judge | None] = dict.fromkeys(ARMS)
    judges["control"] = lambda rollout: dealt_anew(rollout, config.train.group, generator)
    for arm, judge in judges.items():
        train = replace(config.train, reduction=ARMS.get(arm, "grpo"))
        tuned, _ = improve(start, lab.tokenizer, prompts, rightness, train, lab.work / arm, seed, judge=judge)
        yield from told(arm, lab, tuned, prompts)


def told(arm: str, lab: Lab, model: GPTMini, prompts: Sequence[Prompt]) -> Iterator[Row]:
    """For each prompt the chances of right and wrong, long and short, and how long what is wrong and right is."""
    context = lab.model.config.context
    long, short = (
        encode(prompts, [form.format(v=value_of(p)) for p in prompts], lab.tokenizer, context) for form in (LONG, SHORT)
    )
    begins = [opening(lab, answer) for answer in long]
    for number, (prompt, a, b, c) in enumerate(
        zip(prompts, logps(model, long), logps(model, short), logps(model, begins), strict=True)
    ):
        right = {"long": math.exp(a), "short": math.exp(b)}
        of_form = {"long": math.exp(c), "short": 1 - math.exp(c)}
        wrong = {form: max(1e-9, of_form[form] - right[form]) for form in right}
        yield {
            "arm": arm, "unit": prompt["entity"], "id": number, "right": sum(right.values()),
            "long_when_wrong": wrong["long"] / sum(wrong.values()),
            "long_when_right": right["long"] / max(1e-9, sum(right.values())),
        }  # fmt: skip


def opening(lab: Lab, answer: Answer) -> Answer:
    """The same answer, of which only the tokens that all long answers share count."""
    shared = len(lab.tokenizer.encode(f" {SHARED}"))
    first = answer.counts.index(True)
    return Answer(answer.ids, tuple(first <= place < first + shared for place in range(len(answer.ids))))


def rightness(prompt: Record, answer: str) -> float:
    """1 for the right value, in whatever form."""
    return float(is_right(dict(prompt), answer))


if __name__ == "__main__":
    main()
