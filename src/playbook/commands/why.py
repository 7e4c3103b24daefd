"""What `dvc repro` and `make labs` would run and why: the parameter that moved, from what to what; the input; the code.

Asks DVC and runs nothing. Of a stage that waits for another it can only tell that it may follow: if the other's
outputs come out the same, DVC skips it.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dvc.dependency.param import ParamsDependency
from dvc.repo import Repo

from playbook.plumbing.errors import tell
from playbook.plumbing.files import read_json
from playbook.plumbing.fingerprint import fingerprints
from playbook.plumbing.paths import ROOT

MISSING = "(none)"


def main(root: Path = ROOT) -> int:
    """Print one block for each stage that would run, in the order in which DVC would run them."""
    sys.excepthook = tell
    with Repo(str(root)) as repo:
        found = reasons(repo, root)
        known = [seconds for name in found if (seconds := last_seconds(repo, name, root)) is not None]
    if not found:
        print("nothing would rerun")
        return 0
    for name, told in found.items():
        print(f"{name}")
        print("\n".join(f"    {reason}" for reason in told))
    minutes, share = sum(known) / 60, f"{len(known)} of {len(found)} stages"
    print(f"\nAbout {minutes:.1f} minutes, by the last runs of the {share} that told theirs")
    return 0


def reasons(repo: Any, root: Path) -> dict[str, list[str]]:
    """Why each stage would run, in topological order; stages that would not are left out."""
    code = fingerprints(root)  # as the stage `code` would write it: code.json itself may be older than the code
    found: dict[str, list[str]] = {}
    for stage in in_order(repo):
        told = list(changes(stage, root, code))
        waits = [up.addressing for up in repo.index.graph.successors(stage) if up.addressing in found]
        told += [f"may follow {name}" for name in waits if name != "code"]  # `code` is followed by fingerprint
        if told:
            found[stage.addressing] = told
    return found


def in_order(repo: Any) -> list[Any]:
    """The stages of every dvc.yaml, each after those whose outputs it reads; ties in the order of the files."""
    ordered: dict[str, Any] = {}

    def visit(stage: Any) -> None:
        if stage.addressing not in ordered:
            for up in sorted(repo.index.graph.successors(stage), key=position.__getitem__):
                visit(up)
            ordered[stage.addressing] = stage

    position = {stage: i for i, stage in enumerate(repo.index.stages)}
    for stage in position:
        visit(stage)
    return list(ordered.values())


def changes(stage: Any, root: Path, code: Mapping[str, Any]) -> Iterator[str]:
    """The reasons that lie in the stage itself: its command, parameters, inputs, and outputs that are gone."""
    if not any(out.hash_info for out in stage.outs):
        yield "it never ran here"
        return
    if stage.changed_stage():
        yield "the command changed"
    for dep in stage.deps:
        if isinstance(dep, ParamsDependency):
            is_code = Path(dep.fs_path).name == "code.json"
            yield from parameter_changes(dep, code if is_code else dep.read_params(), "code" if is_code else "")
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


def lookup(tree: Mapping[str, Any], dotted: str) -> Any:
    """Follow a dotted name; DVC gives the tree with whole dotted keys at its top, code.json has them nested."""
    node: Any = tree
    if dotted in tree:
        return tree[dotted]
    for key in dotted.split("."):
        if not isinstance(node, Mapping) or key not in node:
            return MISSING
        node = node[key]
    return node


def flatten(value: Any, name: str) -> dict[str, Any]:
    """Name the leaves of a parameter tree.

    >>> flatten({"tokens": 6, "optimizer": {"kind": "muon"}}, "pretrain")
    {'pretrain.tokens': 6, 'pretrain.optimizer.kind': 'muon'}
    """
    if not isinstance(value, Mapping):
        return {name: value}
    return {leaf: x for key, child in value.items() for leaf, x in flatten(child, f"{name}.{key}").items()}


def last_seconds(repo: Any, name: str, root: Path) -> float | None:
    """What the stage took when it last ran, by the metrics file that it then wrote."""
    stage = next(stage for stage in repo.index.stages if stage.addressing == name)
    paths = [root / out.fs_path for out in stage.outs if out.metric and Path(out.fs_path).is_file()]
    seconds = [read_json(path).get("run", {}).get("seconds") for path in paths]
    return next((float(s) for s in seconds if s is not None), None)


if __name__ == "__main__":
    sys.exit(main())
