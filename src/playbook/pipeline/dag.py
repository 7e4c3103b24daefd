"""DVC's resolved stages as plain data, for whoever runs or draws them: names, commands, files, resources.

DVC has filled in variables and matrices before we look, so a stage added to any dvc.yaml appears here by itself.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from dvc.dependency.param import ParamsDependency, read_param_file

from playbook.plumbing.errors import InputError

CODE = "code.json"
MISSING = "(none)"


@dataclass(frozen=True)
class Node:
    """A stage. Paths are relative to the root of the checkout."""

    name: str
    """DVC's address: `evaluate@base`, `labs/real_text/dvc.yaml:train@third`."""
    command: str
    folder: str
    """Where the command runs; "." is the root."""
    sources: tuple[str, ...]
    """What it reads and no stage makes."""
    made: tuple[str, ...]
    """What it reads and other stages make: their outputs, whole (of data/corpus/questions.jsonl it is data/corpus)."""
    ordered: tuple[str, ...]
    """Outputs that must have been written before it, though their age says nothing: code.json."""
    outputs: tuple[str, ...]
    params: Mapping[str, Any]
    """`params.yaml: pretrain.tokens` -> its value now."""
    meta: Mapping[str, Any]
    """What dvc.yaml says under `meta`: threads, and resources such as mem_mb."""

    @property
    def in_main_chain(self) -> bool:
        """Of the dvc.yaml at the root, and not of a lab's."""
        return ":" not in self.name


def read_dag(repo: Any, code: Mapping[str, Any]) -> list[Node]:
    """The stages of every dvc.yaml of an open `dvc.repo.Repo`, in the order in which they can run.

    `code` holds the fingerprints of the code as it is now: code.json may be older than the code.
    """
    root, values = Path(repo.root_dir), parameter_reader(repo, code)
    return [_node(repo, stage, root, code, values) for stage in in_order(repo)]


def parameter_reader(repo: Any, code: Mapping[str, Any]) -> Callable[[str], Any]:
    """Absolute path of a parameter file -> its contents, read once: each takes DVC .1 s, and every stage names one."""

    @cache
    def values(path: str) -> Any:
        return code if Path(path) == Path(repo.root_dir) / CODE else read_param_file(repo.fs, path)

    return values


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


def _node(repo: Any, stage: Any, root: Path, code: Mapping[str, Any], values: Callable[[str], Any]) -> Node:
    makers = list(repo.index.graph.successors(stage))
    outs = [relative(out.fs_path, root) for up in makers for out in up.outs]
    sources, made, ordered, params = [], [], [], dict[str, Any]()
    for dep in stage.deps:
        path = relative(dep.fs_path, root)
        found = [out for out in outs if overlap(out, path)]
        if isinstance(dep, ParamsDependency):
            ordered += found
            now = values(dep.fs_path)
            params |= {f"{path}: {leaf}": x for key in dep.params for leaf, x in flatten(lookup(now, key), key).items()}
        elif found:
            made += found
        else:
            sources.append(path)
    if any(out.fs_path == str(root / CODE) for out in stage.outs):
        params |= {f"fingerprints: {leaf}": x for leaf, x in flatten(code, "").items()}  # what its many files come to
    meta = stage.meta or {}
    if not isinstance(meta, Mapping):
        raise InputError(f"dvc.yaml: {stage.addressing}: meta", "a mapping such as {threads: 2}", meta)
    return Node(
        stage.addressing, stage.cmd, relative(stage.wdir, root), tuple(sources), tuple(dict.fromkeys(made)),
        tuple(dict.fromkeys(ordered)), tuple(relative(out.fs_path, root) for out in stage.outs), params, meta,
    )  # fmt: skip


def relative(path: str | Path, root: Path) -> str:
    """A path as dvc.yaml at the root would write it."""
    return Path(path).relative_to(root).as_posix()


def overlap(one: str, other: str) -> bool:
    """One is the other, or a folder that holds it.

    >>> overlap("data/corpus", "data/corpus/questions.jsonl"), overlap("data/corpus", "data/corpus_2")
    (True, False)
    """
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def lookup(tree: Mapping[str, Any], dotted: str) -> Any:
    """Follow a dotted name into nested mappings."""
    node: Any = tree
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
    return {leaf: x for key, child in value.items() for leaf, x in flatten(child, f"{name}.{key}".lstrip(".")).items()}


def ancestors(nodes: list[Node], name: str) -> Iterator[str]:
    """The stages that must have run before the one named."""
    by_name = {node.name: node for node in nodes}
    maker = {out: node.name for node in nodes for out in node.outputs}
    waiting, seen = [name], {name}
    while waiting:
        node = by_name[waiting.pop()]
        for out in (*node.made, *node.ordered):
            if maker[out] not in seen:
                seen.add(maker[out])
                waiting.append(maker[out])
                yield maker[out]
