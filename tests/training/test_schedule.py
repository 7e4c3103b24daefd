"""Schedules at the points that define them."""

import itertools

import pytest

from playbook.plumbing.errors import InputError
from playbook.training.schedule import ScheduleConfig, learning_rate_factor


@pytest.mark.parametrize(
    ("config", "points"),
    [
        (ScheduleConfig("linear", warmup=0.0), {0.0: 1.0, 0.25: 0.75, 1.0: 0.0}),
        (ScheduleConfig("linear", warmup=0.5, final=0.1), {0.25: 0.5, 0.5: 1.0, 0.75: 0.55, 1.0: 0.1}),
        (ScheduleConfig("cosine", warmup=0.0), {0.0: 1.0, 0.5: 0.5, 1.0: 0.0}),
        (ScheduleConfig("trapezoid", warmup=0.1, decay=0.5), {0.05: 0.5, 0.1: 1.0, 0.5: 1.0, 0.75: 0.5, 1.0: 0.0}),
        (ScheduleConfig("trapezoid", warmup=0.0, decay=0.0), {0.0: 1.0, 1.0: 1.0}),
    ],
)
def test_closed_forms(config: ScheduleConfig, points: dict[float, float]) -> None:
    for done, factor in points.items():
        assert learning_rate_factor(config, done) == pytest.approx(factor), done


@pytest.mark.parametrize("kind", ["linear", "cosine", "trapezoid"])
def test_never_jumps(kind: str) -> None:
    config = ScheduleConfig(kind, warmup=0.1, decay=0.6)  # type: ignore[arg-type]
    factors = [learning_rate_factor(config, i / 1000) for i in range(1001)]
    assert max(abs(a - b) for a, b in itertools.pairwise(factors)) < 0.011


def test_overlapping_phases_are_refused() -> None:
    with pytest.raises(InputError, match=r"at most 1 - warmup = 0\.5"):
        ScheduleConfig("trapezoid", warmup=0.5, decay=0.6)
