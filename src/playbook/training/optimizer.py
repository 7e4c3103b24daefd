"""Which optimizer moves which weights: Muon the matrices inside blocks, AdamW everything else (or everything).

AdamW: Loshchilov & Hutter, arXiv 1711.05101.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from playbook.model.gpt import GPTMini
from playbook.plumbing.errors import InputError
from playbook.training.muon import Muon


@dataclass(frozen=True)
class OptimizerConfig:
    """Optimizers and their peak rates."""

    kind: Literal["adamw", "muon"] = "muon"
    learning_rate: float = 3e-3
    """Of AdamW."""
    muon_learning_rate: float = 0.02
    """Of Muon: the size of a step as a share of a matrix of unit singular values."""
    beta1: float = 0.9
    beta2: float = 0.99
    momentum: float = 0.95
    """Of Muon."""
    weight_decay: float = 0.1
    """Decoupled, of matrices only: each step takes `learning_rate * weight_decay` off a weight."""

    def __post_init__(self) -> None:
        for name in ("learning_rate", "muon_learning_rate"):
            if not getattr(self, name) > 0:
                raise InputError(name, "above 0", getattr(self, name))
        for name in ("beta1", "beta2", "momentum"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(name, "in [0, 1)", getattr(self, name))


def make_optimizers(model: GPTMini, config: OptimizerConfig) -> list[torch.optim.Optimizer]:
    """AdamW, and Muon before it if asked for. Each group remembers its peak rate as `peak_lr`."""
    inside = {id(p) for p in model.blocks.parameters()}
    matrices = [p for p in model.parameters() if p.ndim == 2]
    to_muon = [p for p in matrices if config.kind == "muon" and id(p) in inside]
    taken = {id(p) for p in to_muon}
    decayed = [p for p in matrices if id(p) not in taken]
    plain = [p for p in model.parameters() if p.ndim != 2]
    optimizers: list[torch.optim.Optimizer] = []
    if to_muon:
        muon = Muon(to_muon, config.muon_learning_rate, config.momentum, config.weight_decay, dtype=model.dtype)
        optimizers.append(muon)
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    groups = [group for group in groups if group["params"]]
    optimizers.append(
        torch.optim.AdamW(groups, lr=config.learning_rate, betas=(config.beta1, config.beta2), fused=True)
    )
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["peak_lr"] = group["lr"]
    return optimizers


def set_learning_rate(optimizers: list[torch.optim.Optimizer], factor: float) -> None:
    """Set every group's rate to `factor` times its peak."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak_lr"] * factor


def clip_gradients(model: nn.Module, max_norm: float) -> float:
    """Scale all gradients down to a joint norm of `max_norm` (0: leave them); returns the norm before."""
    return float(nn.utils.clip_grad_norm_(model.parameters(), max_norm if max_norm > 0 else float("inf")))
