"""Intervals: Wilson for proportions, the percentile bootstrap for everything else; exact McNemar for paired answers.

What counts is the *cluster* (an entity, a document), never the single answer: four answers about one person succeed
and fail together, and an interval that took them for independent would be too narrow.
Knows nothing of questions or models. `labs/coverage` measures how often each interval holds the truth.

Sources: Wilson, JASA 22 (1927); Kish, Survey Sampling (1965), section 8.2 (design effect); Dean and Pagano, Journal of
Survey Statistics and Methodology 3 (2015) (Wilson's interval with it); Efron and Tibshirani, An Introduction to the
Bootstrap (1993), chapters 13 and 16; McNemar, Psychometrika 12 (1947).
"""

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr, ndtri, stdtrit

from playbook.plumbing.metrics import Measurement

RESAMPLES = 2_000
FEW_CLUSTERS = 5
"""With fewer clusters than this that hold a failure (or a success) nothing can be told of how they hang together."""
UPPER = 0.975
"""What is left out is split between both ends."""

Vector = NDArray[np.float64]


def wilson(successes: float, n: float, quantile: float = float(ndtri(UPPER))) -> tuple[float, float]:
    """The 95% Wilson score interval of a proportion; both may be fractional, as an effective number is.

    >>> [round(bound, 4) for bound in wilson(10, 10)]
    [0.7225, 1.0]
    """
    z, rate = quantile, successes / n
    middle = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * float(np.sqrt(max(0.0, rate * (1 - rate) / n) + z * z / (4 * n * n)))
    return min(max(0.0, middle - half), rate), max(min(1.0, middle + half), rate)


def proportion(outcomes: ArrayLike) -> Measurement:
    """The share of true outcomes that are independent of each other, with its Wilson interval; n counts outcomes."""
    hits = np.asarray(outcomes, dtype=bool)
    return Measurement(float(hits.mean()), wilson(float(hits.sum()), hits.size), hits.size)


def ratio_of_sums(numerators: ArrayLike, denominators: ArrayLike, seed: int) -> Measurement:
    """sum(numerators) / sum(denominators) over independent units (documents, entities), bootstrapped over the units.

    The right mean of a rate whose units differ in size: nats per token over documents of unequal length.
    With one unit, or where all units agree, the interval has no width: it says nothing, and `n` shows why.
    """
    top, bottom = np.asarray(numerators, dtype=np.float64), np.asarray(denominators, dtype=np.float64)
    return bootstrap(lambda weights: (weights @ top) / (weights @ bottom), top.size, seed)


def clustered_mean(values: ArrayLike, clusters: Sequence[Hashable], seed: int) -> Measurement:
    """The mean of all values with a bootstrap interval over clusters; n counts clusters.

    `values` and `clusters` run in parallel: cluster[i] is the entity that values[i] is about.
    """
    sums, counts = _by_cluster(values, clusters)
    return ratio_of_sums(sums, counts, seed)


def clustered_proportion(outcomes: ArrayLike, clusters: Sequence[Hashable]) -> Measurement:
    """The share of true outcomes, with Wilson's interval for as many independent ones as tell as much; n: clusters.

    That is the number of outcomes over the design effect: the variance of the share as clusters scatter, over that of
    independent outcomes. The quantile is Student's, since the former is estimated from the clusters. Near 0 or 1, where
    fewer than five clusters dissent, each cluster counts as one outcome.
    """
    sums, counts = _by_cluster(np.asarray(outcomes, dtype=bool), clusters)
    n, total, share = sums.size, float(counts.sum()), float(sums.sum() / counts.sum())
    if min(int((sums > 0).sum()), int((sums < counts).sum())) < FEW_CLUSTERS:
        return Measurement(share, wilson(share * n, n), n)
    scattered = n / (n - 1) * float(((sums - share * counts) ** 2).sum()) / total  # of one outcome, if independent
    effective = total / max(1.0, scattered / (share * (1 - share)))
    return Measurement(share, wilson(share * effective, effective, float(stdtrit(n - 1, UPPER))), n)


