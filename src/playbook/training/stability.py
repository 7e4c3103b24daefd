"""Runs that go wrong stop at once, with a diagnosis that names the layer, and a dump to look at.

What is watched: NaN or infinity, a loss spike, gradients that explode, layers whose gradient is dead.
"""

import math
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from playbook.plumbing.errors import InputError
from playbook.plumbing.files import write_json


@dataclass(frozen=True)
class StabilityConfig:
    """When a run is stopped."""

    spike: float = 3.0
    """Loss above the median of the last 50 steps by its size this many times less one, for 5 steps in a row."""
    explosion: float = 1e4
    """Gradient norm above this many times the median of the last 50 steps."""
    dead_after: int = 20
    """Steps in a row in which a layer's gradient is exactly zero."""


class TrainingFailure(InputError):
    """Training was stopped. `kind` is nan, spike, explosion or dead; `layer` is the layer at fault, where one is."""

    def __init__(self, kind: str, step: int, layer: str | None, finding: str, advice: str) -> None:
        self.kind, self.step, self.layer = kind, step, layer
        super().__init__(f"training, step {step}", "a run that learns", finding, advice)


class Watch:
    """Looks at each step's loss and gradients; raises `TrainingFailure`."""

    def __init__(self, model: nn.Module, config: StabilityConfig) -> None:
        self.model, self.config = model, config
        self.losses: deque[float] = deque(maxlen=50)
        self.norms: deque[float] = deque(maxlen=50)
        self.spikes = 0
        self.zero_steps: dict[str, int] = {}

    def check(self, step: int, loss: float, grad_norm: float, inputs: Tensor) -> None:
        """Judge the step whose gradients the model holds. `inputs` (batch time) serve to find a NaN's first layer."""
        if not (math.isfinite(loss) and math.isfinite(grad_norm)):
            layer = first_nonfinite_layer(self.model, inputs) or largest_gradient(self.model)
            advice = "lower the learning rate, lengthen the warm-up, or set runtime.precision to float32"
            raise TrainingFailure(
                "nan", step, layer, f"loss {loss}, gradient norm {grad_norm}; first in {layer}", advice
            )
        self._check_explosion(step, grad_norm)
        self._check_spike(step, loss)
        if step % 10 == 0:
            self._check_dead(step)
        self.losses.append(loss)
        self.norms.append(grad_norm)

    def _check_explosion(self, step: int, norm: float) -> None:
        if len(self.norms) == self.norms.maxlen and norm > self.config.explosion * median(self.norms):
            layer = largest_gradient(self.model)
            finding = f"gradient norm {norm:.3g}, median {median(self.norms):.3g}; largest in {layer}"
            raise TrainingFailure("explosion", step, layer, finding, "lower the learning rate or the clip")

    def _check_spike(self, step: int, loss: float) -> None:
        full = len(self.losses) == self.losses.maxlen
        usual = median(self.losses) if full else math.inf
        bound = usual + (self.config.spike - 1) * abs(usual) + 0.5  # some losses of post-training are below 0
        self.spikes = self.spikes + 1 if loss > bound else 0
        if self.spikes == 5:
            layer = largest_gradient(self.model)
            finding = (
                f"loss {loss:.3g} for 5 steps, median before {median(self.losses):.3g}; largest gradient in {layer}"
            )
            raise TrainingFailure("spike", step, layer, finding, "lower the learning rate; look at the dumped batch")

    def _check_dead(self, step: int) -> None:
        for name, p in self.model.named_parameters():
            dead = p.grad is None or not bool(p.grad.any())
            self.zero_steps[name] = self.zero_steps.get(name, 0) + 10 if dead else 0
            if self.zero_steps[name] > self.config.dead_after:
                finding = f"no gradient in {name} for {self.config.dead_after} steps"
                advice = "look for a detached tensor, a dead activation, or two zero-initialised layers in a row"
                raise TrainingFailure("dead", step, name, finding, advice)

    def state(self) -> dict[str, Any]:
        """For exact resume."""
        return {"losses": list(self.losses), "norms": list(self.norms), "spikes": self.spikes, "zero": self.zero_steps}

    def load_state(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self.losses.extend(state["losses"])
        self.norms.extend(state["norms"])
        self.spikes, self.zero_steps = state["spikes"], dict(state["zero"])


def largest_gradient(model: nn.Module) -> str:
    """The parameter whose gradient has the largest norm; one that is not finite counts as largest."""
    sizes = {name: float(p.grad.norm()) for name, p in model.named_parameters() if p.grad is not None}
    return max(sizes, key=lambda name: sizes[name] if math.isfinite(sizes[name]) else math.inf, default="no layer")


@torch.no_grad()
def first_nonfinite_layer(model: nn.Module, inputs: Tensor) -> str | None:
    """Run `inputs` (batch time) forward once more and name the first layer that emits NaN or infinity."""
    found: list[str] = []

    def watch(name: str) -> Any:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            if isinstance(output, Tensor) and not found and not bool(output.isfinite().all()):
                found.append(name)

        return hook

    handles = [m.register_forward_hook(watch(name)) for name, m in model.named_modules() if not list(m.children())]
    try:
        model(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return found[0] if found else None


def dump(folder: Path, failure: TrainingFailure, model: nn.Module, batch: Any) -> Path:
    """Leave what is needed to look into it: the diagnosis, the batch, the weights, each layer's gradient norm."""
    folder.mkdir(parents=True, exist_ok=True)
    norms = {n: f"{float(p.grad.norm()):.6g}" for n, p in model.named_parameters() if p.grad is not None}
    diagnosis = {"kind": failure.kind, "step": failure.step, "layer": failure.layer, "message": str(failure)}
    write_json(folder / "diagnosis.json", {**diagnosis, "gradient_norms": norms})
    torch.save({"batch": batch, "weights": model.state_dict()}, folder / "state.pt")
    return folder
