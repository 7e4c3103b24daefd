"""Length bias of GRPO's normaliser: dividing each answer's loss by its length lets long wrong answers off lightly.

The fork says the right value or a courtesy, once or three times over, all four equally often; only the value is
rewarded. Whether to go on is decided after it was said once, so the decision can depend on what it was. A wrong value
would not do in place of the courtesy: a small model does not tell there whether its value was right, and then the two
pushes cancel. With the mean over each answer's tokens, stopping after the courtesy is punished by more a token than
going on, and stopping after the value is paid more: what is wrong gets longer, what is right shorter. Sums divided by a
constant (Dr. GRPO), or by the tokens of the step (DAPO), push all tokens alike.

Measured exactly, not by sampling: the chance to go on after the right value, and after the courtesy.

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
from labs.failure_modes.county import NOTED, Prompt, dealt, value_of
from labs.failure_modes.experiment import Bench, Lab, Row, run_experiment
from labs.failure_modes.forks import encode, logps
from labs.failure_modes.policies import Judge, dealt_anew, improve
from playbook.model.gpt import GPTMini
from playbook.plumbing.runtime import RuntimeConfig
from playbook.posttraining.answer_training import FitConfig, fit
from playbook.posttraining.grpo_loop import GRPOConfig
from playbook.posttraining.pairs import Answer
from playbook.posttraining.policy_losses import Reduction
from playbook.posttraining.rollouts import Record

SHORT, LONG = "{v}.", "{v}. {v}. {v}."
COURTESY = NOTED.removesuffix(".")
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
        texts.append(form.format(v=value_of(prompt) if right else COURTESY))
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
    """For each prompt the chance to go on after the right value and after the courtesy, and that of the right value."""
    said = {"right": [SHORT.format(v=value_of(p)) for p in prompts], "wrong": [NOTED] * len(prompts)}
    whole = {kind: encode(prompts, texts, lab.tokenizer, lab.model.config.context) for kind, texts in said.items()}
    ends = {kind: logps(model, [last_only(answer) for answer in answers]) for kind, answers in whole.items()}
    values = logps(model, [all_but_last(answer) for answer in whole["right"]])
    for number, prompt in enumerate(prompts):
        yield {
            "arm": arm, "unit": prompt["entity"], "id": number, "right": math.exp(values[number]),
            **{f"long_when_{kind}": 1 - math.exp(nats[number]) for kind, nats in ends.items()},
        }  # fmt: skip


def last_only(answer: Answer) -> Answer:
    """The same answer, of which only the end of the turn counts."""
    return Answer(answer.ids, tuple(place == len(answer.ids) - 1 for place in range(len(answer.ids))))


def all_but_last(answer: Answer) -> Answer:
    """The same answer without the end of the turn."""
    return Answer(answer.ids, (*answer.counts[:-1], False))


def rightness(prompt: Record, answer: str) -> float:
    """1 for the right value, in whatever form."""
    return float(is_right(dict(prompt), answer))


if __name__ == "__main__":
    main()
