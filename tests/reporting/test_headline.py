"""Verdicts follow the numbers."""

import pytest
from reporting.made_up import ABOVE, closed_book, measured, to_json

from playbook.reporting.headline import Line, headline_table, judge
from playbook.reporting.results import Results


@pytest.mark.parametrize(
    ("value", "low", "high", "verdict"),
    [
        (0.99, 0.985, 0.999, "met"),
        (0.985, 0.97, 0.99, "met, interval reaches below"),
        (0.975, 0.95, 0.985, "missed, interval reaches above"),
        (0.9, 0.88, 0.92, "missed"),
    ],
)
def test_at_least(value: float, low: float, high: float, verdict: str) -> None:
    assert judge(measured(value, low, high), Line("", (), "", "at least", 0.98)) == ("≥ 0.98", verdict)


@pytest.mark.parametrize(
    ("value", "low", "high", "verdict"),
    [
        (0.02, 0.01, 0.03, "met"),
        (0.04, 0.03, 0.06, "met, interval reaches above"),
        (0.06, 0.04, 0.08, "missed, interval reaches below"),
        (0.2, 0.1, 0.3, "missed"),
    ],
)
def test_at_most(value: float, low: float, high: float, verdict: str) -> None:
    assert judge(measured(value, low, high), Line("", (), "", "at most", 0.05)) == ("≤ 0.05", verdict)


@pytest.mark.parametrize(
    ("above", "verdict"),
    [(ABOVE["C"], "met"), ((0.2, 0.1, 0.3), "missed, above chance"), ((-0.2, -0.3, -0.1), "missed, below chance")],
)
def test_chance_is_judged_by_the_paired_difference(above: tuple[float, float, float], verdict: str) -> None:
    tree = closed_book() | {"closed_book_above_chance": {"C": measured(*above)}}
    results = Results({"pretrain": to_json(tree)})
    row = next(line for line in headline_table(results).splitlines() if "Memory, C" in line)
    assert row.rstrip(" |").endswith(verdict)


def test_run_facts_have_no_interval() -> None:
    results = Results({"pretrain": {"run": {"params": 1_900_000, "seconds": 500.0}}})
    table = headline_table(results).splitlines()
    assert len(table) == 4
    assert "1,900,000" in table[2]
    assert "met" in table[2]
    assert "missed" in table[3]


def test_nothing_measured() -> None:
    assert "dvc repro" in headline_table(Results())
