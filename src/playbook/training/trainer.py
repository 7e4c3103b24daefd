"""The training loop: batches, loss, gradient, step; with curve, validation, checks, and exact resume after a kill.

Pretraining, SFT, reward model and DPO differ in the starting model, the batches and the objective; they share this.
"""

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from playbook.data.batches import Batch
from playbook.model.gpt import GPTMini
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import atomic_write
from playbook.plumbing.live import tell_live
from playbook.plumbing.runlog import Curve, progress, say
from playbook.training.losses import token_nats
from playbook.training.optimizer import OptimizerConfig, clip_gradients, make_optimizers, set_learning_rate
from playbook.training.schedule import ScheduleConfig, learning_rate_factor
from playbook.training.stability import StabilityConfig, TrainingFailure, Watch, dump
from playbook.training.validation import Validation

COLUMNS = (
    "step", "num_tokens", "seconds", "loss", "val_loss", "val_bits_per_byte", "learning_rate", "grad_norm",
)  # fmt: skip


@dataclass(frozen=True)
class TrainConfig:
    """How long, in what steps, and with what optimizer a model is trained."""

    tokens: int
    """Input tokens in all, padding included; rounded up to whole steps."""
    batch: int = 64
    """Rows that go through the model at once."""
    accumulate: int = 1
    """Such batches before each step of the optimizer."""
    clip: float = 1.0
    """Joint gradient norm is scaled down to this; 0: never."""
    validations: int = 10
    """How often the held-out loss is measured, evenly spread, the last at the end."""
    document_mask: bool = False
    """Keep attention within each of the documents packed into a row."""
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    stability: StabilityConfig = field(default_factory=StabilityConfig)

    def __post_init__(self) -> None:
        for name in ("tokens", "batch", "accumulate"):
            if getattr(self, name) < 1:
                raise InputError(name, "at least 1", getattr(self, name))


@runtime_checkable
class Batches(Protocol):
    """An endless stream of batches that can say where it stands and go back there."""

    def __next__(self) -> Batch: ...
    def state(self) -> dict[str, Any]: ...
    def load_state(self, state: dict[str, Any]) -> None: ...


@runtime_checkable
class Listener(Protocol):
    """Batches that follow on how well those before were learnt, as a curriculum's do."""

    def observe(self, loss: float) -> None: ...


Objective = Callable[[GPTMini, Batch], tuple[Tensor, Tensor]]
"""Loss summed over a batch, and the weight to divide by: so accumulated batches add up exactly."""


def language_modelling(document_mask: bool = False, emphasis: Float[Tensor, " vocab"] | None = None) -> Objective:
    """Next-token prediction: the weighted cross-entropy of `Batch.targets`; `emphasis` is a further weight by target.

    Only targets that carry loss get logits: in conversations that is a third of them, and the head with its softmax is
    a fifth of a step.
    """

    def objective(model: GPTMini, batch: Batch) -> tuple[Tensor, Tensor]:
        hidden = model.hidden(batch.inputs, batch.documents if document_mask else None).flatten(0, 1)
        counted = batch.weights.flatten().nonzero()[:, 0]
        logits, weights = model.head(hidden.index_select(0, counted)).float(), batch.weights.flatten()[counted]
        targets = batch.targets.flatten()[counted]
        if emphasis is not None:
            weights = weights * emphasis[targets]
        return (token_nats(logits, targets) * weights).sum(), weights.sum()

    return objective


@dataclass(frozen=True)
class Result:
    """What a run leaves beside the trained model."""

    curve: Curve
    tokens: int
    seconds: float
    """Of training alone: validation and checkpoints are not counted."""
    operations: float
    """Of its matrix products, see `GPTMini.flops_per_token`."""

    @property
    def tokens_per_second(self) -> float:
        """Input tokens a second of training."""
        return self.tokens / self.seconds


