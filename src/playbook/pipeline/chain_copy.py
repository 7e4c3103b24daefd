"""A copy of the checkout with nothing run yet, and the whole chain run in it with other parameters.

The work tree is only read: the copy has a DVC cache of its own and knows nothing of git. What was killed is resumed by
running the chain in the same copy again. Knows no stage by name.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from playbook.plumbing.config import overlay, read_yaml
from playbook.plumbing.files import write_json

NOT_SOURCE = {".git", ".venv", ".work", "models", "__pycache__"}


def make_copy(root: Path, copy: Path, changes: Mapping[str, Any]) -> None:
    """Copy a checkout, with `changes` laid over its params.yaml; a key that this does not have raises `InputError`."""
    copy_tree(root, copy)
    # JSON is YAML too, and keeps a float a float
    write_json(copy / "params.yaml", overlay(read_yaml(root / "params.yaml"), dict(changes)))


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
    """`dvc repro` in `copy`, its output passed through, each stage's wall time told as soon as it ends.

    The exit status of DVC is returned.
    """
    here = str(Path(sys.executable).parent)  # the stages' `python` is to be this one
    inherited = {name: value for name, value in os.environ.items() if name not in ("DVC_ROOT", "PYTHONPATH")}
    environment = {
        **inherited,
        "PATH": f"{here}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(copy / "src"),  # the library of the copy: the checkout may be edited meanwhile
        "DVC_NO_ANALYTICS": "1",
    }
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
            yield f"took: {name} {time.perf_counter() - began:.1f} s"
            name = ""
        if starts:
            name, began = starts[1], time.perf_counter()
        yield line.rstrip("\n")
