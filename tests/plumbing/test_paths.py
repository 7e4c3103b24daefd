from pathlib import Path

import pytest

from playbook.plumbing.paths import ROOT, work_root


def test_root_is_the_checkout_and_side_checkpoints_are_shared_by_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (ROOT / "dvc.yaml").is_file()
    monkeypatch.delenv("DVC_ROOT", raising=False)
    assert work_root() == ROOT / ".work"
    monkeypatch.setenv("DVC_ROOT", "/elsewhere")
    assert work_root() == Path("/elsewhere/.work")
