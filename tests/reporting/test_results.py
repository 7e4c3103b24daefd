"""Reading results back; bad files name themselves."""

from pathlib import Path

import pytest
from reporting.made_up import write_curve, write_world

from playbook.plumbing.errors import InputError
from playbook.reporting import results
from playbook.reporting.results import Results, read_curve, read_results, sources
from playbook.training import trainer


def test_names_lead_to_measurements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_world(tmp_path)
    monkeypatch.chdir(tmp_path)
    read = read_results()
    found = read.measurement("pretrain", "closed_book.A")
    assert found is not None
    assert (found.value, found.n) == (0.993, 140)
    assert list(read.group("evaluate/base", "closed_book")) == ["A", "B", "C"]
    assert read.group("evaluate/base", "closed_book.A") == {}
    assert read.measurement("pretrain", "closed_book") is None
    assert read.measurement("pretrain", "no.such") is None
    assert read.fact("pretrain", "params") == 1_900_000
    assert read.fact("no such", "params") is None
    assert {name: len(rows) for name, rows in read.records.items()} == {"base": 3, "sft": 3}
    assert set(read.curves) == {"pretrain", "sft"}


def test_the_trainer_writes_the_columns_that_we_read() -> None:
    assert set(results.COLUMNS) <= set(trainer.COLUMNS)


def test_nothing_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert sources() == []
    assert read_results() == Results()


def test_curve_cells_may_be_empty(tmp_path: Path) -> None:
    write_curve(tmp_path / "curve.csv", steps=10)
    curve = read_curve(tmp_path / "curve.csv")
    assert curve.val_loss.count() == 1
    assert curve.loss.count() == 10


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("step,loss\n1,2\n", "no num_tokens"),
        ("num_tokens,seconds,loss,val_loss,learning_rate,grad_norm\n1,1,oops,,1,1\n", "numbers in every column"),
        ("", "a training curve"),
    ],
)
def test_bad_curves(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "curve.csv").write_text(text)
    with pytest.raises(InputError, match=complaint) as error:
        read_curve(tmp_path / "curve.csv")
    assert "curve.csv" in str(error.value)
