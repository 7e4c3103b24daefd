import subprocess
from pathlib import Path

import pytest

from playbook.commands import smoke
from playbook.commands.smoke import copy_tree, first_table, source_files, with_times
from playbook.plumbing.config import read_yaml
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import write_json

CHAIN = """stages:
  train:
    cmd: python train.py
    params: [train]
    outs:
      - models
      - reports/README.md: {cache: false}
"""
TRAIN = """
from pathlib import Path
steps = next(line for line in Path("params.yaml").read_text().splitlines() if "steps" in line)
Path("models").mkdir()
Path("reports").mkdir(exist_ok=True)
Path("models/m").write_text(steps)
Path("reports/README.md").write_text(f"# Report\\n\\n| what | is |\\n|--|--|\\n| steps | {steps.strip()} |\\n\\nEnd\\n")
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    files = {
        "dvc.yaml": CHAIN,
        "train.py": TRAIN,
        "params.yaml": "train: {steps: 1000, rate: 3e-05}\n",
        "profiles/smoke.yaml": "train: {steps: 2}\n",
        "dvc.lock": "schema: '2.0'\n",
        "data/sources/own.txt": "text",
        "data/corpus/big.txt": "built",
        "models/m": "built",
        ".venv/bin/python": "",
        ".dvc/config": "[core]\n    analytics = false\n",
        ".dvc/cache/files/x": "",
        ".gitignore": "/data/corpus\n/models\n/.venv\n/.dvc/cache\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


SOURCES = [
    ".dvc/config", ".gitignore", "data/sources/own.txt", "dvc.lock", "dvc.yaml", "params.yaml", "profiles/smoke.yaml",
    "train.py",
]  # fmt: skip


def test_sources_are_what_git_would_track_and_without_git_what_is_not_built(checkout: Path) -> None:
    assert [path.as_posix() for path in source_files(checkout)] == SOURCES
    subprocess.run(["git", "-C", str(checkout), "init", "--quiet"], check=True)
    subprocess.run(["git", "-C", str(checkout), "add", "train.py", "dvc.yaml"], check=True)
    assert sorted(path.as_posix() for path in source_files(checkout)) == SOURCES
    (checkout / "train.py").unlink()  # deleted, and git still lists it
    assert "train.py" not in [path.as_posix() for path in source_files(checkout)]


def test_the_copy_has_run_nothing_yet_and_needs_no_git(checkout: Path, tmp_path: Path) -> None:
    copy_tree(checkout, tmp_path / "copy")
    assert not (tmp_path / "copy/dvc.lock").exists()
    assert not (tmp_path / "copy/models").exists()
    assert "no_scm" in (tmp_path / "copy/.dvc/config.local").read_text()


def snapshot(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_chain_runs_small_elsewhere_and_the_work_tree_is_untouched(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(smoke, "ROOT", checkout)
    monkeypatch.setattr("sys.excepthook", None)
    before = snapshot(checkout)
    assert smoke.main() == 0
    told = capsys.readouterr().out
    assert "smoke: train " in told
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


def test_numbers_survive_the_overlay(checkout: Path, tmp_path: Path) -> None:
    write_json(tmp_path / "p.yaml", read_yaml(checkout / "params.yaml"))
    assert read_yaml(tmp_path / "p.yaml") == {"train": {"steps": 1000, "rate": 3e-05}}


def test_each_stage_is_timed_once() -> None:
    lines = ["Running stage 'a':\n", "> python\n", "Running stage 'b@x':\n", "\n", "Use `dvc push` to send\n"]
    timed = [line for line in with_times(lines) if line.startswith("smoke:")]
    assert [line.split()[1] for line in timed] == ["a", "b@x"]


def test_first_table() -> None:
    assert first_table(["# x", "", "| a |", "|--|", "", "| b |"]) == ["| a |", "|--|"]
    assert first_table(["no table"]) == []
