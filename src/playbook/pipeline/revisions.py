"""The workspace, HEAD and every DVC experiment, side by side: what each has in its dvc.lock, and the files behind it.

Read from git and DVC's cache; nothing is checked out and nothing runs. An experiment is a commit below refs/exps.
"""

import hashlib
import itertools
import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dvc.utils.serialize import parse_yaml

from playbook.pipeline.dag import flatten
from playbook.plumbing.errors import InputError
from playbook.plumbing.metrics import Measurement, walk_measurements

WORKSPACE, HEAD = "workspace", "HEAD"


@dataclass(frozen=True)
class Revision:
    """One state of the project. Names are paths relative to the root."""

    name: str
    """workspace, HEAD, or the name of an experiment."""
    root: Path
    cache: Path
    """DVC's cache, `files/md5`."""
    commit: str | None = None
    """None: the files as they lie in the workspace."""

    def read(self, path: str) -> bytes | None:
        """A file that git tracks, as this revision has it; None where it has none."""
        if self.commit is None:
            return (self.root / path).read_bytes() if (self.root / path).is_file() else None
        found = _git(self.root, "show", f"{self.commit}:./{path}")
        return found.stdout if found.returncode == 0 else None

    def recorded(self, path: str, digest: str) -> bytes | None:
        """The file of that name whose MD5 dvc.lock gives; None where neither git nor DVC's cache has it any more."""
        content = self.read(path)
        if content is not None and hashlib.md5(content).hexdigest() == digest:
            return content
        cached = self.cache / digest[:2] / digest[2:]
        return cached.read_bytes() if cached.is_file() else None

    def listing(self, digest: str) -> dict[str, str]:
        """The files of a recorded folder: relative path -> MD5. Empty where the cache does not have it."""
        cached = self.cache / digest[:2] / digest[2:]
        return {row["relpath"]: row["md5"] for row in json.loads(cached.read_bytes())} if cached.is_file() else {}

    def names(self, folder: str) -> list[str]:
        """The files below a folder that git tracks."""
        if self.commit is None:
            listed = _git(self.root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", folder)
        else:
            listed = _git(self.root, "ls-tree", "-r", "-z", "--name-only", self.commit, "--", folder)
        return [name for name in listed.stdout.decode().split("\0") if name]

    def pipelines(self) -> dict[str, dict[str, Any]]:
        """Of each dvc.lock the entries by stage: {"main": {"prepare": ...}, "labs/real_text": {...}}.

        Entries that dvc.yaml no longer has are left out: DVC leaves them behind when a matrix shrinks.
        """
        locks = [name for name in [*self.names("dvc.lock"), *self.names("labs")] if name.endswith("dvc.lock")]
        found = {}
        for lock in locks:
            folder = lock.removesuffix("dvc.lock").rstrip("/")
            entries = (self._yaml(lock) or {}).get("stages") or {}
            known = stage_names(self._yaml(f"{folder}/dvc.yaml".lstrip("/")) or {})
            found[folder or "main"] = {name: entry for name, entry in entries.items() if name in known}
        return {name: entries for name, entries in found.items() if entries}

    def _yaml(self, path: str) -> Any:
        content = self.read(path)
        return None if content is None else parse_yaml(content.decode(), path)


def _git(root: Path, *words: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(["git", "-C", str(root), *words], capture_output=True, check=False)


def stage_names(dvc_yaml: Mapping[str, Any]) -> set[str]:
    """The stages of a dvc.yaml with its matrices multiplied out.

    >>> sorted(stage_names({"stages": {"a": {}, "b": {"matrix": {"x": [1, 2], "y": ["u"]}}}}))
    ['a', 'b@1-u', 'b@2-u']
    """
    names = set()
    for name, entry in (dvc_yaml.get("stages") or {}).items():
        matrix = entry.get("matrix") or {}
        keys = ["-".join(map(str, values)) for values in itertools.product(*matrix.values())]
        names |= {f"{name}@{key}" if key else name for key in keys}
    return names


def revisions(root: Path, cache: Path) -> list[Revision]:
    """The workspace, HEAD, and the experiments of every baseline, oldest first."""
    refs = _git(root, "for-each-ref", "--sort=creatordate", "--format=%(refname) %(objectname)", "refs/exps")
    if refs.returncode != 0:
        raise InputError(root, "a git checkout", refs.stderr.decode().strip(), "git init")
    found = [Revision(WORKSPACE, root, cache)]
    head = _git(root, "rev-parse", "HEAD")
    if head.returncode == 0:
        found.append(Revision(HEAD, root, cache, head.stdout.decode().strip()))
    for line in refs.stdout.decode().splitlines():
        if match := re.fullmatch(r"refs/exps/[0-9a-f]{2}/[0-9a-f]{38}/(\S+) (\w+)", line):
            found.append(Revision(match[1], root, cache, match[2]))
    return found


def entry_key(entry: Mapping[str, Any]) -> str:
    """16 hex digits for a stage's entry in dvc.lock: the same command, inputs, parameters and outputs."""
    return hashlib.sha256(json.dumps(entry, sort_keys=True, default=str).encode()).hexdigest()[:16]


def entry_params(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of an entry, by dotted name; the fingerprint of its code as `code`."""
    found: dict[str, Any] = {}
    for file, keys in (entry.get("params") or {}).items():
        for key, value in keys.items():
            found |= {"code": value} if file.endswith("code.json") else flatten(value, key)
    return found


def entry_metrics(revision: Revision, entry: Mapping[str, Any]) -> tuple[dict[str, Measurement], dict[str, Any]]:
    """What a stage measured, and its run facts, by the metrics files among its outputs."""
    measured: dict[str, Measurement] = {}
    facts: dict[str, Any] = {}
    for tree in map(json.loads, entry_files(revision, entry, ".json", "reports").values()):
        if isinstance(tree, Mapping):
            measured |= dict(walk_measurements(tree))
            facts |= tree.get("run") or {}
    return measured, facts


def entry_files(revision: Revision, entry: Mapping[str, Any], suffix: str, below: str) -> dict[str, bytes]:
    """The outputs of an entry with that suffix and a folder `below` in their path, as far as they can still be had."""
    found = {}
    for out in entry.get("outs") or []:
        path = Path(out["path"])
        if path.suffix == suffix and below in path.parts:
            content = revision.recorded(out["path"], out["md5"])
            if content is not None:
                found[out["path"]] = content
    return found
