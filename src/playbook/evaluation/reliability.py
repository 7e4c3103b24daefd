"""pass^k: the chance that k independent tries at a task all succeed, which is what a user of an agent lives with.

Yao et al. (tau-bench), arXiv 2406.12045, section 3: of n tries with c successes, C(c, k) / C(n, k) is unbiased for
the task; tasks are then averaged. Its sibling pass@k (Chen et al., arXiv 2107.03374) is the chance that one succeeds.
And the other side of an interval: the smallest difference that a bench of some size could have found.
"""

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from playbook.evaluation.statistics import clustered_mean
from playbook.plumbing.metrics import Measurement


def pass_hat_k(successes: int, tries: int, k: int) -> float:
    """The unbiased estimate for one task: the share of all choices of `k` among its `tries` that hold no failure.

    >>> [pass_hat_k(3, 4, k) for k in (1, 2, 4)]
    [0.75, 0.5, 0.0]
    """
    if not 1 <= k <= tries or not 0 <= successes <= tries:
        raise ValueError(f"k between 1 and the tries, and no more successes than tries: got {k}, {tries}, {successes}")
    return math.comb(successes, k) / math.comb(tries, k)


def pass_at_k(successes: int, tries: int, k: int) -> float:
    """The chance that at least one of `k` tries succeeds, likewise.

    >>> pass_at_k(1, 4, 2)
    0.5
    """
    return 1 - pass_hat_k(tries - successes, tries, k)


def reliability(outcomes: Sequence[Sequence[bool]], clusters: Sequence[Hashable], k: int, seed: int) -> Measurement:
    """pass^k over tasks: `outcomes[i]` are the tries at task i, `clusters[i]` whom it is about. n counts clusters."""
    return clustered_mean([pass_hat_k(sum(tries), len(tries), k) for tries in outcomes], clusters, seed)


def minimum_detectable_effect(differences: ArrayLike, clusters: Sequence[Hashable], power: float = 0.8) -> float:
    """The smallest true mean difference that a two-sided 95% interval on data like these excludes 0 for, with `power`.

    (z_.975 + z_power) standard errors, clustered: with less than that, "no difference" says little. The standard error
    is of the mean over clusters, sqrt(sum of squared cluster totals about the mean) / n.
    Card et al., With Little Power Comes Great Responsibility, arXiv 2010.06595.
    """
    if not 0 < power < 1:
        raise ValueError(f"a power between 0 and 1, got {power}")
    values, names = np.asarray(differences, dtype=np.float64), list(dict.fromkeys(clusters))
    where = {name: i for i, name in enumerate(names)}
    totals = np.zeros(len(names))
    np.add.at(totals, [where[cluster] for cluster in clusters], values - values.mean())
    error = math.sqrt(float((totals**2).sum()) * len(names) / max(1, len(names) - 1)) / values.size
    return float(ndtri(0.975) + ndtri(power)) * error
