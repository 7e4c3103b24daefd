import itertools

import numpy as np
import pytest

from playbook.evaluation.reliability import minimum_detectable_effect, pass_at_k, pass_hat_k, reliability


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_it_is_the_share_of_choices_without_a_failure_and_with_a_success(k: int) -> None:
    tries = [True, False, True, True, False]
    chosen = list(itertools.combinations(tries, k))
    assert pass_hat_k(3, 5, k) == pytest.approx(np.mean([all(some) for some in chosen]))
    assert pass_at_k(3, 5, k) == pytest.approx(np.mean([any(some) for some in chosen]))


def test_tasks_are_averaged_and_clustered() -> None:
    outcomes = [[True, True, True], [True, True, False], [False, False, False], [True, True, True]]
    found = reliability(outcomes, ["a", "b", "c", "d"], 2, seed=1)
    assert found.value == pytest.approx((1 + 1 / 3 + 0 + 1) / 4)
    assert found.n == 4
    assert reliability(outcomes, ["a", "a", "b", "b"], 2, seed=1).n == 2


def test_twice_as_many_tasks_find_what_is_smaller_by_the_root_of_two() -> None:
    changes = [1.0, -1.0, 0.0, 1.0] * 50
    many, few = (minimum_detectable_effect(changes[:n], range(n)) for n in (200, 100))
    assert few / many == pytest.approx(2**0.5, rel=0.01)
    assert many == pytest.approx((1.95996 + 0.84162) * np.std(changes, ddof=1) / 200**0.5, rel=1e-4)
    assert minimum_detectable_effect(changes, [i // 4 for i in range(200)]) < many  # what cancels within a cluster


def test_as_often_as_promised() -> None:
    rng = np.random.default_rng(1)
    like = rng.normal(size=50)
    effect = minimum_detectable_effect(like, range(50))
    drawn = rng.normal(effect, like.std(ddof=1), size=(4000, 50))
    found = np.abs(drawn.mean(1)) > 1.96 * like.std(ddof=1) / 50**0.5
    assert found.mean() == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize(("successes", "tries", "k"), [(1, 2, 3), (3, 2, 1), (1, 2, 0)])
def test_impossible_counts(successes: int, tries: int, k: int) -> None:
    with pytest.raises(ValueError, match="tries"):
        pass_hat_k(successes, tries, k)
