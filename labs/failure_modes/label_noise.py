"""Label noise: how DPO and its robust relatives bear pairs whose labels are turned round.

Every pair sets the right value against a wrong one; a share of the labels is flipped. The fork that all arms start
from says right and wrong values in turn. cDPO takes a share of the labels for flipped and so has a finite margin;
rDPO (Chowdhury et al., arXiv 2403.00409) is unbiased under flips; IPO (Azar et al., arXiv 2310.12036) has a finite
margin of its own. Measured on people whom no pair is about: answers that are right, and how far the certainty of the
implicit reward is from how often it is right (by the labels without flips).

Reads: data/corpus, models/sft.
Writes: labs/failure_modes/data/label_noise.jsonl.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from labs.failure_modes.answering import answer_rows
from labs.failure_modes.county import Prompt, value_of, wrong_value
from labs.failure_modes.experiment import Bench, Lab, Row, of_arm, run_experiment
from labs.failure_modes.forks import Loss, PreferConfig, encode, logps, prefer
from playbook.plumbing.runtime import RuntimeConfig
from playbook.posttraining.answer_training import FitConfig, fit
from playbook.posttraining.dpo import DPOVariant, dpo_loss
from playbook.posttraining.pairs import Pair

ANOTHER_ORDER = 1000
"""Added to the seed that orders batches."""


@dataclass(frozen=True)
class Arm:
    """A loss and the labels it gets."""

    variant: DPOVariant
    flips: float
    """Share of the labels that are flipped; cdpo and robust are told it."""
    told: float | None = None
    """What they are told instead."""
    reordered: bool = False
    """The same pairs in another order: what chance alone makes of them."""


@dataclass(frozen=True)
class LabelNoise:
    """The section `label_noise`."""

    start: FitConfig
    train: PreferConfig
    beta: float
    ipo_beta: float
    arms: dict[str, Arm]


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    label_noise: LabelNoise
    bench: Bench = field(default_factory=Bench)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def main() -> None:
    """Train and measure every arm."""
    run_experiment("labs.failure_modes.label_noise", Params, play)


def play(lab: Lab, params: Params, seed: int) -> Iterator[Row]:
    """Rows of every arm, on people of A whom no pair is about and on those of the pairs."""
    config, rng = params.label_noise, random.Random(f"noise {seed}")
    prompts = list(lab.county.about(lab.county.trained, rng, held_out=False))
    asked = list(lab.county.about(lab.county.measured, random.Random("noise"), held_out=True))
    sides = sides_of(prompts, rng)
    told = [right if rng.random() < 0.6 else wrong for right, wrong in sides]
    start = fit(
        lab.model, encode(prompts, told, lab.tokenizer, lab.model.config.context), config.start,
        lab.work / f"start-{seed}", seed,
    )  # fmt: skip
    tests = [encode(asked, side, lab.tokenizer, lab.model.config.context)
             for side in zip(*sides_of(asked, random.Random("noise")), strict=True)]  # fmt: skip
    before = [logps(start, side) for side in tests]
    yield from of_arm("start", answer_rows(start, start, lab.tokenizer, asked, seed))
    for name, arm in config.arms.items():
        pairs = flipped(lab, prompts, sides, arm.flips)
        order = seed + ANOTHER_ORDER * arm.reordered
        tuned = prefer(start, pairs, loss_of(arm, config), config.train, lab.work / f"{name}-{seed}", order)
        rows = answer_rows(tuned, start, lab.tokenizer, asked, seed)
        after = [logps(tuned, side) for side in tests]
        beta = config.ipo_beta if arm.variant == "ipo" else config.beta
        for number, row in enumerate(rows):
            lead = after[0][number] - before[0][number] - (after[1][number] - before[1][number])
            sure = 1 / (1 + math.exp(-min(500.0, abs(beta * lead))))
            row |= {"reward_right": float(lead > 0), "sure": sure, "overconfidence": sure - float(lead > 0)}
        yield from of_arm(name, rows)


def sides_of(prompts: Sequence[Prompt], rng: random.Random) -> list[tuple[str, str]]:
    """(right, wrong) answers in the same form."""
    return [(f"{value_of(prompt)}.", f"{wrong_value(prompt, rng)}.") for prompt in prompts]


def flipped(lab: Lab, prompts: Sequence[Prompt], sides: Sequence[tuple[str, str]], share: float) -> list[Pair]:
    """The pairs with exactly this share of labels turned round, evenly spread."""
    turned = [math.floor((n + 1) * share) > math.floor(n * share) for n in range(len(sides))]
    given = [pair[::-1] if turn else pair for pair, turn in zip(sides, turned, strict=True)]
    both = [encode(prompts, side, lab.tokenizer, lab.model.config.context) for side in zip(*given, strict=True)]
    return [Pair(one, two) for one, two in zip(*both, strict=True)]


def loss_of(arm: Arm, config: LabelNoise) -> Loss:
    """The arm's loss, told of the flips where it can be."""
    takes = arm.variant in ("cdpo", "robust")
    share = (arm.flips if arm.told is None else arm.told) if takes else 0.0
    beta = config.ipo_beta if arm.variant == "ipo" else config.beta
    return lambda of: dpo_loss(*of.all(), variant=arm.variant, beta=beta, flips=share)


if __name__ == "__main__":
    main()
