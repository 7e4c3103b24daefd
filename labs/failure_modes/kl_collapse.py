"""Collapse: reinforcement learning with no leash runs away from the language that it began with.

The fork says a value one to four times. The reward is one that such a policy can drive up: the number of words, up to
a bound. Gold does not care for it. The price of a nat from the reference is what keeps answers answers. PPO, with
its price in the reward, is held by a leash as GRPO is. In two arms the same rewards are dealt out anew within each
group, as much signal about nothing: without a leash (Adam makes full-sized steps of noise as well), and with it,
which is the control.

Gao et al., arXiv 2210.10760, section 3.

Reads: data/corpus, models/sft.
Writes: labs/failure_modes/data/kl_collapse.jsonl.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float
from torch import Tensor

from labs.failure_modes.answering import LONGEST, answer_rows, text_rows
from labs.failure_modes.county import dealt, value_of
from labs.failure_modes.experiment import Bench, Lab, Row, of_arm, run_experiment
from labs.failure_modes.forks import encode
from labs.failure_modes.policies import Judge, dealt_anew, improve
from playbook.model.gpt import GPTMini
from playbook.plumbing.runtime import RuntimeConfig
from playbook.posttraining.answer_training import FitConfig, fit
from playbook.posttraining.grpo_loop import GRPOConfig
from playbook.posttraining.rollouts import Record, Rollout

FORMS = ("{v}.", "{v}. {v}.", "{v}. {v}. {v}.", "{v}. {v}. {v}. {v}.")
"""How the fork begins: it repeats itself now and then, so there is something to run away with."""


@dataclass(frozen=True)
class KlCollapse:
    """The section `kl_collapse`."""

    start: FitConfig
    train: GRPOConfig
    prices: dict[str, float]
    """Arm -> price of a nat from the reference, a token."""
    ppo_price: float
    at: tuple[int, ...]
    """Steps at which the policy is measured."""


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    kl_collapse: KlCollapse
    bench: Bench = field(default_factory=Bench)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def main() -> None:
    """Train and measure every arm."""
    run_experiment("labs.failure_modes.kl_collapse", Params, play)


def play(lab: Lab, params: Params, seed: int) -> Iterator[Row]:
    """Rows of every arm at every step that is measured, and of its end without a step."""
    config = params.kl_collapse
    prompts = list(lab.county.about(lab.county.trained, random.Random(f"collapse {seed}"), held_out=False))
    forms = dealt(random.Random(seed), FORMS, len(prompts))
    texts = [form.format(v=value_of(prompt)) for form, prompt in zip(forms, prompts, strict=True)]
    answers = encode(prompts, texts, lab.tokenizer, lab.model.config.context)
    start = fit(lab.model, answers, config.start, lab.work / f"start-{seed}", seed)
    asked = list(lab.county.about(lab.county.measured, random.Random("collapse"), held_out=True))

    def told(model: GPTMini) -> list[Row]:
        return [*answer_rows(model, start, lab.tokenizer, asked, seed),
                *text_rows(model, lab.tokenizer, lab.county.texts)]  # fmt: skip

    yield from of_arm("start", told(start))
    generator = torch.Generator().manual_seed(seed)
    arms: dict[str, tuple[str, float, Judge | None]] = {n: ("grpo", beta, None) for n, beta in config.prices.items()}
    arms["ppo"] = "ppo", config.ppo_price, None

    def noise(rollout: Rollout) -> Float[Tensor, " batch"]:
        return dealt_anew(rollout, config.train.group, generator)

    arms |= {"noise": ("grpo", 0.0, noise), "control": ("grpo", max(config.prices.values()), noise)}
    for arm, (algorithm, beta, judge) in arms.items():
        on_the_way = list[Row]()
        tuned, _ = improve(
            start, lab.tokenizer, prompts, wordiness, replace(config.train, beta=beta), lab.work / arm, seed,
            algorithm=algorithm, judge=judge, at=config.at,
            measure=lambda step, model: on_the_way.extend(  # noqa: B023 - called within this turn of the loop
                of_arm(arm, answer_rows(model, start, lab.tokenizer, asked, seed), step)  # noqa: B023
            ),
        )  # fmt: skip
        yield from on_the_way
        yield from of_arm(arm, told(tuned))


def wordiness(prompt: Record, answer: str) -> float:
    """The reward: words, as a share of the most that fit."""
    return min(1.0, len(answer.split()) / (LONGEST / 2))


if __name__ == "__main__":
    main()
