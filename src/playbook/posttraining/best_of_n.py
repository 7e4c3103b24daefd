"""Best-of-n: draw n answers, keep the one that a reward likes most. For every n from one pool of N samples a prompt.

Drawing n afresh for each n would waste samples; the mean over all C(N, n) subsets of the pool needs none of them
drawn: the i-th worst of N is the best of C(i - 1, n - 1) subsets. Unbiased, and of less variance than a single draw.

Source of the estimator: WebGPT, Nakano et al., arXiv 2112.09332, appendix I. Of the KL: Stiennon et al.,
arXiv 2009.01325, appendix G.3; that it is a bound: Beirami et al., arXiv 2401.01879.
"""

import math

import numpy as np
from jaxtyping import Float

from playbook.plumbing.errors import InputError


def order_weights(pool: int, n: int) -> Float[np.ndarray, " pool"]:
    """The chance that the i-th worst of the pool is the best of n drawn from it: `C(i - 1, n - 1) / C(pool, n)`.

    `InputError` unless 1 <= n <= pool.

    >>> order_weights(3, 2).round(3).tolist()  # of the pairs 12, 13, 23 the better one is 2, 3, 3
    [0.0, 0.333, 0.667]
    """
    if not 1 <= n <= pool:
        raise InputError("n", f"from 1 to the {pool} samples of the pool", n)
    return np.array([math.comb(i - 1, n - 1) / math.comb(pool, n) for i in range(1, pool + 1)])


def best_of_n(
    proxy: Float[np.ndarray, "prompts pool"], gold: Float[np.ndarray, "prompts pool"], n: int
) -> Float[np.ndarray, " prompts"]:
    """The expected gold reward of the answer that the proxy likes best among n, for each prompt.

    Ties of the proxy are broken at random: tied answers count with their mean. With `gold = proxy` it is the expected
    best proxy reward. Unequal shapes, numbers that are not finite, and n beyond the pool raise `InputError`.
    """
    if proxy.shape != gold.shape:
        raise InputError("proxy, gold", "equal shapes", f"{proxy.shape}, {gold.shape}")
    if not (np.isfinite(proxy).all() and np.isfinite(gold).all()):  # NaN would sort as the best
        raise InputError("proxy, gold", "finite rewards", "NaN or infinity")
    weights = order_weights(proxy.shape[1], n)
    return np.array([_ranked(*rows) @ weights for rows in zip(proxy, gold, strict=True)])


def _ranked(proxy: Float[np.ndarray, " pool"], gold: Float[np.ndarray, " pool"]) -> Float[np.ndarray, " pool"]:
    """Gold in ascending order of the proxy, tied answers replaced by their mean."""
    _, place, ties = np.unique(proxy, return_inverse=True, return_counts=True)
    return np.repeat(np.bincount(place, gold) / ties, ties)


def best_of_n_kl_bound(n: int) -> float:
    """`log n - (n - 1) / n` nats: no policy of best-of-n lies further than this from the one that it samples from.

    An upper bound: the KL comes near it where hardly any answer is ever drawn twice. n below 1 raises `InputError`.

    >>> best_of_n_kl_bound(1)
    0.0
    """
    if n < 1:
        raise InputError("n", "at least 1", n)
    return math.log(n) - (n - 1) / n
