import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from playbook.plumbing import live
from playbook.plumbing.runlog import Curve


class Listener:
    """In place of a run of MLflow."""

    def __init__(self, name: str, uri: str) -> None:
        self.name, self.rows, self.status = name, list[Any](), ""
        if uri == "broken":
            raise ConnectionError("nobody there")

    def add(self, row: Any) -> None:
        self.rows.append(row)
        if row["loss"] < 0:
            raise ConnectionError("gone")

    def end(self, status: str) -> None:
        self.status = status


@pytest.fixture(autouse=True)
def _listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(live, "Live", Listener)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    yield
    live.finish("FINISHED")


def test_nobody_listens_unless_asked_to() -> None:
    live.begin("sft")
    assert live._live is None
    code = "import sys, playbook.plumbing.stage; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_curve_is_told_live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "somewhere")
    live.begin("sft")
    listener: Any = live._live
    Curve(("step", "loss")).add(step=1, loss=2.0)
    live.finish("FINISHED")
    assert (listener.name, listener.rows, listener.status) == ("sft", [{"step": 1, "loss": 2.0}], "FINISHED")


@pytest.mark.parametrize(("uri", "loss"), [("broken", 1.0), ("somewhere", -1.0)])
def test_a_server_that_is_gone_stops_no_training(
    uri: str, loss: float, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    live.begin("sft")
    curve = Curve(("step", "loss"))
    curve.add(step=1, loss=loss)
    curve.add(step=2, loss=loss)
    assert len(curve.rows) == 2
    assert capsys.readouterr().out.count("going on without it") == 1
