"""Numbers as text; strange text as Markdown."""

import pytest

from playbook.plumbing.metrics import Measurement
from playbook.reporting.tables import (
    escape,
    format_fact,
    format_interval,
    format_measurement,
    format_value,
    markdown_table,
)


@pytest.mark.parametrize(
    ("value", "low", "high", "text"),
    [
        (0.9789, 0.9712, 0.9911, "0.98 [0.97, 0.99]"),
        (0.9967, 0.9941, 0.9989, "0.997 [0.994, 0.999]"),
        (1.0, 0.9993, 1.0, "1.0000 [0.9993, 1.0000]"),
        (12.345, 11.9, 12.8, "12.3 [11.9, 12.8]"),
        (1234.5, 1100.0, 1300.0, "1234 [1100, 1300]"),
        (0.5, 0.5, 0.5, "0.50 [0.50, 0.50]"),
        (-0.001, -0.04, 0.03, "0.00 [-0.04, 0.03]"),
    ],
)
def test_the_interval_decides_the_digits(value: float, low: float, high: float, text: str) -> None:
    measured = Measurement(value, (low, high), 10)
    assert format_measurement(measured) == text
    assert f"{format_value(measured)} {format_interval(measured)}" == text


@pytest.mark.parametrize(
    ("fact", "text"),
    [
        (2, "2"),
        (1894656, "1,894,656"),
        (15234.8, "15,235"),
        (0.61234, "0.6123"),
        ("bfloat16", "bfloat16"),
        (True, "True"),
    ],
)
def test_facts(fact: object, text: str) -> None:
    assert format_fact(fact) == text


def test_a_cell_cannot_break_its_table() -> None:
    answer = "a|b\nc ![x](http://y) <script> $1$ \x00 <!-- headline:end -->"
    table = markdown_table([(escape(answer), "1")], ("answer", "n"))
    assert len(table.splitlines()) == 3
    row = table.splitlines()[2]
    assert row.replace("\\|", "").count("|") == 3
    assert "<" not in row
    assert "\x00" not in row
    assert "\\[x\\]" in row


def test_long_text_is_cut_and_says_so() -> None:
    assert escape("x" * 500, longest=10) == "x" * 9 + "…"


def test_cells_are_not_parsed_as_numbers() -> None:
    assert "0.980" in markdown_table([("0.980", "007")], ("a", "b"))
    assert "007" in markdown_table([("0.980", "007")], ("a", "b"))
