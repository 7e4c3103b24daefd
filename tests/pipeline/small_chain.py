"""A chain of two makers and one reader as a DVC project of its own, for the tests of what runs and records chains."""

import subprocess
from pathlib import Path

from playbook.plumbing.files import write_json
from playbook.plumbing.fingerprint import fingerprints

CHAIN = """stages:
  code:
    cmd: python -c pass
    deps: [stages]
    outs:
      - code.json: {cache: false, persist: true}
  make:
    matrix:
      key: [a, b]
    cmd: python stages/make.py ${item.key}
    meta: {mem_mb: 10}
    deps: [source.txt]
    params: [make, code.json: [make]]
    outs: ["data/${item.key}"]
    metrics:
      - "reports/${item.key}.json": {cache: false}
  read:
    cmd: python stages/read.py
    deps: [data/a/part.txt, data/b, reports/a.json, reports/b.json]
    params: [code.json: [read]]
    outs:
      - reports/README.md: {cache: false}
"""
MAKE = """import json, sys, time
from pathlib import Path
def main():
    key, text = sys.argv[1], Path("source.txt").read_text()
    Path("data", key).mkdir(parents=True, exist_ok=True)
    Path("data", key, "part.txt").write_text(key + text)
    loss = {"value": float(len(text)), "ci95": [0.0, 9.0], "n": 3}
    Path("reports").mkdir(exist_ok=True)
    Path("reports", key + ".json").write_text(json.dumps({"loss": loss, "run": {"seconds": time.time()}}))
main()
"""
READ = """import json
from pathlib import Path
def main():
    told = [json.loads(Path("reports", key + ".json").read_text())["run"]["seconds"] for key in "ab"]
    Path("reports/README.md").write_text(f"took {told}, {Path('data/a/part.txt').read_text()}")
main()
"""


def write_chain(root: Path) -> None:
    """The project under git, with nothing run yet."""
    files = {
        "dvc.yaml": CHAIN, "stages/make.py": MAKE, "stages/read.py": READ, "source.txt": "text",
        "params.yaml": "make: {size: 3}\n", ".gitignore": "/data\n/.snakemake\n.snakemake_timestamp\n",
        ".dvcignore": ".snakemake_timestamp\n", ".dvc/config": "[core]\n    analytics = false\n",
        ".dvc/.gitignore": "/tmp\n/cache\n",
    }  # fmt: skip
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    write_json(root / "code.json", fingerprints(root))
    git(root, "init", "--quiet")


def git(root: Path, *words: str) -> str:
    who = ["-c", "user.name=tester", "-c", "user.email=tester@example.org"]
    return subprocess.run(["git", "-C", str(root), *who, *words], check=True, capture_output=True, text=True).stdout


def commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "run")