def paired_difference(first: ArrayLike, second: ArrayLike, clusters: Sequence[Hashable], seed: int) -> Measurement:
    """mean(first - second) on the same questions, bootstrapped over clusters: above 0 where `first` is better.

    Where two rows of booleans agree throughout, the interval is what Wilson leaves open for a disagreement,
    on either side of 0.
    """
    a, b = np.asarray(first), np.asarray(second)
    difference = clustered_mean(a.astype(np.float64) - b.astype(np.float64), clusters, seed)
    if a.dtype == bool and b.dtype == bool and bool((a == b).all()):
        _, most = wilson(0, difference.n)
        return Measurement(0.0, (-most, most), difference.n)
    return difference


def mcnemar(first: ArrayLike, second: ArrayLike) -> float:
    """The exact two-sided p-value of McNemar's test: are the questions that only one side got right split evenly?

    >>> mcnemar([True] * 5, [False] * 5)  # all five disagreements favour the first: 2 * 0.5^5
    0.0625
    """
    a, b = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    only_first, only_second = int((a & ~b).sum()), int((b & ~a).sum())
    discordant = only_first + only_second
    return min(1.0, 2 * float(bdtr(min(only_first, only_second), discordant, 0.5))) if discordant else 1.0


def median_of(values: ArrayLike) -> Measurement:
    """The median of repeated timings with a distribution-free interval between two of them; n counts repetitions.

    The interval is the narrowest pair of order statistics, equally far from both ends, that holds the true median
    with at least 95% (a binomial tail each side); below six values no pair does, and it is the whole range.

    >>> median_of([5.0, 1.0, 2.0, 4.0, 3.0])
    Measurement(value=3.0, ci95=(1.0, 5.0), n=5, seeds=None)
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    n = ordered.size
    tails = [k for k in range(n // 2) if bdtr(k, n, 0.5) <= 0.025]
    cut = max(tails, default=0)
    return Measurement(float(np.median(ordered)), (float(ordered[cut]), float(ordered[n - 1 - cut])), n)


def bootstrap(statistic: Callable[[Vector], Vector], units: int, seed: int) -> Measurement:
    """The value and the 95% percentile interval of a statistic of weighted units.

    `statistic` maps weights of shape (resamples, units), how often each unit was drawn, to one number a resample;
    weights of 1 throughout give the value itself. A resample on which it is not finite (nothing drawn that it
    could divide by) is left out.
    """
    value = float(statistic(np.ones((1, units)))[0])
    rng = np.random.default_rng(seed)
    rows = max(1, 4_000_000 // units)  # at most some 32 MB of weights at a time
    sizes = [min(rows, RESAMPLES - done) for done in range(0, RESAMPLES, rows)]
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = np.concatenate([statistic(_weights(rng, size, units)) for size in sizes])
    low, high = np.percentile(drawn[np.isfinite(drawn)], [2.5, 97.5])
    return Measurement(value, (min(float(low), value), max(float(high), value)), units)


def _weights(rng: np.random.Generator, resamples: int, units: int) -> Vector:
    drawn = rng.integers(0, units, size=(resamples, units)) + np.arange(resamples)[:, None] * units
    return np.bincount(drawn.ravel(), minlength=resamples * units).reshape(resamples, units).astype(np.float64)


def _by_cluster(values: ArrayLike, clusters: Sequence[Hashable]) -> tuple[Vector, Vector]:
    """The sum and the number of values in each cluster, in order of first appearance."""
    flat = np.asarray(values, dtype=np.float64)
    if flat.size != len(clusters):
        raise ValueError(f"{flat.size} values with {len(clusters)} clusters")
    index = {cluster: i for i, cluster in enumerate(dict.fromkeys(clusters))}
    where = np.array([index[cluster] for cluster in clusters], dtype=np.intp)
    sums, counts = np.zeros(len(index)), np.zeros(len(index))
    np.add.at(sums, where, flat)
    np.add.at(counts, where, 1.0)
    return sums, counts
