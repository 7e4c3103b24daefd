"""The one `Trainer`, put to work on preference pairs: reward model and DPO differ in starting model and objective.

An objective here is a function of model and batch that also notes what TRL would log; the trainer's curve takes it up.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from playbook.data.batches import Batch
from playbook.model.gpt import GPTMini
from playbook.plumbing.errors import InputError
from playbook.plumbing.runlog import Curve
from playbook.posttraining.divergence import entropy
from playbook.posttraining.dpo import DPOVariant, chosen_nll, dpo_loss
from playbook.posttraining.log_probabilities import completion_logps
from playbook.posttraining.pairs import Pair, PairBatch, PairBatches, scored, with_reference
from playbook.posttraining.preference_metrics import preference_metrics
from playbook.posttraining.reward_loss import anchor_loss, bradley_terry_loss, reward_metrics
from playbook.posttraining.reward_model import RewardModel
from playbook.training.losses import weighted_mean
from playbook.training.optimizer import OptimizerConfig
from playbook.training.schedule import ScheduleConfig
from playbook.training.trainer import COLUMNS, Result, TrainConfig, Trainer

REWARD_COLUMNS = ("accuracy", "margin", "min_reward", "mean_reward", "max_reward")
DPO_COLUMNS = (
    "rewards/chosen", "rewards/rejected", "rewards/margins", "rewards/accuracies", "logps/chosen", "logps/rejected",
    "entropy",
)  # fmt: skip


@dataclass(frozen=True)
class PreferenceConfig:
    """What the trainings on pairs have in common."""

    epochs: float = 1.0
    """Times through the training pairs; rounded up to whole steps."""
    batch: int = 32
    """Pairs a step."""
    held_out: float = 0.2
    """Share of the people (and other topics) whose pairs are kept from training, to measure on."""
    clip: float = 1.0
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)

    def __post_init__(self) -> None:
        if self.epochs <= 0:
            raise InputError("epochs", "above 0", self.epochs)
        if self.batch < 1:
            raise InputError("batch", "at least 1 pair", self.batch)
        if not 0 < self.held_out < 1:
            raise InputError("held_out", "a share between 0 and 1", self.held_out)


@dataclass(frozen=True)
class RewardConfig(PreferenceConfig):
    """The `reward` section of params.yaml."""

    margin: float = 0.0
    """Times the `margin` of a row, where rows have one: by how much a clear preference has to lead."""
    centering: float = 0.01
    """Price of rewards whose mean over a pair is not 0."""
    anchor: float = 0.0
    """Price of a reward that is not 0 of an answer that only says that it does not know."""
    flips: float = 0.0
    """Share of the labels taken for flipped."""
    guided: bool = True
    """Show the fine-tuned model's own answer before the one that is judged (see `reference_answers`)."""


@dataclass(frozen=True)
class DPOConfig(PreferenceConfig):
    """The `dpo` section of params.yaml."""

    variant: DPOVariant = "sigmoid"
    beta: float = 0.1
    flips: float = 0.0
    """Share of the labels taken for flipped; for the variants cdpo and robust."""
    nll: float = 0.0
    """Weight of the chosen answers' nats a token, which keeps them likely."""


@runtime_checkable
class PairObjective(Protocol):
    """An objective of the trainer that tells more about a batch than its loss."""

    columns: tuple[str, ...]
    noted: dict[str, float]
    """What the last batch gave."""

    def __call__(self, model: GPTMini, batch: Batch) -> tuple[Tensor, Tensor]: ...


class RewardObjective:
    """Bradley-Terry with margin, centering and anchor."""

    columns: tuple[str, ...] = REWARD_COLUMNS

    def __init__(self, config: RewardConfig) -> None:
        self.config = config
        self.noted: dict[str, float] = {}

    def __call__(self, model: GPTMini, batch: Batch) -> tuple[Tensor, Tensor]:
        """Loss summed over pairs, and their number."""
        assert isinstance(model, RewardModel)
        assert isinstance(batch, PairBatch)
        rewards = model.rewards(batch.inputs, batch.ends)
        chosen, rejected = rewards[::2], rewards[1::2]
        margin = self.config.margin * batch.margins
        losses = bradley_terry_loss(
            chosen, rejected, margin=margin, centering=self.config.centering, flips=self.config.flips
        )
        losses = losses + self.config.anchor * anchor_loss(rewards, batch.abstains).view(-1, 2).sum(1)
        self.noted = reward_metrics(chosen.detach(), rejected.detach())
        return losses.sum(), torch.tensor(float(len(losses)))


