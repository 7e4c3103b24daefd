"""dvc.yaml as a picture: which stage waits for which, as Mermaid (GitHub and most editors draw it).

Edges that follow from others are left out (prepare -> pretrain, where prepare -> tokenizer -> pretrain), and so are
stages that share no file with another one.
"""

import re
from collections.abc import Mapping
from fnmatch import fnmatch
from typing import Any

SHOWN = 3
"""Outputs written into a box, at most."""


def mermaid(stages: Mapping[str, Mapping[str, Any]], seconds: Mapping[str, float]) -> str:
    """A Mermaid block for the `stages` of a dvc.yaml; `seconds` tells how long some of them took.

    A matrix stage is one box, and `${...}` in a path stands for anything.
    """
    edges = reduced(edges_of(stages))
    drawn = [name for name in stages if any(name in edge for edge in edges)]
    lines = ["```mermaid", "flowchart LR"]
    for name in drawn:
        outs = [f"<i>{_readable(path)}</i>" for path in paths(stages[name], "outs")[:SHOWN]]
        took = [f"{seconds[name]:,.0f} s"] if name in seconds else []
        lines.append(f'    {_id(name)}["<b>{name}</b><br/>{"<br/>".join(outs + took)}"]')
    lines += [f"    {_id(before)} --> {_id(after)}" for before, after in edges]
    return "\n".join([*lines, "```"])


def edges_of(stages: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    """(maker, user) for each two stages of which one reads what the other writes."""
    written = {name: paths(stage, "outs", "metrics", "plots") for name, stage in stages.items()}
    return [
        (maker, user)
        for maker, outs in written.items()
        for user, stage in stages.items()
        if maker != user and any(_overlap(out, dep) for out in outs for dep in paths(stage, "deps"))
    ]


def reduced(edges: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The transitive reduction: edges without which something could no longer be reached.

    >>> reduced([("a", "b"), ("b", "c"), ("a", "c")])
    [('a', 'b'), ('b', 'c')]
    """

    def reaches(start: str, goal: str, without: tuple[str, str]) -> bool:
        steps = [after for before, after in edges if before == start and (before, after) != without]
        return goal in steps or any(reaches(step, goal, without) for step in steps)

    return [edge for edge in edges if not reaches(*edge, edge)]


def paths(stage: Mapping[str, Any], *keys: str) -> list[str]:
    """The paths under `deps`, `outs`, ... of a stage, options dropped, `${...}` turned into `*`."""
    entries = [entry for key in keys for entry in stage.get("do", stage).get(key, [])]
    names = [next(iter(entry)) if isinstance(entry, Mapping) else str(entry) for entry in entries]
    return [re.sub(r"\$\{[^}]*\}", "*", name).rstrip("/") for name in names]


def _overlap(one: str, other: str) -> bool:
    """Whether two path patterns can mean the same file, or one a folder that holds the other."""
    return any(fnmatch(inner, outer) or fnmatch(inner, f"{outer}/*") for inner, outer in ((one, other), (other, one)))


def _readable(pattern: str) -> str:
    return pattern.replace("*", "…")


def _id(name: str) -> str:
    return re.sub(r"\W", "_", name)
