"""An arm of the study: the default with one choice changed. Knows how to build and feed it, not how it is measured."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from playbook.data.batches import BatchStream, open_stream
from playbook.data.token_file import TokenFile
from playbook.model.block import NormPosition
from playbook.model.gpt import GPTMini, ModelConfig
from playbook.model.mlp import Activation
from playbook.plumbing.runtime import RuntimeConfig, start
from playbook.training.trainer import TrainConfig, Trainer

DATA = Path("labs/ablations/data")
DEFAULT, CONTROL = "default", "control"


@dataclass(frozen=True)
class Arm:
    """What differs from the default; None where nothing does. From `preset` on, fields of `ModelConfig`."""

    title: str
    asks: str = ""
    """The key of the main chain's params.yaml that it puts in question."""
    vocabulary: Literal["bpe", "char"] = "bpe"
    precision: Literal["float32", "bfloat16"] | None = None
    seeds_after: int = 0
    """Added to each seed: the control is the default with other seeds."""
    optimizer: Literal["adamw", "muon"] | None = None
    batch: int | None = None
    """Rows a step."""
    schedule: Literal["cosine", "linear", "trapezoid"] | None = None
    document_mask: bool | None = None
    preset: Literal["gpt2", "modern"] | None = None
    context: int | None = None
    """Tokens of a row."""
    norm: Literal["layernorm", "rmsnorm"] | None = None
    norm_position: NormPosition | None = None
    convolution: int | None = None
    rope_theta: float | None = None
    position: Literal["learned", "rope"] | None = None
    activation: Activation | None = None
    qk_norm: bool | None = None
    tie_embeddings: bool | None = None
    zero_init: bool | None = None

    def model(self, base: ModelConfig) -> ModelConfig:
        """The default's shape with this arm's changes."""
        own = {field.name: getattr(self, field.name) for field in fields(ModelConfig) if hasattr(self, field.name)}
        return replace(base, **_set(own))

    def training(self, base: TrainConfig, tokens: int) -> TrainConfig:
        """The default's training over `tokens` input tokens, with this arm's changes."""
        optimizer = replace(base.optimizer, **_set({"kind": self.optimizer}))
        schedule = replace(base.schedule, **_set({"kind": self.schedule}))
        changed = _set({"batch": self.batch, "document_mask": self.document_mask})
        return replace(base, tokens=tokens, optimizer=optimizer, schedule=schedule, **changed)


def _set(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def make_trainer(
    arm: Arm, model: ModelConfig, train: TrainConfig, tokens: int, runtime: RuntimeConfig, data: Path, work: Path
) -> Trainer:
    """An arm ready to be trained on the token files of `data`, from the seed of `runtime`."""
    seed = runtime.seed + arm.seeds_after
    running = start(replace(runtime, seed=seed, **_set({"precision": arm.precision})))
    config, shape = arm.training(train, tokens), arm.model(model)
    file = TokenFile.open(data / arm.vocabulary / "county.tokens")
    network = GPTMini(shape, file.header.vocab_size, running.dtype).to(running.device)
    return Trainer(network, _batches(file, shape.context, config.batch, seed), config, work)


def _batches(file: TokenFile, context: int, rows: int, seed: int) -> BatchStream:
    file.verify()
    return open_stream(file, context, rows, seed)


def seconds_of_steps(trainer: Trainer, steps: int, clock: Any) -> float:
    """How long the next `steps` steps of a trainer take by `clock`. Its schedule starts again each time; nothing is
    saved on the way, which would cost time and be taken up again."""
    trainer.checkpoint_seconds = math.inf
    trainer.step, trainer.steps = 0, steps
    began = clock()
    trainer.run()
    return float(clock() - began)


def turns(rounds: int) -> Iterator[tuple[int, bool]]:
    """(round, whether the arm goes first): who begins changes, so that a machine that slows down favours nobody."""
    for number in range(rounds):
        yield number, number % 2 == 0
