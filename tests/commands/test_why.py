import contextlib
import os
import sys
from pathlib import Path

import pytest
from dvc.repo import Repo

from playbook.commands import why
from playbook.pipeline.dag import MISSING, flatten, lookup
from playbook.pipeline.reasons import reasons
from playbook.plumbing.files import read_json, write_json
from playbook.plumbing.fingerprint import fingerprints

pytestmark = pytest.mark.filterwarnings("ignore")  # of DVC's own dependencies

CHAIN = """stages:
  code:
    cmd: python -c pass
    deps: [stages]
    outs:
      - code.json: {cache: false, persist: true}
  prepare:
    cmd: cp source.txt corpus.txt
    deps: [source.txt]
    params: [data, code.json: [prepare]]
    outs: [corpus.txt]
  train:
    cmd: cp corpus.txt model.txt && cp metrics.in metrics.json
    deps: [corpus.txt]
    params: [train, code.json: [train]]
    outs: [model.txt]
    metrics:
      - metrics.json: {cache: false}
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("sys.excepthook", None)
    for folder in (".dvc", "stages"):
        (tmp_path / folder).mkdir()
    (tmp_path / ".dvc/config").write_text("[core]\n    analytics = false\n    no_scm = true\n")
    (tmp_path / "dvc.yaml").write_text(CHAIN)
    (tmp_path / "source.txt").write_text("text")
    (tmp_path / "params.yaml").write_text("data: {files: '*.txt'}\ntrain: {tokens: 6, optimizer: {kind: muon}}\n")
    write_json(tmp_path / "metrics.in", {"run": {"seconds": 90}})
    for name in ("prepare", "train"):
        (tmp_path / f"stages/{name}.py").write_text("def main():\n    return 1\n")
    write_json(tmp_path / "code.json", fingerprints(tmp_path))
    with contextlib.chdir(tmp_path), Repo() as repo:
        repo.reproduce()
    return tmp_path


def told(root: Path) -> dict[str, list[str]]:
    with contextlib.chdir(root), Repo() as repo:
        return reasons(repo, root)


def test_nothing_and_then_each_kind_of_change(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert why.main(checkout) == 0
    assert capsys.readouterr().out == "nothing would rerun\n"

    params = (checkout / "params.yaml").read_text()
    (checkout / "params.yaml").write_text(params.replace("tokens: 6", "tokens: 3").replace("kind", "name"))
    assert told(checkout) == {
        "train": [
            "train.tokens: 6 -> 3",
            "train.optimizer.kind: muon -> (none)",
            "train.optimizer.name: (none) -> muon",
        ]
    }
    why.main(checkout)
    assert "About 1.5 minutes" in capsys.readouterr().out
    (checkout / "params.yaml").write_text(params + "# a comment\n")
    assert told(checkout) == {}

    (checkout / "source.txt").write_text("other")
    assert told(checkout) == {"prepare": ["input source.txt: modified"], "train": ["may follow prepare"]}
    (checkout / "source.txt").write_text("text")

    old = read_json(checkout / "code.json")["train"]
    (checkout / "stages/train.py").write_text("def main():\n    return 2\n")
    new = fingerprints(checkout)["train"]
    assert told(checkout) == {"code": ["input stages: modified"], "train": [f"code: {old} -> {new}"]}
    (checkout / "stages/train.py").write_text("# a comment\ndef main():\n    return 1\n")
    assert told(checkout) == {"code": ["input stages: modified"]}
    (checkout / "stages/train.py").write_text("def main():\n    return 1\n")

    (checkout / "model.txt").unlink()
    assert told(checkout) == {"train": ["output model.txt: deleted"]}


def test_a_chain_that_never_ran_would_run_whole(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / "dvc.lock").unlink()
    never = "it never ran here"
    assert told(checkout) == {"code": [never], "prepare": [never], "train": [never, "may follow prepare"]}


def test_dotted_names() -> None:
    assert flatten(3, "seed") == {"seed": 3}
    assert lookup({"labs": {"tiny": {"compare": "abc"}}}, "labs.tiny.compare") == "abc"
    assert lookup({"a": 1}, "a.b") == MISSING
