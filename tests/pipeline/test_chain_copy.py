"""The copy in which a chain runs with other parameters: what is in it, what is not, and what it tells."""

import subprocess
from pathlib import Path

import pytest
from one_stage import one_stage_checkout

from playbook.pipeline.chain_copy import make_copy, run_chain, source_files, with_times
from playbook.plumbing.config import read_yaml

SOURCES = [
    ".dvc/config", ".gitignore", "data/sources/own.txt", "dvc.lock", "dvc.yaml", "params.yaml", "profiles/smoke.yaml",
    "train.py",
]  # fmt: skip


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return one_stage_checkout(tmp_path / "checkout")


def test_sources_are_what_git_would_track_and_without_git_what_is_not_built(checkout: Path) -> None:
    assert [path.as_posix() for path in source_files(checkout)] == SOURCES
    subprocess.run(["git", "-C", str(checkout), "init", "--quiet"], check=True)
    subprocess.run(["git", "-C", str(checkout), "add", "train.py", "dvc.yaml"], check=True)
    assert sorted(path.as_posix() for path in source_files(checkout)) == SOURCES
    (checkout / "train.py").unlink()  # deleted, and git still lists it
    assert "train.py" not in [path.as_posix() for path in source_files(checkout)]


def test_the_copy_has_run_nothing_yet_and_needs_no_git(checkout: Path, tmp_path: Path) -> None:
    make_copy(checkout, tmp_path / "copy", {})
    assert not (tmp_path / "copy/dvc.lock").exists()
    assert not (tmp_path / "copy/models").exists()
    assert "no_scm" in (tmp_path / "copy/.dvc/config.local").read_text()


def test_parameters_are_laid_over_and_numbers_survive(checkout: Path, tmp_path: Path) -> None:
    make_copy(checkout, tmp_path / "copy", {"train": {"steps": 2}})
    assert read_yaml(tmp_path / "copy/params.yaml") == {"train": {"steps": 2, "rate": 3e-05}}
    assert read_yaml(checkout / "params.yaml")["train"]["steps"] == 1000


@pytest.mark.integration
def test_a_stage_imports_the_library_of_the_copy(checkout: Path, tmp_path: Path) -> None:
    (checkout / "src/playbook").mkdir(parents=True)
    (checkout / "src/playbook/__init__.py").write_text("HERE = __file__\n")
    (checkout / "train.py").write_text(
        "from pathlib import Path\nimport playbook\nPath('models').write_text(playbook.HERE)\n"
        "Path('reports').mkdir(exist_ok=True)\nPath('reports/README.md').touch()\n"
    )
    make_copy(checkout, tmp_path / "copy", {})
    assert run_chain(tmp_path / "copy") == 0
    assert Path((tmp_path / "copy/models").read_text()) == tmp_path / "copy/src/playbook/__init__.py"


@pytest.mark.integration
def test_a_chain_that_was_run_goes_on_where_it_was(
    checkout: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for said in ("Running stage 'train'", "didn't change, skipping"):
        make_copy(checkout, tmp_path / "copy", {"train": {"steps": 2}})
        assert run_chain(tmp_path / "copy") == 0
        assert said in capfd.readouterr().out


def test_each_stage_is_timed_once() -> None:
    lines = ["Running stage 'a':\n", "> python\n", "Running stage 'b@x':\n", "\n", "Use `dvc push` to send\n"]
    timed = [line for line in with_times(lines) if line.startswith("took:")]
    assert [line.split()[1] for line in timed] == ["a", "b@x"]
