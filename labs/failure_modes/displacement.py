"""Likelihood displacement: DPO's margin grows while the chosen answer, too, gets less likely.

Only the difference of two log-probabilities is asked for. The fine-tuned model is all but sure of the right answer, so
the margin can only be won by what is already unlikely getting unlikelier. Far pairs set the right value against an
abstention: to push down what is said in place of every value moves what all values share. Near pairs set it against a
wrong value in the same form: up to the value both sides have the same past, which cancels, and one value is
pushed down where another is sure. In the control the right answers are imitated and nothing is rejected. Cures: the
chosen answer's own nats in the loss (Pang et al., arXiv 2404.19733), DPOP (Pal et al., arXiv 2402.13228), IPO (Azar
et al., arXiv 2310.12036), which stops at a margin, and ORPO (Hong et al., arXiv 2403.07691), which imitates as well.

Razin et al., arXiv 2410.08847.

Reads: data/corpus, models/sft.
Writes: labs/failure_modes/data/displacement.jsonl.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from labs.failure_modes.county import value_of, wrong_value
from labs.failure_modes.experiment import Bench, Lab, Row, run_experiment
from labs.failure_modes.forks import Loss, PreferConfig, encode, logps, prefer
from playbook.data.world.turns import IDK
from playbook.plumbing.runtime import RuntimeConfig
from playbook.posttraining.dpo import chosen_nll, dpo_loss
from playbook.posttraining.orpo import orpo_loss
from playbook.posttraining.pairs import Pair


@dataclass(frozen=True)
class Displacement:
    """The section `displacement`."""

    train: PreferConfig
    beta: float
    ipo_beta: float
    nll: float
    """Weight of the chosen answer's nats a token."""
    people: int


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    displacement: Displacement
    bench: Bench = field(default_factory=Bench)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def main() -> None:
    """Train and measure every arm."""
    run_experiment("labs.failure_modes.displacement", Params, play)


def play(lab: Lab, params: Params, seed: int) -> Iterator[Row]:
    """For every pair: the change of both log-probabilities in nats, and what the answer's tokens lost to third ones."""
    config, rng = params.displacement, random.Random(f"displacement {seed}")
    prompts = list(lab.county.about(lab.county.trained[: config.people], rng, held_out=False))
    context = lab.model.config.context
    right, wrong = ([f"{f(p)}." for p in prompts] for f in (value_of, lambda p: wrong_value(p, rng)))
    texts = {"right": right, "wrong": wrong, "idk": [IDK] * len(prompts)}
    ids = {name: encode(prompts, said, lab.tokenizer, context) for name, said in texts.items()}
    start = lab.model
    before = {name: logps(start, answers) for name, answers in ids.items()}
    yield from ({"arm": "start", "unit": p["entity"], "chosen": 0.0, "rejected": 0.0, "third": 0.0} for p in prompts)
    for arm, (rejected, loss) in losses(config).items():
        pairs = [Pair(one, two) for one, two in zip(ids["right"], ids[rejected], strict=True)]
        tuned = prefer(start, pairs, loss, config.train, lab.work / f"{arm}-{seed}", seed)
        chosen, other = logps(tuned, ids["right"]), logps(tuned, ids[rejected])
        for number, prompt in enumerate(prompts):
            was, now = math.exp(before["right"][number]), math.exp(chosen[number])
            yield {
                "arm": arm, "unit": prompt["entity"], "chosen": chosen[number] - before["right"][number],
                "rejected": other[number] - before[rejected][number], "chosen_before": was, "chosen_after": now,
                "third": 1 - now - math.exp(other[number]) - (1 - was - math.exp(before[rejected][number])),
            }  # fmt: skip


def losses(config: Displacement) -> dict[str, tuple[str, Loss]]:
    """Arm -> what the right answer is set against, and the loss."""
    beta = config.beta
    return {
        "far": ("idk", lambda of: dpo_loss(*of.all(), beta=beta)),
        "near": ("wrong", lambda of: dpo_loss(*of.all(), beta=beta)),
        "nll": (
            "idk",
            lambda of: dpo_loss(*of.all(), beta=beta) + config.nll * chosen_nll(of.chosen, of.chosen_tokens),
        ),
        "dpop": ("idk", lambda of: dpo_loss(*of.all(), beta=beta, variant="dpop")),
        "ipo": ("idk", lambda of: dpo_loss(*of.all(), beta=config.ipo_beta, variant="ipo")),
        "control": ("idk", lambda of: chosen_nll(of.chosen, of.chosen_tokens)),
        "orpo": ("idk", lambda of: orpo_loss(of.chosen, of.rejected, of.chosen_tokens, of.rejected_tokens)),
    }


if __name__ == "__main__":
    main()
