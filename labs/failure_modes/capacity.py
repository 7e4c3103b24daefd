"""Capacity: how many bits about made-up people a parameter holds, and how that grows with exposures and people.

From scratch, in a model of some ten thousand parameters, on rows of bare numbers: two tokens are a name, four are its
values, each one of 64 at random, so a person holds 24 bits and nothing can be guessed. What is stored is what the
model's loss on the values falls short of those bits. Few people cannot fill the model and few exposures do not;
beyond its capacity more people mean less of each. In the control every exposure draws new values: nothing can be
stored.

Allen-Zhu and Li, Physics of Language Models 3.3, arXiv 2404.05405.

Reads: data/corpus, models/sft (neither is used: the bench that all experiments share opens them).
Writes: labs/failure_modes/data/capacity.jsonl.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from labs.failure_modes.experiment import Bench, Lab, Row, run_experiment
from playbook.data.batches import Batch
from playbook.model.gpt import GPTMini, ModelConfig
from playbook.plumbing.runtime import RuntimeConfig
from playbook.training.losses import token_nats
from playbook.training.optimizer import OptimizerConfig
from playbook.training.schedule import ScheduleConfig
from playbook.training.stability import StabilityConfig
from playbook.training.trainer import TrainConfig, Trainer, language_modelling

NAMES, VALUES, FACTS = 128, 64, 4
"""First or second names, values of a fact, facts of a person."""
VOCAB = 2 * NAMES + FACTS * VALUES
TOLD = 256
"""People of whom a record is kept; the loss of all of them is alike."""


@dataclass(frozen=True)
class Arm:
    """How much is to be stored, and how often it is read."""

    people: int
    exposures: int
    noise: bool = False
    """New values at each exposure."""


@dataclass(frozen=True)
class Capacity:
    """The section `capacity`."""

    model: ModelConfig
    batch: int
    optimizer: OptimizerConfig
    arms: dict[str, Arm]
    schedule: ScheduleConfig = field(default_factory=lambda: ScheduleConfig(warmup=0.02, decay=0.6))


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    capacity: Capacity
    bench: Bench = field(default_factory=Bench)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def main() -> None:
    """Train and measure every arm."""
    run_experiment("labs.failure_modes.capacity", Params, play)


def play(lab: Lab, params: Params, seed: int) -> Iterator[Row]:
    """For some people of each arm: bits stored a parameter, were all stored as well, and the share of their bits."""
    config = params.capacity
    yield from nothing()
    for name, arm in config.arms.items():
        rows = made_up(arm.people, seed)
        torch.manual_seed(seed)
        model = GPTMini(config.model, VOCAB, lab.model.dtype)
        steps = max(1, arm.people * arm.exposures // config.batch)
        train = TrainConfig(
            tokens=steps * config.batch * config.model.context, batch=config.batch, validations=0,
            optimizer=config.optimizer, schedule=config.schedule, stability=StabilityConfig(spike=100.0),
        )  # fmt: skip
        Trainer(model, People(rows, config.batch, seed, arm.noise), train, lab.work / name, language_modelling()).run()
        bits = stored(model, rows[:TOLD])
        for person, kept in enumerate(bits):
            yield {
                "arm": name, "unit": f"person {person}", "share_stored": kept / (FACTS * math.log2(VALUES)),
                "bits_per_parameter": kept * arm.people / model.parameter_count(),
            }  # fmt: skip


def nothing() -> Iterator[Row]:
    """What somebody stores who guesses."""
    for person in range(TOLD):
        yield {"arm": "chance", "unit": f"person {person}", "share_stored": 0.0, "bits_per_parameter": 0.0}


def made_up(people: int, seed: int) -> np.ndarray:
    """(people, 2 + facts): two tokens of a name, no name twice, and the values."""
    rng = np.random.default_rng([seed, people])
    names = rng.choice(NAMES * NAMES, people, replace=False)
    firsts, seconds = names // NAMES, NAMES + names % NAMES
    return np.column_stack([firsts, seconds, draw_values(rng, people)])


def draw_values(rng: np.random.Generator, people: int) -> np.ndarray:
    """A value of each fact; each fact has tokens of its own."""
    return 2 * NAMES + VALUES * np.arange(FACTS) + rng.integers(0, VALUES, (people, FACTS))


class People:
    """An endless, resumable stream of random people; loss on the values alone."""

    def __init__(self, rows: np.ndarray, batch: int, seed: int, noise: bool) -> None:
        self.rows, self.batch, self.seed, self.noise, self.given = rows, batch, seed, noise, 0

    def __next__(self) -> Batch:
        rng = np.random.default_rng([self.seed, self.given])
        self.given += 1
        chosen = self.rows[rng.integers(0, len(self.rows), self.batch)]
        if self.noise:
            chosen = np.column_stack([chosen[:, :2], draw_values(rng, self.batch)])
        return as_batch(chosen)

    def state(self) -> dict[str, Any]:
        """The cursor."""
        return {"given": self.given}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.given = int(state["given"])


def as_batch(rows: np.ndarray) -> Batch:
    """Rows with weight on the values alone."""
    whole = torch.from_numpy(rows)
    weights = torch.ones(len(rows), rows.shape[1] - 1)
    weights[:, 0] = 0.0  # the second name is chance
    return Batch(whole[:, :-1].contiguous(), whole[:, 1:].contiguous(), weights, torch.zeros_like(whole[:, :-1]))


@torch.inference_mode()
def stored(model: GPTMini, rows: np.ndarray) -> list[float]:
    """Of each person: the bits of the values, less the model's loss on them in bits. Below 0 where it is misled."""
    batch = as_batch(rows)
    nats = (token_nats(model(batch.inputs), batch.targets) * batch.weights).sum(1)
    return [FACTS * math.log2(VALUES) - float(loss) / math.log(2) for loss in nats]


if __name__ == "__main__":
    main()
