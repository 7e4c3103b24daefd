from pathlib import Path

import pytest
from one_stage import one_stage_checkout

from playbook.commands import smoke
from playbook.commands.smoke import first_table
from playbook.plumbing.errors import InputError


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return one_stage_checkout(tmp_path / "checkout")


def snapshot(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.integration
def test_the_chain_runs_small_elsewhere_and_the_work_tree_is_untouched(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(smoke, "ROOT", checkout)
    monkeypatch.setattr("sys.excepthook", None)
    before = snapshot(checkout)
    assert smoke.main() == 0
    told = capsys.readouterr().out
    assert "took: train " in told
    assert '| steps | "steps": 2, |' in told
    assert "End" not in told
    assert snapshot(checkout) == before

    (checkout / "train.py").write_text("raise SystemExit(3)\n")
    assert smoke.main() != 0


def test_a_profile_that_names_an_unknown_key(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smoke, "ROOT", checkout)
    monkeypatch.setattr("sys.excepthook", None)
    (checkout / "profiles/smoke.yaml").write_text("train: {stpes: 2}\n")
    with pytest.raises(InputError, match=r"train\.stpes"):
        smoke.main()


def test_first_table() -> None:
    assert first_table(["# x", "", "| a |", "|--|", "", "| b |"]) == ["| a |", "|--|"]
    assert first_table(["no table"]) == []
