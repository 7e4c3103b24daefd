"""The bench of intervals: its truths are true, and an interval that is too narrow is found out."""

import numpy as np
import pytest

from labs.coverage.draws import draws, rates
from labs.coverage.measure import CONTROL, Bench, Params, coverage, simulate, verdict
from playbook.plumbing.config import read_params
from playbook.plumbing.metrics import Measurement
from playbook.plumbing.paths import ROOT

PARAMS = read_params(Params, ROOT / "labs/coverage/params.yaml")


def test_every_kind_of_interval_has_an_expectation() -> None:
    assert set(PARAMS.expected) == set(draws(0.3, 4))
    assert [name for name, wanted in PARAMS.expected.items() if wanted == "misses"] == [CONTROL]


@pytest.mark.parametrize("name", [name for name, wanted in PARAMS.expected.items() if wanted != "misses"])
def test_the_truth_is_where_the_middles_of_the_intervals_are(name: str) -> None:
    if name in ("mcnemar", "independent_answers", "seeds_blocks"):
        pytest.skip("another truth each time")
    rows = list(simulate(name, Bench(repetitions=12)))
    middles = np.array([(row["low"] + row["high"]) / 2 for row in rows])
    spread = np.array([row["high"] - row["low"] for row in rows]).mean() / 2
    assert abs(middles.mean() - rows[0]["truth"]) < 0.7 * spread + 0.02


def test_two_answers_about_an_entity_correlate_as_told() -> None:
    rng = np.random.default_rng(1)
    found = rng.random((2, 40_000)) < rates(rng, 0.7, 40_000, 0.3)
    assert found.mean() == pytest.approx(0.7, abs=0.01)
    assert np.asarray(np.corrcoef(found))[0, 1] == pytest.approx(0.3, abs=0.02)


def test_the_control_is_found_out_and_the_same_seed_gives_the_same_cases() -> None:
    bench = Bench(repetitions=150)
    rows = list(simulate(CONTROL, bench))
    assert verdict(coverage(rows), "misses", bench) == "PASS"
    assert rows[:5] == list(simulate(CONTROL, Bench(repetitions=5)))


@pytest.mark.parametrize(
    ("value", "wanted", "told"),
    [(0.95, "covers", "PASS"), (0.98, "covers", "FAIL"), (0.98, "cautious", "PASS"), (0.92, "cautious", "FAIL")],
)
def test_verdicts(value: float, wanted: str, told: str) -> None:
    found = Measurement(value, (value - 0.02, value + 0.02), 1000)
    assert verdict(found, wanted, Bench()) == told  # type: ignore[arg-type]