class DPOObjective:
    """`dpo_loss` with the reference's log-probabilities that the batch brings along."""

    columns: tuple[str, ...] = DPO_COLUMNS

    def __init__(self, config: DPOConfig) -> None:
        self.config = config
        self.noted: dict[str, float] = {}

    def __call__(self, model: GPTMini, batch: Batch) -> tuple[Tensor, Tensor]:
        """Loss summed over pairs, and their number."""
        assert isinstance(batch, PairBatch)
        config, logits = self.config, model(batch.inputs)
        logps, tokens = completion_logps(logits, batch.targets, batch.weights), batch.weights.sum(1)
        losses = dpo_loss(
            logps[::2], logps[1::2], batch.reference[::2], batch.reference[1::2], tokens[::2], tokens[1::2],
            variant=config.variant, beta=config.beta, flips=config.flips,
        )  # fmt: skip
        if config.nll:
            losses = losses + config.nll * chosen_nll(logps[::2], tokens[::2])
        logps = logps.detach()
        implicit = config.beta * (logps - batch.reference)
        self.noted = preference_metrics(implicit[::2], implicit[1::2], logps[::2], logps[1::2])
        self.noted["entropy"] = weighted_mean(entropy(logits.detach()), batch.weights).item()
        return losses.sum(), torch.tensor(float(len(losses)))


def steps_of(config: PreferenceConfig, pairs: int) -> int:
    """Steps of a training on so many pairs."""
    return math.ceil(config.epochs * pairs / config.batch)


class PairTrainer(Trainer):
    """The trainer, with the columns of its objective in the curve."""

    def __init__(
        self, model: GPTMini, pairs: Sequence[Pair], config: PreferenceConfig, objective: PairObjective, work: Path,
        seed: int,
    ) -> None:  # fmt: skip
        steps = steps_of(config, len(pairs))
        train = TrainConfig(
            tokens=steps * 2 * config.batch * model.config.context,  # so the trainer counts these very steps
            batch=2 * config.batch, clip=config.clip, validations=0,
            optimizer=config.optimizer, schedule=config.schedule,
        )  # fmt: skip
        super().__init__(model, PairBatches(pairs, config.batch, seed), train, work, objective)
        self.noting = objective
        self.curve = Curve((*COLUMNS, *objective.columns))

    def _step(self) -> None:
        super()._step()
        self.curve.rows[-1] |= self.noting.noted


def train_on_pairs(
    model: GPTMini, pairs: Sequence[Pair], config: PreferenceConfig, objective: PairObjective, work: Path, seed: int
) -> Result:
    """Train `model` in place; a run that was killed goes on from its side checkpoint."""
    return PairTrainer(model, pairs, config, objective, work, seed).run()


@torch.inference_mode()
def answer_logps(model: GPTMini, pairs: Sequence[Pair], batch: int) -> Float[Tensor, " answers"]:
    """The log-probability of every answer, chosen and rejected in turn, on the CPU."""
    device = model.token_embedding.weight.device

    def logps(batch: PairBatch) -> Tensor:
        moved = batch.to(device)
        return completion_logps(model(moved.inputs), moved.targets, moved.weights)

    return scored(pairs, batch, logps).flatten()


def refer(pairs: Sequence[Pair], reference: GPTMini, model: GPTMini, batch: int) -> list[Pair]:
    """The pairs with the log-probabilities of the frozen reference, computed once instead of at every step.

    A reference with another vocabulary than the model's raises `InputError`: its ids would mean other words.
    """
    if reference.vocab_size != model.vocab_size:
        expected = f"the vocabulary of the trained model, {model.vocab_size} tokens"
        raise InputError("reference model", expected, f"{reference.vocab_size} tokens", "dvc repro sft")
    return with_reference(pairs, answer_logps(reference, pairs, batch).tolist())


def refer_used(
    pairs: Sequence[Pair], reference: GPTMini, model: GPTMini, config: PreferenceConfig, seed: int, batch: int
) -> list[Pair]:
    """`refer` for those pairs alone that `train_on_pairs` with this `config` and `seed` comes to: not all in less than
    an epoch.
    """
    used = PairBatches(pairs, config.batch, seed).upcoming(steps_of(config, len(pairs)))
    referred = dict(zip(used, refer([pairs[place] for place in used], reference, model, batch), strict=True))
    return [referred.get(place, pair) for place, pair in enumerate(pairs)]


def curve_facts(result: Result) -> dict[str, Any]:
    """Run facts of a training on pairs."""
    return {
        "tokens": result.tokens, "train_seconds": result.seconds, "tokens_per_second": result.tokens_per_second,
        "steps": len(result.curve.rows),
    }  # fmt: skip
