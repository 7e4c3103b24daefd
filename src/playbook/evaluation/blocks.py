"""Arms that were run with the same seeds, against one of them: the randomised block design, each seed a block.

A seed (initial weights, order of batches) moves all arms a little together, and a difference within the seed takes that
out. What is left of chance is estimated from all arms at once: three differences alone hardly tell their own spread
(Student's t with two degrees of freedom: 4.3), pooled over twenty arms they do. Intervals are simultaneous: with 95%
all of them hold, so that the best of many arms does not look better by selection alone.
Knows numbers only; takes the spread between seeds for the same in every arm.

Sources: Fisher, The Design of Experiments (1935), chapter 4; Sidak, JASA 62 (1967), for many intervals at once.
"""

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from scipy.special import stdtrit

from playbook.plumbing.metrics import Measurement

LEVEL = 0.95


def means(runs: Mapping[str, Sequence[float]], left_out: Collection[str] = ()) -> dict[str, Measurement]:
    """The mean of each arm over its seeds; n and `seeds` count them. Intervals are of each arm alone."""
    error, freedom = pooled_error({arm: found for arm, found in runs.items() if arm not in left_out})
    return {arm: _around(float(np.mean(found)), error / len(found), freedom, 1, found) for arm, found in runs.items()}


def differences(
    runs: Mapping[str, Sequence[float]], baseline: str, left_out: Collection[str] = ()
) -> dict[str, Measurement]:
    """mean(arm - baseline) of every other arm. `runs[arm][i]` is the result with the i-th seed.

    Arms of `left_out` are compared, but say nothing about the spread: those whose seeds are not the others', or that
    failed to learn.
    """
    error, freedom = pooled_error({arm: found for arm, found in runs.items() if arm not in left_out})
    base, arms = np.asarray(runs[baseline], dtype=np.float64), [arm for arm in runs if arm != baseline]
    found = {}
    for arm in arms:
        change = float(np.mean(np.asarray(runs[arm], dtype=np.float64) - base))
        found[arm] = _around(change, 2 * error / base.size, freedom, len(arms), runs[arm])
    return found


def pooled_error(runs: Mapping[str, Sequence[float]]) -> tuple[float, int]:
    """The variance of a run that neither its arm nor its seed explains, and its degrees of freedom.

    >>> pooled_error({"a": [1.0, 2.0, 3.0], "b": [3.0, 4.0, 5.0]})  # all of it explained
    (0.0, 2)
    """
    table = np.array(list(runs.values()), dtype=np.float64)
    arms, seeds = table.shape
    if arms < 2 or seeds < 2:
        raise ValueError(f"a spread needs two arms and two seeds at least, got {arms} and {seeds}")
    left = table - table.mean(1, keepdims=True) - table.mean(0, keepdims=True) + table.mean()
    freedom = (arms - 1) * (seeds - 1)
    return float((left**2).sum() / freedom), freedom


def _around(value: float, variance: float, freedom: int, many: int, found: Sequence[float]) -> Measurement:
    """An interval of the level that makes `many` of them hold together."""
    level = LEVEL ** (1 / many)
    half = float(stdtrit(freedom, (1 + level) / 2)) * math.sqrt(variance)
    return Measurement(value, (value - half, value + half), len(found), len(found))
