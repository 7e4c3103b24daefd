"""The real dvc.yaml over make-believe stages: what reruns after which change, and what a fresh clone says.

Each make-believe stage writes its declared outputs, with contents that follow from what it read.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from dvc.exceptions import ReproductionError
from dvc.repo import Repo
from pipeline.wiring import wired_stages

from playbook.plumbing.config import read_yaml
from playbook.plumbing.files import read_json, write_json
from playbook.plumbing.paths import ROOT

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]  # of DVC's own dependencies

CHECKPOINTS = ["base", "sft", "dpo", "grpo"]
EVALUATED = [f"{stage}@{name}" for stage in ("evaluate", "agent_eval") for name in CHECKPOINTS]
TRAINED = ["pretrain", "sft", "reward", "dpo", "grpo", *EVALUATED, "compare", "recipe", "report"]
CHAIN = ["code", "prepare", "audit", "tokenizer", "index", *TRAINED]

STAGE = '''"""Make-believe."""

import hashlib
import json
import sys
import time
from pathlib import Path

from playbook.plumbing.files import file_sha256, write_json

VERSION = 1


def main() -> None:
    """Write each output."""
    deps, sections, outs, metrics = json.loads({plans!r})["".join(sys.argv[1:])]
    params = json.loads(Path("params.yaml").read_text())
    inputs = [file_sha256(path) for path in deps if Path(path).suffix != ".json"]
    seen = [VERSION, inputs, [params[name] for name in sections]]
    digest = hashlib.sha256(json.dumps(seen).encode()).hexdigest()
    for path in outs:
        write_json(path if Path(path).suffix else Path(path) / "part.json", digest)
    with open("runs.txt", "a") as log:
        log.write("{module}\\n")
    for path in metrics:
        write_json(path, {{"run": {{"seconds": time.time()}}}})


if __name__ == "__main__":
    main()
'''


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    for name, value in {"NAME": "tester", "EMAIL": "tester@example.org"}.items():
        monkeypatch.setenv(f"GIT_AUTHOR_{name}", value)
        monkeypatch.setenv(f"GIT_COMMITTER_{name}", value)
    root = tmp_path / "checkout"
    shutil.copytree(ROOT / "src/playbook/plumbing", root / "src/playbook/plumbing")
    for name in ("src/playbook/__init__.py", "stages/__init__.py", "stages/code.py", ".dvc/config", ".dvc/.gitignore"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    for name in (".dvcignore", ".gitignore", ".gitattributes"):
        shutil.copy(ROOT / name, root / name)
    pipeline = (ROOT / "dvc.yaml").read_text()  # without the code of labs: DVC reads and writes all that at every stage
    (root / "dvc.yaml").write_text(re.sub(r"^ +- labs/.*\.py\n", "", pipeline, flags=re.MULTILINE))
    (root / "data/sources").mkdir(parents=True)
    (root / "data/sources/README.md").write_text("own texts go here\n")
    write_json(root / "params.yaml", {name: {"knob": 1} for name in read_yaml(ROOT / "params.yaml")})
    stages = [stage for stage in wired_stages() if stage.module.startswith("stages.")]
    wanted = [path for stage in stages for path in stage.paths("deps")]
    plans: dict[str, dict[str, list[list[str]]]] = {}  # module -> matrix key, or nothing -> plan
    for stage in stages:
        outs = [*stage.paths("outs"), *stage.paths("plots")]
        outs += [path for path in wanted if any(path.startswith(f"{out}/") for out in outs)]
        plan = [stage.paths("deps"), stage.params().get("params.yaml", []), outs, stage.paths("metrics")]
        plans.setdefault(stage.module, {})[stage.key or ""] = plan
    for module, keyed in plans.items():
        (root / f"{module.replace('.', '/')}.py").write_text(STAGE.format(plans=json.dumps(keyed), module=module))
    git(root, "init", "--quiet")
    return root


def git(root: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", str(root), *words], check=True, capture_output=True, text=True).stdout


def reran(root: Path, **options: bool) -> list[str]:
    """`dvc repro` in `root`: the stages that it ran."""
    with contextlib.chdir(root), Repo() as repo:
        return [stage.addressing for stage in repo.reproduce(**options)]


def edit(path: Path, change: Callable[[str], str]) -> None:
    before = path.read_text()
    path.write_text(change(before))
    assert path.read_text() != before


def test_only_what_a_change_reaches_runs_again(checkout: Path) -> None:
    first = reran(checkout)
    assert sorted(first) == sorted(CHAIN)
    for before, after in (
        ("audit", "tokenizer"),
        ("tokenizer", "pretrain"),
        ("pretrain", "sft"),
        ("sft", "recipe"),
        ("dpo", "grpo"),
    ):
        assert first.index(before) < first.index(after)
    assert (first[0], first[-1]) == ("code", "report")
    assert reran(checkout) == []

    git(checkout, "add", "--all")
    git(checkout, "commit", "--quiet", "--message", "run")
    tracked = git(checkout, "ls-files").splitlines()
    assert {"dvc.lock", "code.json", "reports/README.md", "reports/metrics/evaluate/base.json"} <= set(tracked)
    assert not [name for name in tracked if name.startswith(("data/", "models/")) and name != "data/sources/README.md"]
    clone = checkout.with_name("clone")
    git(checkout, "clone", "--quiet", str(checkout), str(clone))
    assert reran(clone, allow_missing=True, dry=True) == []
    assert git(clone, "status", "--porcelain") == ""

    edit(checkout / "src/playbook/plumbing/files.py", lambda text: "# a comment\n" + text)
    assert reran(checkout) == ["code"]

    edit(checkout / "stages/dpo.py", lambda text: text.replace("VERSION = 1", "VERSION = 2"))
    after_grpo = {"evaluate@grpo", "agent_eval@grpo", "compare", "report"}
    assert set(reran(checkout)) == {"code", "dpo", "evaluate@dpo", "agent_eval@dpo", "grpo", *after_grpo}

    params = read_json(checkout / "params.yaml")
    write_json(checkout / "params.yaml", params | {"grpo": {"knob": 2}})
    assert set(reran(checkout)) == {"grpo", *after_grpo}

    write_json(checkout / "params.yaml", params)
    trained = (checkout / "runs.txt").read_text().count("stages.grpo")
    assert "grpo" in reran(checkout)
    assert (checkout / "runs.txt").read_text().count("stages.grpo") == trained  # old values: DVC's run-cache has it

    edit(checkout / "stages/audit.py", lambda text: text.replace("    main()", "    raise SystemExit('leak')"))
    before = read_yaml(checkout / "dvc.lock")["stages"]
    write_json(checkout / "params.yaml", params | {"world": {"knob": 3}, "data": {"knob": 3}})
    with pytest.raises(ReproductionError, match="audit"):
        reran(checkout)
    after = read_yaml(checkout / "dvc.lock")["stages"]
    assert after["prepare"] != before["prepare"]
    assert after["tokenizer"] == before["tokenizer"]  # nothing is trained on a corpus that leaks
