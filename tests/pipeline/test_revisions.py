"""Revisions read from git, and what is made of them: the comparison, the regression gate."""

from pathlib import Path
from typing import Literal

import pytest
from pipeline.small_revisions import METRICS, checkout_with_experiment, read

from playbook.pipeline.agreement import regressions, torn_lock
from playbook.pipeline.baseline import read_baseline, write_baseline
from playbook.pipeline.comparison import Column, comparison, read_column
from playbook.pipeline.revisions import entry_metrics, stage_names
from playbook.plumbing.files import write_json
from playbook.plumbing.metrics import Measurement
from playbook.reporting.headline import Line
from playbook.reporting.results import Results

LINES = (Line("known", ("train",), "closed_book.A", "at least", 0.9), Line("seconds", ("train",), "run.seconds"))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return checkout_with_experiment(tmp_path / "checkout")


def test_the_workspace_head_and_experiments_are_found_with_what_dvc_yaml_still_has(checkout: Path) -> None:
    found = read(checkout)
    assert [revision.name for revision in found] == ["workspace", "HEAD", "fast"]
    assert [list(revision.pipelines()["main"]) for revision in found] == [["prepare", "train"]] * 3
    rates = [r.pipelines()["main"]["train"]["params"]["params.yaml"]["train"]["rate"] for r in found]
    assert rates == [0.1, 0.1, 0.2]


def test_a_metrics_file_that_is_not_the_recorded_one_is_not_believed(checkout: Path) -> None:
    (checkout / METRICS).write_text((checkout / METRICS).read_text().replace("0.9,", "0.99,"))
    workspace, head, _ = read(checkout)
    assert entry_metrics(workspace, workspace.pipelines()["main"]["train"]) == ({}, {})
    measured, facts = entry_metrics(head, head.pipelines()["main"]["train"])
    assert measured == {"closed_book.A": Measurement(0.9, (0.85, 0.9500000000000001), 9)}
    assert facts == {"seconds": 3.5}


def test_the_comparison_shows_what_differs_and_intervals(checkout: Path) -> None:
    table, same = comparison([read_column(revision) for revision in read(checkout)[1:]], LINES).split("\n\n")
    assert same == "The same in all: seconds 3.5."
    rows = table.splitlines()
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert cells[0] == ["", "HEAD", "fast"]
    assert cells[2:] == [
        ["`train.rate`", "0.1", "0.2"],
        ["known", "0.900 [0.850, 0.950]", "0.800 [0.750, 0.850]"],
    ]


def test_a_fall_out_of_the_interval_is_a_regression_and_a_rise_is_none(checkout: Path) -> None:
    _, head, fast = map(read_column, read(checkout))
    assert list(regressions(head, fast, LINES)) == ["known: 0.900 [0.850, 0.950] before, now 0.800 [0.750, 0.850]"]
    assert list(regressions(fast, head, LINES)) == []


@pytest.mark.parametrize(("rule", "sign"), [("rises", 1), ("falls", -1)])
def test_a_change_that_was_had_and_is_no_more_is_a_regression_and_a_smaller_one_is_none(
    rule: Literal["rises", "falls"], sign: int
) -> None:
    def column(value: float) -> Column:
        low, high = sorted((value - sign * 0.1, value + sign * 0.1))
        return Column("x", {}, Results({"compare": {"gain": Measurement(value, (low, high), 9).to_json()}}))

    lines = (Line("gain", ("compare",), "gain", rule),)
    told = {change: list(regressions(column(sign * 0.5), column(sign * change), lines)) for change in (0.2, 0.05, -0.4)}
    assert [bool(found) for found in told.values()] == [False, True, True]
    assert list(regressions(column(sign * 0.05), column(-sign * 0.4), lines)) == []  # it never was one


def test_what_was_accepted_is_held_against_what_comes_later(checkout: Path, tmp_path: Path) -> None:
    _, head, fast = map(read_column, read(checkout))
    assert read_baseline(tmp_path / "baseline.json") is None
    assert write_baseline(tmp_path / "baseline.json", head, LINES) == 1  # seconds have no worse side
    accepted = read_baseline(tmp_path / "baseline.json")
    assert accepted is not None
    assert list(regressions(accepted, fast, LINES)) == list(regressions(head, fast, LINES)) != []
    assert list(regressions(accepted, head, LINES)) == []
    write_baseline(tmp_path / "baseline.json", fast, LINES)
    accepted = read_baseline(tmp_path / "baseline.json")
    assert accepted is not None
    assert list(regressions(accepted, head, LINES)) == []


def test_a_lock_whose_halves_do_not_fit_is_told_and_a_lab_may_lag_behind(checkout: Path) -> None:
    assert torn_lock(read(checkout)[0]) == ([], [])
    lock = (checkout / "dvc.lock").read_text()
    (checkout / "labs/late").mkdir(parents=True)
    (checkout / "labs/late/dvc.yaml").write_text("stages: {fork: {cmd: b}}")
    made = {
        "schema": "2.0",
        "stages": {"fork": {"cmd": "b", "deps": [{"path": "data/x", "md5": "2" * 32}], "outs": []}},
    }
    write_json(checkout / "labs/late/dvc.lock", made)
    used = "has used another data/x than its maker has left"
    assert torn_lock(read(checkout)[0]) == ([], [f"labs/late/dvc.lock: fork {used}"])
    (checkout / "dvc.lock").write_text(lock.replace("0" * 32, "1" * 32, 1))
    assert torn_lock(read(checkout)[0])[0] == [f"dvc.lock: train {used}"]


def test_matrices_are_multiplied_out() -> None:
    stages = {"a": {"matrix": {"x": ["p", "q"], "y": [1]}}, "b": {"cmd": "b"}}
    assert stage_names({"stages": stages}) == {"a@p-1", "a@q-1", "b"}
