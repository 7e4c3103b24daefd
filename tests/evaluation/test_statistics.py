"""Intervals against closed forms, scipy's own, and their coverage."""

import numpy as np
import pytest
from scipy.stats import binomtest

from playbook.evaluation.statistics import (
    clustered_mean,
    clustered_proportion,
    mcnemar,
    median_of,
    paired_difference,
    proportion,
    ratio_of_sums,
    wilson,
)
from playbook.plumbing.metrics import Measurement


@pytest.mark.parametrize(("successes", "n"), [(0, 1), (0, 17), (3, 17), (17, 17), (250, 300)])
def test_wilson_equals_scipy(successes: int, n: int) -> None:
    theirs = binomtest(successes, n).proportion_ci(method="wilson")
    assert wilson(successes, n) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_proportion_counts_outcomes() -> None:
    measured = proportion([True, True, False, True])
    assert (measured.value, measured.n) == (0.75, 4)
    assert measured.ci95 == wilson(3, 4)


def test_bootstrap_of_a_mean_agrees_with_the_normal_interval() -> None:
    values = np.random.default_rng(5).normal(size=400)
    measured = clustered_mean(values, range(400), seed=1)
    half = 1.96 * values.std() / np.sqrt(400)
    assert measured.value == pytest.approx(values.mean())
    assert measured.ci95 == pytest.approx((values.mean() - half, values.mean() + half), abs=0.15 * half)
    assert measured.n == 400


def width(measured: Measurement) -> float:
    return measured.ci95[1] - measured.ci95[0]


def test_answers_about_one_entity_do_not_count_as_independent() -> None:
    """Each of 100 entities answers 4 times alike: the interval is that of 100 answers, twice as wide as of 400."""
    alike = np.repeat(np.random.default_rng(7).normal(size=100), 4)
    clustered = clustered_mean(alike, np.repeat(np.arange(100), 4).tolist(), seed=1)
    assert clustered.n == 100
    assert width(clustered) / width(clustered_mean(alike, range(400), seed=1)) == pytest.approx(2, rel=0.1)


def test_clustered_intervals_cover_the_truth_about_95_times_in_100() -> None:
    rng = np.random.default_rng(11)
    covered = 0
    for _ in range(200):
        rates = rng.beta(3, 3, size=60)  # each entity has its own rate; the truth is their mean, one half
        outcomes = rng.random((60, 3)) < rates[:, None]
        low, high = clustered_proportion(outcomes.ravel(), np.repeat(np.arange(60), 3).tolist()).ci95
        covered += low <= 0.5 <= high
    assert 180 <= covered <= 199


def test_the_mean_is_over_values_not_over_cluster_means() -> None:
    assert clustered_mean([1, 1, 1, 0], ["x", "x", "x", "y"], seed=1).value == 0.75


def test_a_share_of_clusters_is_that_of_as_many_independent_outcomes_as_tell_as_much() -> None:
    outcomes = np.random.default_rng(7).random(100) < 0.6
    once = clustered_proportion(outcomes, range(100))
    student = 1.9842  # of 99 degrees of freedom
    assert once.ci95 == pytest.approx(wilson(outcomes.sum(), 100, student), abs=1e-3)
    alike = clustered_proportion(np.repeat(outcomes, 4), np.repeat(range(100), 4).tolist())
    assert alike.ci95 == pytest.approx(once.ci95, abs=1e-9)
    assert width(alike) / width(proportion(np.repeat(outcomes, 4))) == pytest.approx(2, rel=0.05)


def test_clusters_that_all_have_the_same_share_do_not_tell_more_than_their_outcomes() -> None:
    measured = clustered_proportion([True, False] * 50, [i // 2 for i in range(100)])
    assert measured.ci95 == pytest.approx(wilson(50, 100, 2.0096), abs=1e-4)


def test_all_right_is_not_certainty() -> None:
    measured = clustered_proportion([True] * 40, [i // 4 for i in range(40)])
    assert measured.ci95 == wilson(10, 10)
    assert measured.n == 10


def test_one_dissenting_entity_still_gets_wilson() -> None:
    outcomes = [True] * 39 + [False]
    measured = clustered_proportion(outcomes, [i // 4 for i in range(40)])
    assert measured.ci95 == pytest.approx(wilson(9.75, 10))


def test_ratio_of_sums_weighs_units_by_their_size() -> None:
    measured = ratio_of_sums([10.0, 1.0], [5, 1], seed=1)
    assert measured.value == pytest.approx(11 / 6)
    assert measured.ci95 == pytest.approx((1.0, 2.0))  # both units alike: rate 2 or rate 1
    assert measured.n == 2


def test_a_constant_ratio_has_no_width() -> None:
    assert ratio_of_sums([2.0, 4.0, 6.0], [1, 2, 3], seed=1).ci95 == pytest.approx((2.0, 2.0))


def test_resamples_without_a_denominator_are_left_out() -> None:
    measured = ratio_of_sums([1.0, 0.0], [2.0, 0.0], seed=1)
    assert (measured.value, measured.ci95) == (0.5, (0.5, 0.5))


def test_same_seed_same_interval() -> None:
    values = np.random.default_rng(3).random(50)
    first, again, other = (clustered_mean(values, range(50), seed) for seed in (1, 1, 2))
    assert first == again
    assert first.ci95 != other.ci95


def test_pairing_removes_what_both_sides_share() -> None:
    easy = np.random.default_rng(2).normal(scale=10, size=80)
    measured = paired_difference(easy + 1, easy, range(80), seed=1)
    assert measured.value == pytest.approx(1)
    assert measured.ci95 == pytest.approx((1, 1))


def test_two_equal_rows_of_answers_leave_room_for_a_difference() -> None:
    rows = np.array([True, False] * 20)
    assert paired_difference(rows, rows, range(40), seed=1).ci95 == (-wilson(0, 40)[1], wilson(0, 40)[1])


@pytest.mark.parametrize(("only_first", "only_second"), [(5, 0), (6, 2), (4, 4), (1, 12)])
def test_mcnemar_is_the_binomial_test_of_the_disagreements(only_first: int, only_second: int) -> None:
    first = [True] * only_first + [False] * only_second + [True] * 30
    second = [False] * only_first + [True] * only_second + [True] * 30
    assert mcnemar(first, second) == pytest.approx(binomtest(only_first, only_first + only_second).pvalue)


def test_mcnemar_without_disagreement() -> None:
    assert mcnemar([True, False], [True, False]) == 1.0


def test_values_and_clusters_must_run_in_parallel() -> None:
    with pytest.raises(ValueError, match="3 values with 2 clusters"):
        clustered_mean([1, 2, 3], ["a", "b"], seed=1)


def test_median_interval_is_made_of_order_statistics() -> None:
    """Of 7 values the range holds the median with 1 - 2/128; of 12, the 3rd to the 10th with 1 - 2 * 79/4096."""
    assert median_of([7, 6, 5, 4, 3, 2, 1]).ci95 == (1, 7)
    assert median_of(range(12)).ci95 == (2, 9)
    assert median_of(range(12)).value == 5.5
