"""A git checkout with a lock of two stages and one experiment, written as if DVC had run it."""

import hashlib
import json
from pathlib import Path

from pipeline.small_chain import commit, git
from ruamel.yaml import YAML

from playbook.pipeline.revisions import Revision, revisions

METRICS = "reports/metrics/train.json"
CURVE = "reports/curves/train.csv"


def write(root: Path, rate: float, value: float) -> None:
    """A chain of two stages as if it had been run with `rate`, and had given `value`."""
    known = {"closed_book": {"A": {"value": value, "ci95": [value - 0.05, value + 0.05], "n": 9}}}
    episode = {
        "id": "t1", "messages": [{"role": "user", "content": "?"}], "stop": "answered",
        "steps": [
            {"message": {"content": "", "tool_call": {"name": "search", "query": "Ada"}}, "observation": "a vet"},
            {"message": {"content": "vet."}},
        ],
    }  # fmt: skip
    files = {"data/records/trajectories/x.jsonl": json.dumps(episode) + "\n"}
    files |= {METRICS: json.dumps(known | {"run": {"seconds": 3.5}}), CURVE: "step,loss\n1,2.5\n2,1.5\n"}
    outs = []
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
        outs.append({"path": name, "md5": hashlib.md5(text.encode()).hexdigest()})
    prepare = {"cmd": "p", "outs": [{"path": "data/x", "md5": "0" * 32}]}
    train = {
        "cmd": "t", "deps": [{"path": "data/x", "md5": "0" * 32}], "outs": outs,
        "params": {"params.yaml": {"train": {"rate": rate, "list": [1]}}, "code.json": {"train": "abc"}},
    }  # fmt: skip
    lock = {"schema": "2.0", "stages": {"prepare": prepare, "train": train, "gone@x": prepare}}
    (root / "dvc.yaml").write_text("stages: {prepare: {cmd: p}, train: {cmd: t}}\n")
    with open(root / "dvc.lock", "w") as handle:
        YAML().dump(lock, handle)


def checkout_with_experiment(root: Path) -> Path:
    """HEAD with rate 0.1, the experiment `fast` with 0.2, the workspace as HEAD."""
    root.mkdir()
    git(root, "init", "--quiet")
    write(root, 0.1, 0.9)
    commit(root)
    base = git(root, "rev-parse", "HEAD").strip()
    write(root, 0.2, 0.8)
    commit(root)
    git(root, "update-ref", f"refs/exps/{base[:2]}/{base[2:]}/fast", "HEAD")
    git(root, "update-ref", "refs/exps/exec/EXEC_HEAD", "HEAD")
    git(root, "reset", "--quiet", "--hard", base)
    return root


def read(root: Path) -> list[Revision]:
    return revisions(root, root / ".dvc/cache/files/md5")
