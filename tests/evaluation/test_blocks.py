import numpy as np
import pytest
from scipy.stats import ttest_rel

from playbook.evaluation.blocks import differences, means, pooled_error


def test_two_arms_are_the_paired_t_test() -> None:
    runs = {"base": [1.0, 1.3, 0.9, 1.4], "arm": [1.2, 1.35, 1.3, 1.5]}
    found = differences(runs, "base")["arm"]
    expected = ttest_rel(runs["arm"], runs["base"]).confidence_interval(0.95)
    assert found.value == pytest.approx(np.mean(runs["arm"]) - np.mean(runs["base"]))
    assert found.ci95 == pytest.approx((expected.low, expected.high))
    assert (found.n, found.seeds) == (4, 4)


def test_what_a_seed_does_to_all_arms_alike_counts_for_nothing() -> None:
    quiet = {"base": [1.0, 1.1, 0.9], "arm": [1.2, 1.1, 1.0], "other": [0.9, 1.3, 1.0]}
    shaken = {arm: [x + luck for x, luck in zip(found, (5.0, -3.0, 0.0), strict=True)] for arm, found in quiet.items()}
    assert pooled_error(shaken) == pytest.approx(pooled_error(quiet))
    assert differences(shaken, "base")["arm"].ci95 == pytest.approx(differences(quiet, "base")["arm"].ci95)


def test_more_comparisons_make_wider_intervals_and_an_arm_left_out_does_not_count_for_the_spread() -> None:
    rng = np.random.default_rng(1)
    runs = {f"arm{i}": list(rng.normal(size=3)) for i in range(8)}
    width = {k: np.ptp(differences({arm: runs[arm] for arm in list(runs)[:k]}, "arm0")["arm1"].ci95) for k in (8,)}
    one = dict(list(runs.items())[:2])
    error, freedom = pooled_error(runs)
    assert freedom == 14
    assert width[8] > 2 * 2.145 * np.sqrt(2 * error / 3)  # the t of one comparison
    wild = {**runs, "wild": [100.0, -100.0, 50.0]}
    assert pooled_error(wild)[0] > 100 * error
    kept = differences(wild, "arm0", left_out=("wild",))
    assert np.ptp(kept["arm1"].ci95) < 1.1 * width[8]
    assert kept["wild"].value == pytest.approx(np.mean(wild["wild"]) - np.mean(runs["arm0"]))
    assert set(means(one)) == set(one)


def test_one_seed_has_no_spread() -> None:
    with pytest.raises(ValueError, match="two seeds"):
        differences({"a": [1.0], "b": [2.0]}, "a")
