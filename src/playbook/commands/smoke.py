"""The whole pipeline in small: params.yaml with profiles/smoke.yaml laid over it, run in a throw-away copy.

Runs every stage for real with DVC, in a temporary folder with a cache of its own; the work tree is only read.
Knows no stage by name. Its exit status is the chain's.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from playbook.plumbing.config import overlay, read_yaml
from playbook.plumbing.errors import tell
from playbook.plumbing.files import write_json
from playbook.plumbing.paths import ROOT

PROFILE = Path("profiles/smoke.yaml")
REPORT = Path("reports/README.md")
NOT_SOURCE = {".git", ".venv", ".work", "models", "__pycache__"}


def main() -> int:
    """Run the chain in a copy of this checkout; return its exit status."""
    sys.excepthook = tell
    with tempfile.TemporaryDirectory(prefix="playbook-smoke-") as folder:
        copy = Path(folder)
        copy_tree(ROOT, copy)
        # JSON is YAML too, and keeps a float a float
        write_json(copy / "params.yaml", overlay(read_yaml(ROOT / "params.yaml"), read_yaml(ROOT / PROFILE)))
        began = time.perf_counter()
        status = run_chain(copy)
        print(f"\nsmoke: {time.perf_counter() - began:.1f} s in all, exit status {status}")
        if status == 0 and (copy / REPORT).is_file():
            print("\n".join(["", *first_table((copy / REPORT).read_text(encoding="utf-8").splitlines())]))
    return status


def copy_tree(root: Path, copy: Path) -> None:
    """Copy the source files of a checkout and make the copy a DVC repository of its own, with nothing run yet."""
    for path in source_files(root):
        if path.name != "dvc.lock":
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / path, copy / path)
    (copy / ".dvc").mkdir(exist_ok=True)
    (copy / ".dvc/config.local").write_text("[core]\n    no_scm = true\n", encoding="utf-8")


def source_files(root: Path) -> list[Path]:
    """The files that git tracks or would track; where there is no git, all but what is known to be built."""
    if (root / ".git").exists():
        listing = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listing, capture_output=True, check=True, text=True).stdout.split("\0")
        return [Path(name) for name in dict.fromkeys(names) if name and (root / name).is_file()]
    files = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return sorted(path for path in files if not _is_built(path))


def _is_built(path: Path) -> bool:
    in_cache = path.parts[:2] in ((".dvc", "cache"), (".dvc", "tmp"))
    return in_cache or bool(NOT_SOURCE & set(path.parts)) or (path.parts[0] == "data" and path.parts[1] != "sources")


def run_chain(copy: Path) -> int:
    """`dvc repro` in `copy`, its output passed through, each stage's wall time told as soon as it ends."""
    here = str(Path(sys.executable).parent)  # the stages' `python` is to be this one
    inherited = {name: value for name, value in os.environ.items() if name not in ("DVC_ROOT", "PYTHONPATH")}
    environment = {**inherited, "PATH": f"{here}{os.pathsep}{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1"}
    command = [sys.executable, "-m", "dvc", "repro"]
    with subprocess.Popen(
        command, cwd=copy, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in with_times(process.stdout):
            print(line, flush=True)
    return process.returncode


def with_times(lines: Iterable[str]) -> Iterator[str]:
    """DVC's lines, with one added after each stage: how long it took, start of its Python included."""
    name, began = "", 0.0
    for line in lines:
        starts = re.match(r"Running stage '(.+)':", line)
        if name and (starts or line.startswith("Use `dvc push`")):
            yield f"smoke: {name} {time.perf_counter() - began:.1f} s"
            name = ""
        if starts:
            name, began = starts[1], time.perf_counter()
        yield line.rstrip("\n")


def first_table(lines: list[str]) -> list[str]:
    """The first Markdown table of a page: that of the report is its headline."""
    start = next((i for i, line in enumerate(lines) if line.startswith("|")), len(lines))
    end = next((i for i in range(start, len(lines)) if not lines[i].startswith("|")), len(lines))
    return lines[start:end]


if __name__ == "__main__":
    sys.exit(main())
