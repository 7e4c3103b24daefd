"""Best-of-n against all subsets, one by one, and its KL against that of a known distribution."""

import inspect
import itertools
import math

import numpy as np
import pytest

from playbook.plumbing.errors import InputError
from playbook.posttraining.best_of_n import best_of_n, best_of_n_kl_bound, order_weights


@pytest.mark.parametrize("n", [1, 2, 4, 7])
def test_it_is_the_mean_over_all_subsets_of_the_pool(n: int) -> None:
    rng = np.random.default_rng(3)
    proxy, gold = rng.normal(size=(2, 3, 7))
    expected = [
        np.mean([g[max(subset, key=lambda i: p[i])] for subset in itertools.combinations(range(7), n)])
        for p, g in zip(proxy, gold, strict=True)
    ]
    np.testing.assert_allclose(best_of_n(proxy, gold, n), expected, atol=1e-12)


def test_ties_are_broken_at_random() -> None:
    """Proxy 0, 1, 1: of the pairs two hold one of the tied best, one holds both; each of these counts alike."""
    np.testing.assert_allclose(best_of_n(np.array([[1.0, 0.0, 1.0]]), np.array([[6.0, 0.0, 2.0]]), 2), [4.0])
    np.testing.assert_allclose(best_of_n(np.zeros((1, 3)), np.array([[6.0, 0.0, 3.0]]), 3), [3.0])


def test_one_of_n_is_the_mean_all_of_n_the_maximum_and_more_is_never_worse() -> None:
    scores = np.random.default_rng(4).normal(size=(5, 11))
    curve = [best_of_n(scores, scores, n) for n in range(1, 12)]
    np.testing.assert_allclose(curve[0], scores.mean(1))
    np.testing.assert_allclose(curve[-1], scores.max(1))
    assert np.all(np.diff(curve, axis=0) > 0)


def test_weights_sum_to_1_for_large_pools() -> None:
    for n in (1, 17, 500, 1000):
        assert order_weights(1000, n).sum() == pytest.approx(1, abs=1e-12)


def test_unbiased_for_fresh_draws() -> None:
    """The best of n uniform numbers is n / (n + 1) on average."""
    uniform = np.random.default_rng(5).random((4000, 10))
    means = best_of_n(uniform, uniform, 4)
    assert means.mean() == pytest.approx(4 / 5, abs=4 * means.std() / np.sqrt(4000))


def test_the_bound_is_the_kl_for_many_equal_answers_and_above_it_for_few() -> None:
    """Of m ranked answers, equally likely, rank k is the best of n with chance (k / m)^n - ((k - 1) / m)^n."""

    def kl(m: int, n: int) -> float:
        chances = np.diff((np.arange(m + 1) / m) ** n)
        return float((chances * np.log(chances * m)).sum())

    assert best_of_n_kl_bound(1) == 0
    assert best_of_n_kl_bound(4) == pytest.approx(math.log(4) - 0.75)
    assert kl(100_000, 4) == pytest.approx(best_of_n_kl_bound(4), abs=1e-4)
    assert kl(3, 4) < best_of_n_kl_bound(4) - 0.05


def test_wrong_input_is_refused() -> None:
    for n in (0, 4):
        with pytest.raises(InputError, match="from 1 to the 3 samples"):
            order_weights(3, n)
    with pytest.raises(InputError, match="equal shapes"):
        inspect.unwrap(best_of_n)(np.zeros((2, 3)), np.zeros((2, 4)), 1)
    with pytest.raises(InputError, match="finite"):
        best_of_n(np.array([[0.0, math.nan]]), np.zeros((1, 2)), 2)
    with pytest.raises(InputError, match="at least 1"):
        best_of_n_kl_bound(0)
