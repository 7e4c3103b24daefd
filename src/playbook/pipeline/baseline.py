"""The headline figures that count as reached: a file in git, so that a drop is seen also once it has been committed.

`make verify` compares with HEAD, which tells a drop before the commit, and with this file, which tells it ever after.
It is moved on purpose only, by `make accept`, and the diff shows by how much.
"""

from pathlib import Path
from typing import Any

from playbook.pipeline.comparison import Column
from playbook.plumbing.files import read_json, write_json
from playbook.plumbing.metrics import Measurement
from playbook.reporting.headline import LINES, Line
from playbook.reporting.results import Results

BASELINE = Path("reports/baseline.json")
GATED = ("at least", "at most", "rises", "falls")
"""Rules that say which way is worse."""


def write_baseline(path: Path, now: Column, lines: tuple[Line, ...] = LINES) -> int:
    """Keep every gated headline figure that there is: {"pretrain": {"closed_book.A": ...}}; returns how many."""
    kept: dict[str, dict[str, Any]] = {}
    for line in lines:
        for file in line.files if line.rule in GATED and not line.name.startswith("run.") else ():
            found = now.results.measurement(file, line.name)
            if found is not None:
                kept.setdefault(file, {})[line.name] = found.to_json()
                break
    write_json(path, kept)
    return sum(map(len, kept.values()))


def read_baseline(path: Path) -> Column | None:
    """What was kept, as if it were a revision; None where nothing was ever accepted."""
    if not path.exists():
        return None
    metrics: dict[str, dict[str, Any]] = {}
    for file, figures in read_json(path).items():
        tree: dict[str, Any] = {}
        for name, row in figures.items():
            node, (*folders, last) = tree, name.split(".")
            for folder in folders:
                node = node.setdefault(folder, {})
            node[last] = Measurement.from_json(row, f"{path}: {name}").to_json()
        metrics[file] = tree
    return Column("baseline", {}, Results(metrics))
