"""The learning rate over a run, as a multiple of its peak.

Cosine: Loshchilov & Hutter, arXiv 1608.03983. Linear to zero: Bergsma et al., arXiv 2502.15938.
Trapezoid (warm-up, stable, decay): Hägele et al., arXiv 2405.18392.
"""

import math
from dataclasses import dataclass
from typing import Literal

from playbook.plumbing.errors import InputError


@dataclass(frozen=True)
class ScheduleConfig:
    """Shape of the learning rate; all shares are of the whole run."""

    kind: Literal["cosine", "linear", "trapezoid"] = "trapezoid"
    warmup: float = 0.02
    """Share of the run over which the rate rises linearly from 0."""
    decay: float = 0.6
    """Share of the run over which a trapezoid falls linearly (cosine and linear fall from the warm-up's end)."""
    final: float = 0.0
    """The last rate, as a multiple of the peak."""

    def __post_init__(self) -> None:
        for name in ("warmup", "decay", "final"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(name, "a share in [0, 1]", getattr(self, name))
        if self.kind == "trapezoid" and self.warmup + self.decay > 1:
            raise InputError("decay", f"at most 1 - warmup = {1 - self.warmup:g}", self.decay)


def learning_rate_factor(config: ScheduleConfig, done: float) -> float:
    """The multiple of the peak rate when a share `done` in [0, 1] of the run lies behind.

    >>> [learning_rate_factor(ScheduleConfig("linear", warmup=0.5), x) for x in (0.25, 0.5, 0.75, 1.0)]
    [0.5, 1.0, 0.5, 0.0]
    """
    if done < config.warmup:
        return done / config.warmup
    fall_begins = 1 - config.decay if config.kind == "trapezoid" else config.warmup
    if done <= fall_begins or fall_begins == 1:
        return 1.0
    fallen = min((done - fall_begins) / (1 - fall_begins), 1.0)
    if config.kind == "cosine":
        fallen = (1 - math.cos(math.pi * fallen)) / 2
    return 1 - fallen * (1 - config.final)
