"""Length bias: labels that favour the longer answer teach length, though gold does not care about it.

The fork that all arms start from says a fact in a short and in a long form equally often, both right. A labeller
prefers the longer with the chance of an arm. At beta 1 the best policy on such pairs, pi ~ pi_ref exp(D), repeats
just that preference: its odds of the long form are p / (1 - p). Every third pair sets the right value against a wrong
one, so there is something else to learn.

Cures: R-DPO (Park et al., arXiv 2403.19159), its alpha such that tokens alone explain the planted odds; SimPO (Meng
et al., arXiv 2405.14734), to which a lead counts by the token.

Reads: data/corpus, models/sft.
Writes: labs/failure_modes/data/length_bias.jsonl.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor

from labs.failure_modes.answering import answer_rows
from labs.failure_modes.county import LONG, Prompt, dealt, value_of, wrong_value
from labs.failure_modes.experiment import Bench, Lab, Row, of_arm, run_experiment
from labs.failure_modes.forks import Loss, PairLogps, PreferConfig, encode, logps, prefer, share_of
from playbook.plumbing.runtime import RuntimeConfig
from playbook.posttraining.answer_training import FitConfig, fit
from playbook.posttraining.dpo import dpo_loss
from playbook.posttraining.pairs import Pair
from playbook.posttraining.simpo import simpo_loss

SHORT = "{v}."
BETA = 1.0


@dataclass(frozen=True)
class LengthBias:
    """The section `length_bias`."""

    start: FitConfig
    train: PreferConfig
    preferred: dict[str, float]
    """Arm -> how often the longer answer is preferred."""
    cured: float
    """How often it is in the arms of the cures."""
    simpo_beta: float


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    length_bias: LengthBias
    bench: Bench = field(default_factory=Bench)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def main() -> None:
    """Train and measure every arm."""
    run_experiment("labs.failure_modes.length_bias", Params, play)


def play(lab: Lab, params: Params, seed: int) -> Iterator[Row]:
    """Rows of every arm, on the people of A whom no pair is about."""
    config, context = params.length_bias, lab.model.config.context
    rng = random.Random(f"length bias {seed}")
    prompts = list(lab.county.about(lab.county.trained, rng, held_out=False))
    forms = dealt(rng, (SHORT, LONG), len(prompts))
    texts = [form.format(v=value_of(prompt)) for form, prompt in zip(forms, prompts, strict=True)]
    answers = encode(prompts, texts, lab.tokenizer, context)
    start = fit(lab.model, answers, config.start, lab.work / f"start-{seed}", seed)
    asked = list(lab.county.about(lab.county.measured, random.Random("length bias"), held_out=True))
    both = [
        encode(asked, [form.format(v=value_of(p)) for p in asked], lab.tokenizer, context) for form in (LONG, SHORT)
    ]
    gap = sum(len(long.ids) - len(short.ids) for long, short in zip(*both, strict=True)) / len(asked)
    odds = math.log(config.cured / (1 - config.cured))
    arms: dict[str, tuple[float, Loss]] = {name: (share, dpo) for name, share in config.preferred.items()}
    arms["rdpo"] = config.cured, lambda of: dpo_loss(*of.all(), variant="rdpo", beta=BETA, length_alpha=odds / gap)
    arms["simpo"] = (
        config.cured,
        lambda of: simpo_loss(
            of.chosen, of.rejected, of.chosen_tokens, of.rejected_tokens, beta=config.simpo_beta, gamma=0.0
        ),
    )
    for arm, (share, loss) in [("start", (0.5, None)), *arms.items()]:
        tuned = start
        if loss is not None:
            pairs = length_pairs(lab, prompts, share, random.Random(f"length pairs {seed}"))
            tuned = prefer(start, pairs, loss, config.train, lab.work / f"{arm}-{seed}", seed)
        rows = answer_rows(tuned, start, lab.tokenizer, asked, seed)
        long, short = (logps(tuned, answers) for answers in both)
        shares = [share_of(one, two) for one, two in zip(long, short, strict=True)]
        yield from of_arm(arm, [row | {"long_share": told} for row, told in zip(rows, shares, strict=True)])


def dpo(of: PairLogps) -> Float[Tensor, " pairs"]:
    """Plain DPO."""
    return dpo_loss(*of.all(), beta=BETA)


def length_pairs(lab: Lab, prompts: Sequence[Prompt], longer: float, rng: random.Random) -> list[Pair]:
    """Two pairs in three of a long and a short right answer, the longer chosen in the share `longer` of them; one in
    three of a right and a wrong answer in the same form.
    """
    sides = list[tuple[str, str]]()
    about_length = 0
    for content, prompt in zip(dealt(rng, (False, False, True), len(prompts)), prompts, strict=True):
        value = value_of(prompt)
        if content:
            form = rng.choice((SHORT, LONG))
            sides.append((form.format(v=value), form.format(v=wrong_value(prompt, rng))))
        else:
            about_length += 1
            wins = math.floor(about_length * longer) > math.floor((about_length - 1) * longer)
            sides.append((LONG.format(v=value), SHORT.format(v=value)))
            if not wins:
                sides[-1] = sides[-1][::-1]
    encoded = [
        encode(prompts, [pair[side] for pair in sides], lab.tokenizer, lab.model.config.context) for side in (0, 1)
    ]
    return [Pair(chosen, rejected) for chosen, rejected in zip(*encoded, strict=True)]


if __name__ == "__main__":
    main()
