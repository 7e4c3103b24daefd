"""Small forks of the fine-tuned model: trained on pairs in seconds, by the one trainer of the project."""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from labs.failure_modes.county import Prompt
from playbook.data.batches import Batch
from playbook.model.gpt import GPTMini
from playbook.posttraining.log_probabilities import completion_logps
from playbook.posttraining.pairs import Answer, Pair, PairBatch, encode_answer
from playbook.posttraining.preference_training import PairTrainer, PreferenceConfig, answer_logps, refer
from playbook.text.tokenizer import Tokenizer
from playbook.training.optimizer import OptimizerConfig
from playbook.training.schedule import ScheduleConfig
from playbook.training.validation import Validation

AT_ONCE = 128
"""Rows or pairs that are scored together."""
Measure = Callable[[int, GPTMini], None]
"""Told how many steps are done, and the model as it then is."""


@dataclass(frozen=True)
class PreferConfig:
    """A short training on pairs."""

    steps: int
    batch: int = 16
    """Pairs a step."""
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=lambda: ScheduleConfig(warmup=0.1, decay=0.5))


@dataclass(frozen=True)
class PairLogps:
    """What a loss on pairs is a function of: log-probabilities in nats, and tokens, of chosen and rejected answers."""

    chosen: Float[Tensor, " pairs"]
    rejected: Float[Tensor, " pairs"]
    reference_chosen: Float[Tensor, " pairs"]
    reference_rejected: Float[Tensor, " pairs"]
    chosen_tokens: Float[Tensor, " pairs"]
    rejected_tokens: Float[Tensor, " pairs"]

    def all(self) -> tuple[Tensor, ...]:
        """In the order in which `dpo_loss` takes them."""
        return (self.chosen, self.rejected, self.reference_chosen, self.reference_rejected, self.chosen_tokens,
                self.rejected_tokens)  # fmt: skip


Loss = Callable[[PairLogps], Float[Tensor, " pairs"]]


class LossObjective:
    """Any loss on pairs as an objective of the trainer."""

    columns: tuple[str, ...] = ()

    def __init__(self, loss: Loss) -> None:
        self.loss = loss
        self.noted: dict[str, float] = {}

    def __call__(self, model: GPTMini, batch: Batch) -> tuple[Tensor, Tensor]:
        """Loss summed over pairs, and their number."""
        assert isinstance(batch, PairBatch)
        logps = completion_logps(model(batch.inputs), batch.targets, batch.weights)
        tokens = batch.weights.sum(1)
        losses = self.loss(PairLogps(*(part[side::2] for part in (logps, batch.reference, tokens) for side in (0, 1))))
        return losses.sum(), torch.tensor(float(len(losses)))


def encode(prompts: Sequence[Prompt], answers: Sequence[str], tokenizer: Tokenizer, context: int) -> list[Answer]:
    """Prompts with the answers given to them, as ids."""
    turns = [[{"role": "assistant", "content": text}] for text in answers]
    return [
        encode_answer(prompt["messages"], turn, tokenizer, context)
        for prompt, turn in zip(prompts, turns, strict=True)
    ]  # fmt: skip


def fork(model: GPTMini) -> GPTMini:
    """A copy that can be trained."""
    return copy.deepcopy(model)


def prefer(
    model: GPTMini, pairs: Sequence[Pair], loss: Loss, config: PreferConfig, work: Path, seed: int,
    measure: Measure | None = None, times: int = 1,
) -> GPTMini:  # fmt: skip
    """Train a fork on pairs, away from `model` as the reference; `measure` sees it `times` times, evenly spread."""
    tuned = fork(model)
    referred = refer(pairs, model, model, AT_ONCE)
    epochs = config.steps * config.batch / len(pairs)
    settings = PreferenceConfig(
        epochs=epochs, batch=config.batch, optimizer=config.optimizer, schedule=config.schedule
    )  # fmt: skip
    trainer = PairTrainer(tuned, referred, settings, LossObjective(loss), work, seed)
    trainer.steps = config.steps
    if measure is not None:
        trainer.config = replace(trainer.config, validations=times)

        def seen(now: GPTMini) -> Validation:
            measure(trainer.step + 1, now)
            return Validation(np.zeros(1), np.ones(1), 1)  # the trainer wants a loss, and nobody reads this one

        trainer.validate = seen
    trainer.run()
    return tuned


def logps(model: GPTMini, answers: Sequence[Answer]) -> list[float]:
    """The log-probability of each answer, in nats."""
    even = [*answers, *answers[-1:]] if len(answers) % 2 else list(answers)
    pairs = [Pair(*both) for both in zip(even[::2], even[1::2], strict=True)]
    return [float(value) for value in answer_logps(model, pairs, AT_ONCE)[: len(answers)]]


def share_of(first: float, second: float) -> float:
    """The chance of the first of two answers, given that it is one of them, from their log-probabilities.

    >>> share_of(math.log(0.3), math.log(0.1))
    0.75
    """
    return round(1 / (1 + math.exp(min(700.0, second - first))), 12)
