from pathlib import Path

import pytest

from playbook.plumbing.runlog import Curve, progress, say


def test_a_curve_is_csv_with_empty_cells_for_what_was_not_measured(tmp_path: Path) -> None:
    curve = Curve(("num_tokens", "loss", "val_loss"))
    curve.add(num_tokens=1024, loss=6.9314718)
    curve.add(num_tokens=2048, loss=1e-7, val_loss=6.5)
    curve.write(tmp_path / "curves/pretrain.csv")
    told = (tmp_path / "curves/pretrain.csv").read_bytes()
    assert told == b"num_tokens,loss,val_loss\n1024,6.93147,\n2048,1e-07,6.5\n"


def test_an_unknown_column_is_a_fault_of_ours() -> None:
    with pytest.raises(AssertionError, match="lr"):
        Curve(("loss",)).add(lr=1.0)


def test_quiet_when_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress(range(3), "counting")) == [0, 1, 2]
    assert capsys.readouterr().err == ""
    say("tokenizer", {"tokens": 5, "loss": 0.123456})
    assert capsys.readouterr().err == "tokenizer  tokens 5  loss 0.1235\n"
