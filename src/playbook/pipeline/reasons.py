"""Why DVC would run a stage: the parameter that moved, from what to what; the input; the code; how long it took last.

Asks DVC and runs nothing. Of a stage that waits for another it can only tell that it may follow: if the other's
outputs come out the same, DVC skips it.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dvc.dependency.param import ParamsDependency

from playbook.pipeline.dag import CODE, MISSING, flatten, in_order, lookup, parameter_reader, relative
from playbook.pipeline.recorded import from_git
from playbook.plumbing.fingerprint import fingerprints

FOLLOWS = "may follow"


def reasons(repo: Any, root: Path) -> dict[str, list[str]]:
    """Why each stage would run, in topological order; stages that would not are left out."""
    # fingerprints as the stage `code` would write them: code.json itself may be older than the code
    values = parameter_reader(repo, fingerprints(root))
    found: dict[str, list[str]] = {}
    for stage in in_order(repo):
        told = list(changes(stage, values))
        waits = [up.addressing for up in repo.index.graph.successors(stage) if up.addressing in found]
        told += [f"{FOLLOWS} {name}" for name in waits if name != "code"]  # `code` is followed by fingerprint
        if told:
            found[stage.addressing] = told
    return found


def changes(stage: Any, values: Callable[[str], Any]) -> Iterator[str]:
    """The reasons that lie in the stage itself: its command, parameters, inputs, and outputs that are gone."""
    if not any(out.hash_info for out in stage.outs):
        yield "it never ran here"
        return
    if stage.changed_stage():
        yield "the command changed"
    for dep in stage.deps:
        if isinstance(dep, ParamsDependency):
            yield from parameter_changes(dep, values(dep.fs_path), "code" if Path(dep.fs_path).name == CODE else "")
        else:
            yield from (f"input {path}: {state}" for path, state in dep.status().items())
    for out in stage.outs:
        yield from (f"output {path}: {state}" for path, state in out.status().items())


def parameter_changes(dep: Any, now: Mapping[str, Any], what: str) -> Iterator[str]:
    """`pretrain.tokens: 6000000 -> 3000000` for each leaf that differs from dvc.lock."""
    locked = dep.hash_info.value or {}
    for key in dep.params:
        old, new = flatten(locked.get(key, MISSING), key), flatten(lookup(now, key), key)
        for name in dict.fromkeys([*old, *new]):
            before, after = old.get(name, MISSING), new.get(name, MISSING)
            if before != after:
                yield f"{what or name}: {before} -> {after}"


def last_seconds(stage: Any, root: Path) -> float | None:
    """What a stage took when it last ran, by the metrics file that it then wrote; by git's HEAD where that is gone."""
    for out in stage.outs:
        path = relative(out.fs_path, root)
        if out.metric and path.endswith(".json"):
            told = (root / path).read_bytes() if (root / path).is_file() else from_git(root, path)
            seconds = json.loads(told).get("run", {}).get("seconds") if told else None
            if seconds is not None:
                return float(seconds)
    return None
