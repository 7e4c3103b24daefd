import json
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from playbook.plumbing import stage as module
from playbook.plumbing.errors import InputError
from playbook.plumbing.metrics import Measurement
from playbook.plumbing.stage import metrics_file, params_file, stage

NAME = "stages.code"  # a module that exists: its fingerprint is taken


@dataclass(frozen=True)
class Train:
    tokens: int = 3


@dataclass(frozen=True)
class Params:
    train: Train


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setattr("sys.excepthook", sys.excepthook)
    (tmp_path / "params.yaml").write_text("train: {tokens: 5}\n")
    (tmp_path / "corpus.txt").write_text("some text")
    return tmp_path


def test_a_stage_reads_its_params_and_writes_its_metrics() -> None:
    with stage(NAME, Params) as run:
        assert run.params == Params(Train(5))
        run.report({"loss": Measurement(1.0, (0.5, 1.5), 10)}, tokens=7)
    told = json.loads(Path("reports/metrics/code.json").read_text())
    assert told["loss"] == {"value": 1.0, "ci95": [0.5, 1.5], "n": 10}
    assert told["run"]["tokens"] == 7
    assert 0 <= told["run"]["seconds"] < 60


def test_a_stage_that_measures_nothing_writes_no_metrics() -> None:
    with stage(NAME, Params):
        pass
    assert not Path("reports").exists()


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("train: {tokesn: 5}", "params.yaml: train: tokesn"),
        ("train: {tokens: many}", "params.yaml: train: tokens"),
        ("tarin: {tokens: 5}", "params.yaml: train"),
    ],
)
def test_a_bad_parameter_is_named_before_anything_runs(text: str, where: str) -> None:
    Path("params.yaml").write_text(text)
    ran = False
    with pytest.raises(InputError) as caught, stage(NAME, Params):
        ran = True
    assert caught.value.where == where
    assert not ran


def test_a_missing_input_says_what_to_run() -> None:
    with pytest.raises(InputError, match="dvc repro"), stage(NAME, Params) as run:
        run.input("data/tokens")


@pytest.mark.parametrize("change", ["edit", "delete", "add to a folder"])
def test_an_input_that_moves_while_the_stage_runs_fails_it(change: str) -> None:
    Path("tokens").mkdir()
    with pytest.raises(InputError, match="hold still"), stage(NAME, Params) as run:
        run.input("corpus.txt")
        run.input("tokens")
        run.report({})
        if change == "edit":
            Path("corpus.txt").write_text("SOME text")
        elif change == "delete":
            Path("corpus.txt").unlink()
        else:
            Path("tokens/new").write_text("x")
    assert not Path("reports").exists()


def test_parameters_that_move_fail_it_but_a_comment_does_not() -> None:
    with stage(NAME, Params):
        Path("params.yaml").write_text("train: {tokens: 5} # five\nother: 1\n")
    with pytest.raises(InputError, match="parameters that hold still"), stage(NAME, Params) as run:
        run.report({})
        Path("params.yaml").write_text("train: {tokens: 6}\n")
    assert not Path("reports").exists()


def test_code_that_moves_fails_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"the code of stages\.code"), stage(NAME, Params) as run:
        run.report({})
        monkeypatch.setattr(module, "fingerprint", lambda *_: "another")
    assert not Path("reports").exists()


def test_an_error_inside_passes_through_and_leaves_the_side_checkpoint() -> None:
    with pytest.raises(RuntimeError, match="ours"), stage(NAME, Params) as run:
        run.report({})
        work = run.work
        (work / "step").write_text("10")
        raise RuntimeError("ours")
    assert not Path("reports").exists()
    with stage(NAME, Params) as again:
        assert again.work == work
        assert (again.work / "step").read_text() == "10"
    assert not work.exists()


def test_the_side_checkpoint_belongs_to_parameters_and_inputs() -> None:
    folders = []
    for tokens, text in ((5, "a"), (6, "a"), (5, "b"), (5, "a")):
        Path("params.yaml").write_text(f"train: {{tokens: {tokens}}}\n")
        Path("corpus.txt").write_text(text)
        with stage(NAME, Params) as run:
            run.input("corpus.txt")
            folders.append(run.work)
    assert len(set(folders)) == 3
    assert folders[0] == folders[3]


def test_members_of_a_matrix_have_a_side_checkpoint_each() -> None:
    with pytest.raises(RuntimeError, match="killed"), stage(NAME, Params, "one") as one:
        (one.work / "step").write_text("10")
        raise RuntimeError("killed")
    with stage(NAME, Params, "two") as two:
        assert two.work != one.work
    assert (one.work / "step").exists()  # the end of another member leaves it alone


def test_sigterm_ends_a_stage_in_order_and_the_old_handler_comes_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    cleaned = False
    with pytest.raises(SystemExit) as caught, stage(NAME, Params):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            cleaned = True
    assert caught.value.code == 143
    assert cleaned
    assert signal.getsignal(signal.SIGTERM) == before


def test_where_parameters_and_metrics_lie() -> None:
    assert params_file("stages.pretrain") == "params.yaml"
    assert params_file("labs.real_text.compare") == "labs/real_text/params.yaml"
    assert metrics_file("stages.pretrain", None) == Path("reports/metrics/pretrain.json")
    assert metrics_file("stages.evaluate", "base") == Path("reports/metrics/evaluate/base.json")
    assert metrics_file("labs.real_text.compare", None) == Path("labs/real_text/reports/compare.json")
