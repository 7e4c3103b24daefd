"""What is on record of a stage: in dvc.lock, in git's HEAD, in DVC's run-cache; and the contents that went with it."""

import hashlib
import json
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from dvc.utils.serialize import load_yaml, parse_yaml

from playbook.pipeline.dag import relative
from playbook.pipeline.run_facts import same_results

Entry = Mapping[str, Any]
"""A stage as dvc.lock has it: cmd, deps, params, outs."""


def earlier(stage: Any, root: Path) -> Iterator[Entry]:
    """The entries on record, the one in the workspace first."""
    lock = Path(stage.dvcfile.path).with_suffix(".lock")
    if lock.is_file():
        yield from _stage_of(load_yaml(str(lock)), stage.name)
    if (committed := from_git(root, relative(lock, root))) is not None:
        yield from _stage_of(_parse(committed), stage.name)
    if entry := stage.repo.stage_cache._load(stage):  # there is no public way to ask
        yield entry


def place_on_record(stage: Any, root: Path) -> int:
    """Where the stage stands in HEAD's dvc.lock, those that it does not have last: a new lock keeps the old order."""
    committed = from_git(root, relative(Path(stage.dvcfile.path).with_suffix(".lock"), root))
    names = list(_parse(committed)["stages"]) if committed else []
    return names.index(stage.name) if stage.name in names else len(names)


def _stage_of(lock: Mapping[str, Any] | None, name: str) -> list[Entry]:
    stages = (lock or {}).get("stages") or {}
    return [stages[name]] if name in stages else []


@cache
def _parse(lock: bytes) -> Any:
    return parse_yaml(lock.decode(), "dvc.lock of HEAD")


def from_git(root: Path, path: str) -> bytes | None:
    """A file as HEAD has it; None where there is no git, no commit or no such file."""
    shown = subprocess.run(["git", "-C", str(root), "show", f"HEAD:./{path}"], capture_output=True, check=False)
    return shown.stdout if shown.returncode == 0 else None


def to_put_back(stage: Any, root: Path, entry: Entry, now: Entry) -> dict[Path, bytes] | None:
    """The recorded contents of what differs from `entry` in run facts alone; None if more than that differs."""
    known = {out["path"]: out["md5"] for out in now["outs"]}
    contents: dict[Path, bytes] = {}
    for out in entry["outs"]:
        if out["md5"] != known.get(out["path"]):
            found = _differing(stage, root, Path(stage.wdir) / out["path"], out["md5"])
            if found is None:
                return None
            contents |= found
    return contents


def _differing(stage: Any, root: Path, path: Path, digest: str) -> dict[Path, bytes] | None:
    """Of one output, the recorded contents that differ from what lies there; None if results do, or it is unknown."""
    files = {path: digest}
    if digest.endswith(".dir"):
        listing = _cached(stage, digest)
        if listing is None:
            return None
        files = {path / row["relpath"]: row["md5"] for row in json.loads(listing)}
        if {file for file in path.rglob("*") if file.is_file() and not file.name.startswith(".")} != set(files):
            return None
    contents: dict[Path, bytes] = {}
    for file, recorded in files.items():
        content = recorded_content(stage, root, file, recorded)
        if content is None or not file.is_file() or not same_results(content, file.read_bytes(), file.name):
            return None
        if content != file.read_bytes():
            contents[file] = content
    return contents


def recorded_content(stage: Any, root: Path, path: Path, digest: str) -> bytes | None:
    """The bytes of a recorded file: from DVC's cache, or, for what git tracks, from HEAD, if it is that version."""
    cached = _cached(stage, digest)
    if cached is not None:
        return cached
    content = from_git(root, relative(path, root))
    return content if content is not None and hashlib.md5(content).hexdigest() == digest else None


def _cached(stage: Any, digest: str) -> bytes | None:
    path = Path(stage.repo.cache.local.oid_to_path(digest))
    return path.read_bytes() if path.is_file() else None
