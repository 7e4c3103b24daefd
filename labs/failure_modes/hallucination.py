"""Hallucination: fine-tuning on facts that the model does not know teaches it to answer without knowing.

All arms fine-tune on as many question-and-answer rows; they differ in the share of rows about people of C, of whom
the model has never read. Measured: questions about B, whom it knows and no row asks about, and about names of nobody.
In the arm `abstain` the rows about C say "I don't know." instead.

Gekhman et al., arXiv 2405.05904.

Reads: data/corpus, models/sft.
Writes: labs/failure_modes/data/hallucination.jsonl.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from labs.failure_modes.answering import answer_rows
from labs.failure_modes.experiment import Bench, Lab, Row, of_arm, run_experiment
from labs.failure_modes.forks import encode
from playbook.data.world.turns import IDK
from playbook.plumbing.runtime import RuntimeConfig
from playbook.posttraining.answer_training import FitConfig, fit


@dataclass(frozen=True)
class Hallucination:
    """The section `hallucination`."""

    train: FitConfig
    shares: dict[str, float]
    """Arm -> share of the rows that are about people of C."""
    people: int
    """So many of whom rows are about; four facts each."""
    nobody: int
    """Rows about names of nobody in every arm, labelled as unknown: else all arms would answer everything."""


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    hallucination: Hallucination
    bench: Bench = field(default_factory=Bench)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def main() -> None:
    """Train and measure every arm."""
    run_experiment("labs.failure_modes.hallucination", Params, play)


def play(lab: Lab, params: Params, seed: int) -> Iterator[Row]:
    """Rows of every arm: people of B, names of nobody, and the people of C that it was trained on."""
    config, county, rng = params.hallucination, lab.county, random.Random(f"hallucination {seed}")
    known = list(county.about(rng.sample(county.world.of("person", "A"), config.people), rng, held_out=False))
    unknown = list(county.about(rng.sample(county.world.of("person", "C"), config.people), rng, held_out=False))
    asked = list(county.about(county.world.of("person", "B")[::3], random.Random("hallucination"), held_out=True))
    asked += county.about_nobody(county.nobody(True), random.Random("hallucination"), held_out=True)
    nobody = list(county.about_nobody(rng.sample(county.nobody(False), config.nobody), rng, held_out=False))
    arms = [
        ("start", 0.0, False),
        *((arm, share, False) for arm, share in config.shares.items()),
        ("abstain", 1.0, True),
    ]
    for arm, share, abstains in arms:
        tuned = lab.model
        if arm != "start":
            cut = round(share * len(unknown))
            rows = [*unknown[:cut], *known[cut:]]
            texts = [IDK if abstains else row["answer"] for row in rows] + [IDK] * len(nobody)
            answers = encode([*rows, *nobody], texts, lab.tokenizer, lab.model.config.context)
            tuned = fit(lab.model, answers, config.train, lab.work / f"{arm}-{seed}", seed)
        yield from of_arm(arm, answer_rows(tuned, lab.model, lab.tokenizer, asked, seed, greedy=True))
        learnt = answer_rows(tuned, lab.model, lab.tokenizer, unknown, seed, greedy=True)
        yield from ({"arm": arm, "unit": row["unit"], "fitted": row["right"]} for row in learnt)


if __name__ == "__main__":
    main()
