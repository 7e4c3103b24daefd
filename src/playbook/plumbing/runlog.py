"""What a long run tells while it runs: a curve as CSV (a DVC plot), and a progress bar when somebody is looking."""

import csv
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from playbook.plumbing.files import atomic_write
from playbook.plumbing.live import tell_live

Item = TypeVar("Item")


class Curve:
    """Rows of a training curve. Kept whole in memory, so that a resumed run continues the very same curve.

    Columns are fixed at the start; a row may leave some out (validation is rarer than training).
    """

    def __init__(self, columns: tuple[str, ...]) -> None:
        self.columns = columns
        self.rows: list[dict[str, Any]] = []

    def add(self, **row: Any) -> None:
        """Append a row; an unknown column is an error of ours."""
        assert set(row) <= set(self.columns), f"unknown columns {set(row) - set(self.columns)}"
        self.rows.append(row)
        tell_live(row)

    def write(self, path: str | Path) -> None:
        """Write CSV; floats with 6 significant digits, missing values empty."""
        with atomic_write(path) as handle:
            writer = csv.DictWriter(handle, self.columns, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(
                {k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()} for row in self.rows
            )


def progress(items: Iterable[Item], what: str, total: int | None = None, start: int = 0) -> "tqdm[Item]":
    """A progress bar over `items` on a terminal; silent elsewhere."""
    quiet = not sys.stderr.isatty()
    return tqdm(items, desc=what, total=total, initial=start, disable=quiet, dynamic_ncols=True)


def say(message: str, facts: Mapping[str, Any] | None = None) -> None:
    """One line for the person at the terminal, or for the log of whoever runs us. Never breaks a progress bar."""
    tail = "  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in (facts or {}).items())
    tqdm.write(f"{message}  {tail}".rstrip(), file=sys.stderr)
