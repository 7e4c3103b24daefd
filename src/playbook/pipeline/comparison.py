"""The workspace, HEAD and every experiment as one table: the parameters in which they differ, what they measured.

It shows what `dvc exp show` shows, made to be read: intervals beside values, equal parameters left out, of the metrics
the lines of the headline only, and what came out the same everywhere in a sentence below.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playbook.pipeline.revisions import Revision, entry_metrics, entry_params
from playbook.plumbing.metrics import Measurement
from playbook.reporting.headline import LINES, Line
from playbook.reporting.results import Results
from playbook.reporting.tables import NOTHING, format_fact, format_measurement, markdown_table


@dataclass(frozen=True)
class Column:
    """One revision, read."""

    name: str
    params: Mapping[str, Any]
    results: Results


def read_column(revision: Revision) -> Column:
    """The main chain's parameters and metrics files of a revision, as dvc.lock ties them together."""
    params: dict[str, Any] = {}
    metrics: dict[str, dict[str, Any]] = {}
    for stage, entry in revision.pipelines().get("main", {}).items():
        params |= {name: value for name, value in entry_params(entry).items() if name != "code"}
        measured, facts = entry_metrics(revision, entry)
        tree = {"run": facts}
        for name, found in measured.items():
            _put(tree, name, found)
        metrics[stage.replace("@", "/")] = tree
    return Column(revision.name, params, Results(metrics))


def _put(tree: dict[str, Any], dotted: str, found: Measurement) -> None:
    *folders, last = dotted.split(".")
    for folder in folders:
        tree = tree.setdefault(folder, {})
    tree[last] = found.to_json()


def comparison(columns: Sequence[Column], lines: Sequence[Line] = LINES) -> str:
    """A Markdown table, a revision a column: first the parameters that differ, then the lines of the headline that do;
    below it, where several are compared, the lines that came out the same in all of them."""
    rows: list[list[str]] = []
    same: list[str] = []
    for name in dict.fromkeys(name for column in columns for name in column.params):
        values = [str(column.params.get(name, NOTHING)) for column in columns]
        if len(set(values)) > 1:
            rows.append([f"`{name}`", *(value if len(value) <= 40 else value[:39] + "…" for value in values)])
    for line in lines:
        cells = [_cell(column.results, line) for column in columns]
        if all(cell == NOTHING for cell in cells):
            continue
        if len(cells) > 1 and len(set(cells)) == 1:
            same.append(f"{line.label} {cells[0]}")
        else:
            rows.append([line.label, *cells])
    table = markdown_table(rows, ["", *(column.name for column in columns)])
    return f"{table}\n\nThe same in all: {'; '.join(same)}." if same else table


def _cell(results: Results, line: Line) -> str:
    for file in line.files:
        if line.name.startswith("run."):
            fact = results.fact(file, line.name.removeprefix("run."))
            if isinstance(fact, int | float):
                return format_fact(fact)
        elif (found := results.measurement(file, line.name)) is not None:
            return format_measurement(found, 3)
    return NOTHING