class Trainer:
    """Trains `model` in place. `work` holds the side checkpoint: a run that finds one there goes on from it."""

    checkpoint_seconds = 20.0

    def __init__(
        self,
        model: GPTMini,
        batches: Batches,
        config: TrainConfig,
        work: Path,
        objective: Objective | None = None,
        validate: Callable[[GPTMini], Validation] | None = None,
    ) -> None:
        self.model, self.batches, self.config, self.work = model, batches, config, work
        self.objective = objective or language_modelling(config.document_mask)
        self.validate = validate
        self.optimizers = make_optimizers(model, config.optimizer)
        self.watch = Watch(model, config.stability)
        self.curve = Curve(COLUMNS)
        self.step = self.tokens = 0
        self.seconds = self.operations = 0.0
        self.device = model.token_embedding.weight.device
        self.steps = math.ceil(config.tokens / (config.batch * config.accumulate * model.config.context))

    @property
    def checkpoint(self) -> Path:
        """The side checkpoint."""
        return self.work / "trainer.pt"

    def run(self) -> Result:
        """Train to the end, from the side checkpoint if there is one."""
        if self.checkpoint.exists():
            self.load()
            say(f"resumed at step {self.step} of {self.steps}")
        saved = time.perf_counter()
        self.model.train()
        for step in progress(range(self.step, self.steps), "train", total=self.steps, start=self.step):
            self.step = step
            self._step()
            self._validate_if_due()
            if time.perf_counter() - saved > self.checkpoint_seconds:
                self.step += 1
                self.save()
                saved = time.perf_counter()
        self.model.eval()
        return Result(self.curve, self.tokens, self.seconds, self.operations)

    def _step(self) -> None:
        began = time.perf_counter()
        factor = learning_rate_factor(self.config.schedule, (self.step + 0.5) / self.steps)
        set_learning_rate(self.optimizers, factor)
        micro_batches = [next(self.batches).to(self.device) for _ in range(self.config.accumulate)]
        loss, norm = self._gradients(micro_batches)
        try:
            self.watch.check(self.step, loss, norm, micro_batches[0].inputs)
        except TrainingFailure as failure:
            say(f"dumped to {dump(self.work.parent / 'failure', failure, self.model, micro_batches)}")
            raise
        if isinstance(self.batches, Listener):
            self.batches.observe(loss)
        for optimizer in self.optimizers:
            optimizer.step()
        self.tokens += sum(batch.inputs.numel() for batch in micro_batches)
        self.seconds += time.perf_counter() - began
        self.curve.add(
            step=self.step + 1, num_tokens=self.tokens, seconds=round(self.seconds, 3), loss=loss,
            learning_rate=self.config.optimizer.learning_rate * factor, grad_norm=norm,
        )  # fmt: skip

    def _gradients(self, micro_batches: list[Batch]) -> tuple[float, float]:
        """Leave the clipped mean gradient in the model; returns the mean loss and the norm before clipping."""
        self.model.zero_grad(set_to_none=True)
        total = weight = 0.0
        for batch in micro_batches:
            loss, count = self.objective(self.model, batch)
            loss.backward()
            total, weight = total + float(loss.detach()), weight + float(count)
            rows, context = batch.inputs.shape
            share = float(count) / (rows * context)
            self.operations += self.model.flops_per_token(context, share) * rows * context
        if weight == 0:
            raise InputError(
                f"training, step {self.step}", "targets that carry loss", "a batch without any", "raise batch"
            )
        torch._foreach_div_([p.grad for p in self.model.parameters() if p.grad is not None], weight)
        return total / weight, clip_gradients(self.model, self.config.clip)

    def _validate_if_due(self) -> None:
        count, done = self.config.validations, self.step + 1
        due = count > 0 and done * count // self.steps > (done - 1) * count // self.steps
        if self.validate is None or not due:
            return
        self.model.eval()
        held_out = self.validate(self.model)
        self.model.train()
        self.curve.rows[-1] |= {"val_loss": held_out.loss, "val_bits_per_byte": held_out.bits_per_byte}
        tell_live({"step": done, "val_loss": held_out.loss, "val_bits_per_byte": held_out.bits_per_byte})
        facts = {"loss": self.curve.rows[-1]["loss"], "val_loss": held_out.loss, "seconds": self.seconds}
        say(f"step {done}/{self.steps}", facts)

    def save(self) -> None:
        """Write the side checkpoint: everything the next step depends on."""
        state = {
            "step": self.step, "tokens": self.tokens, "seconds": self.seconds, "operations": self.operations,
            "rows": self.curve.rows,
            "model": self.model.state_dict(), "optimizers": [o.state_dict() for o in self.optimizers],
            "batches": self.batches.state(), "watch": self.watch.state(), "rng": rng_state(),
        }  # fmt: skip
        with atomic_write(self.checkpoint, "wb") as handle:
            torch.save(state, handle)

    def load(self) -> None:
        """Take up the side checkpoint. A broken one raises `InputError`; deleting it starts the run afresh."""
        try:
            state = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
            self.model.load_state_dict(state["model"])
        except Exception as error:
            raise InputError(self.checkpoint, "a whole side checkpoint", error, f"rm {self.checkpoint}") from error
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.batches.load_state(state["batches"])
        self.watch.load_state(state["watch"])
        self.curve.rows = state["rows"]
        self.step, self.tokens = state["step"], state["tokens"]
        self.seconds, self.operations = state["seconds"], state["operations"]
        set_rng_state(state["rng"])


def rng_state() -> dict[str, Any]:
    """The state of every random generator, as plain data."""
    version, keys, gauss = random.getstate()
    name, numbers, *rest = np.random.get_state(legacy=True)
    state: dict[str, Any] = {"python": [version, list(keys), gauss], "torch": torch.get_rng_state()}
    state["numpy"] = [name, np.asarray(numbers).tolist(), *rest]
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def set_rng_state(state: dict[str, Any]) -> None:
    """The inverse of `rng_state`."""
    version, keys, gauss = state["python"]
    random.setstate((version, tuple(keys), gauss))
    name, numbers, *rest = state["numpy"]
    np.random.set_state((name, np.array(numbers, dtype=np.uint32), *rest))
    torch.set_rng_state(state["torch"].cpu())
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state_all([s.cpu() for s in state["cuda"]])
