"""Supervised fine-tuning on single answers, in memory: for short trainings of a copy, as studies need them.

What the main chain fine-tunes on is packed and lies in files (playbook.training); here each answer is a row.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from playbook.data.batches import Batch
from playbook.model.gpt import GPTMini
from playbook.posttraining.pairs import Answer, Pair, collate
from playbook.training.optimizer import OptimizerConfig
from playbook.training.schedule import ScheduleConfig
from playbook.training.trainer import TrainConfig, Trainer, language_modelling


@dataclass(frozen=True)
class FitConfig:
    """A short training on answers."""

    steps: int
    batch: int = 32
    """Answers a step."""
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=lambda: ScheduleConfig(warmup=0.1, decay=0.5))


class AnswerBatches:
    """An endless, resumable stream of answers, an even number a batch, each epoch in its own order."""

    def __init__(self, answers: Sequence[Answer], batch: int, seed: int) -> None:
        self.answers, self.batch, self.seed, self.given = answers, batch, seed, 0

    def __next__(self) -> Batch:
        places = range(self.given, self.given + self.batch)
        self.given += self.batch
        orders = {
            epoch: np.random.default_rng([self.seed, epoch]).permutation(len(self.answers))
            for epoch in {place // len(self.answers) for place in places}
        }
        rows = [self.answers[orders[place // len(self.answers)][place % len(self.answers)]] for place in places]
        return collate([Pair(*both) for both in zip(rows[::2], rows[1::2], strict=True)])  # its rows are all answers

    def state(self) -> dict[str, Any]:
        """The cursor."""
        return {"given": self.given}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.given = int(state["given"])


def fit(model: GPTMini, answers: Sequence[Answer], config: FitConfig, work: Path, seed: int) -> GPTMini:
    """Train a copy of `model`, with loss on the answers alone, and return it; `work` is for its side checkpoint."""
    tuned = copy.deepcopy(model)
    train = TrainConfig(
        tokens=config.steps * config.batch * model.config.context,  # so the trainer counts these very steps
        batch=config.batch, validations=0, optimizer=config.optimizer, schedule=config.schedule,
    )  # fmt: skip
    Trainer(tuned, AnswerBatches(answers, config.batch, seed), train, work, language_modelling()).run()
    return tuned
