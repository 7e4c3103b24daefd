"""Claims and their verdicts: was what was expected seen, in every seed, and beyond the noise?

Every arm answers the same prompts with every seed, so arms are compared row by row. What the bootstrap draws anew are
seeds and units (the people asked about) at once, independently: both are samples, and every seed meets every unit.
With three seeds its interval errs on the narrow side, so a claim must also hold in each seed alone.

Crossed resampling: Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1 (2007).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from playbook.plumbing.errors import InputError
from playbook.plumbing.metrics import Measurement

RESAMPLES = 2_000
Row = Mapping[str, Any]
Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE"]
Table = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Sums and counts, (seeds, units) each."""


@dataclass(frozen=True)
class Claim:
    """What is expected of two arms, written before the run."""

    says: str
    """The quantity in words, as the subject of a sentence: "The length of answers with ... against ..."."""
    measure: str
    arm: str
    than: str
    expected: Literal["above", "below", "near"]
    within: float = 0.0
    """For `near`: how far apart the arms may be at most, in units of the measure."""
    known: bool | None = None
    """Only rows about prompts that have an answer (true), or have none (false)."""

    def __post_init__(self) -> None:
        if (self.expected == "near") != (self.within > 0):
            raise InputError("within", "above 0 for `near`, and 0 otherwise", self.within)


@dataclass(frozen=True)
class Judged:
    """A claim beside what was measured."""

    claim: Claim
    difference: Measurement
    by_seed: dict[int, float]
    verdict: Verdict


def judge(claim: Claim, rows: Sequence[Row], seed: int = 1) -> Judged:
    """Compare the two arms of a claim.

    above (below): PASS if the interval of the difference lies above (below) 0 and every seed does, FAIL if the interval
    lies on the other side. near: PASS if the whole interval lies within the bounds, FAIL if all of it lies outside:
    a control too noisy to show anything is no quiet control.
    """
    of = [row for row in rows if claim.known is None or row.get("known") == claim.known]
    difference, by_seed = compare(of, claim.arm, claim.than, claim.measure, seed)
    low, high = difference.ci95
    verdict: Verdict = "INCONCLUSIVE"
    if claim.expected == "near":
        if low >= -claim.within and high <= claim.within:
            verdict = "PASS"
        elif low > claim.within or high < -claim.within:
            verdict = "FAIL"
    else:
        sign = 1 if claim.expected == "above" else -1
        nearest, furthest = sorted((sign * low, sign * high))
        if nearest > 0 and all(sign * value > 0 for value in by_seed.values()):
            verdict = "PASS"
        elif furthest < 0:
            verdict = "FAIL"
    return Judged(claim, difference, by_seed, verdict)


def together(claims: Sequence[Judged], control: Judged) -> Verdict:
    """FAIL if anything fails, PASS if everything passes and the control is quiet, else INCONCLUSIVE."""
    found = {judged.verdict for judged in [*claims, control]}
    return "FAIL" if "FAIL" in found else "PASS" if found == {"PASS"} else "INCONCLUSIVE"


def compare(
    rows: Iterable[Row], arm: str, than: str, measure: str, seed: int
) -> tuple[Measurement, dict[int, float]]:  # fmt: skip
    """mean(arm) - mean(than) with its interval, and that of each seed alone."""
    kept = [row for row in rows if measure in row and name_of(row) in (arm, than)]
    for name in (arm, than):
        if not any(name_of(row) == name for row in kept):
            raise InputError(f"claim about {measure!r}", f"rows of the arm {name!r} that hold it", "none")
    seeds, units = _axes(kept)
    one, two = (_table([row for row in kept if name_of(row) == name], measure, seeds, units) for name in (arm, than))
    by_seed = {number: _mean(one, at) - _mean(two, at) for at, number in enumerate(seeds)}

    def difference(w: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
        return _weighted(one, w, v) - _weighted(two, w, v)

    return _bootstrapped(difference, len(seeds), len(units), seed), by_seed


def measured(rows: Iterable[Row], arm: str, measure: str, seed: int = 1) -> Measurement | None:
    """The mean of a measure in an arm with its interval; None where no row holds it."""
    kept = [row for row in rows if measure in row and name_of(row) == arm]
    if not kept:
        return None
    seeds, units = _axes(kept)
    table = _table(kept, measure, seeds, units)
    return _bootstrapped(lambda w, v: _weighted(table, w, v), len(seeds), len(units), seed)


def name_of(row: Row) -> str:
    """An arm, or an arm at a step: "small@12"."""
    return f"{row['arm']}@{row['step']}" if "step" in row else str(row["arm"])


def _axes(rows: Sequence[Row]) -> tuple[list[int], list[str]]:
    return sorted({row["seed"] for row in rows}), list(dict.fromkeys(str(row["unit"]) for row in rows))


def _table(rows: Sequence[Row], measure: str, seeds: Sequence[int], units: Sequence[str]) -> Table:
    sums, counts = np.zeros((len(seeds), len(units))), np.zeros((len(seeds), len(units)))
    at = {unit: place for place, unit in enumerate(units)}
    for row in rows:
        place = seeds.index(row["seed"]), at[str(row["unit"])]
        sums[place] += float(row[measure])
        counts[place] += 1
    return sums, counts


def _mean(table: Table, at: int) -> float:
    return float(table[0][at].sum() / table[1][at].sum()) if table[1][at].sum() else float("nan")


def _weighted(table: Table, w: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means under weights of seeds and of units, (resamples, seeds) and (resamples, units)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found: NDArray[np.float64] = ((w @ table[0]) * v).sum(1) / ((w @ table[1]) * v).sum(1)
    return found


def _bootstrapped(statistic: Any, seeds: int, units: int, seed: int) -> Measurement:
    rng = np.random.default_rng(seed)
    value = float(statistic(np.ones((1, seeds)), np.ones((1, units)))[0])
    w = rng.multinomial(seeds, [1 / seeds] * seeds, RESAMPLES).astype(np.float64)
    v = rng.multinomial(units, [1 / units] * units, RESAMPLES).astype(np.float64)
    drawn = statistic(w, v)
    low, high = np.percentile(drawn[np.isfinite(drawn)], [2.5, 97.5])
    return Measurement(value, (min(float(low), value), max(float(high), value)), units, seeds)
