"""Every target of the headline, held against every county.

Reads: labs/worlds/reports/chain/*.json.
Writes: labs/worlds/reports/README.md, worlds.json.
Note: a county is one run, so an interval is over its people, questions or pairs; the last column
    counts counties.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playbook.plumbing.files import atomic_write, write_json
from playbook.plumbing.metrics import read_metrics
from playbook.plumbing.stage import stage
from playbook.reporting.agent_page import lines as agent_lines
from playbook.reporting.headline import LINES, Line, row
from playbook.reporting.results import Results
from playbook.reporting.tables import NOTHING, format_fact, markdown_table

REPORTS = Path("labs/worlds/reports")
SECTIONS = {
    "The model": tuple(line for line in LINES if line.rule and not line.name.startswith("run.")),
    "The agent": tuple(line for line in agent_lines("grpo") if line.rule),
}
"""The lines with a target. What is a matter of shape or machine has its place in the main report."""
Cells = Mapping[str, tuple[str, bool]]
"""County -> what its cell shows, and whether the target is met."""


@dataclass(frozen=True)
class Params:
    """Sections of labs/worlds/params.yaml."""

    seeds: tuple[int, ...]


def main() -> None:
    """Judge every line in every county, write."""
    with stage("labs.worlds.report", Params) as run:
        chains = run.input(REPORTS / "chain")
        worlds = {str(seed): Results(read_metrics(chains / f"{seed}.json")) for seed in run.params.seeds}
        told = {line: judged(line, worlds) for lines in SECTIONS.values() for line in lines}
        met = [is_met for cells in told.values() for _, is_met in cells.values()]
        found = {
            "expected": "every target is met in every county",
            "missed": {seed: missed(told, seed) for seed in worlds},
            "met": sum(met),
            "targets": len(met),
            "verdict": "PASS" if all(met) else "FAIL",
        }
        write_json(REPORTS / "worlds.json", found)
        with atomic_write(REPORTS / "README.md") as handle:
            handle.write(page(told, found, list(worlds)))


def judged(line: Line, worlds: Mapping[str, Results]) -> Cells:
    """A target is met by the value, or, where a change has to be on one side of 0, by the whole interval; what was not
    measured has not met it."""
    told = {}
    for seed, results in worlds.items():
        cells = row(results, line)
        told[seed] = (NOTHING, False) if cells is None else (f"{cells[1]} {cells[2]}", str(cells[-1]).startswith("met"))
    return told


def missed(told: Mapping[Line, Cells], seed: str) -> list[str]:
    """The targets that a county misses; those of the agent are told apart from those of the model."""
    ends = {line: " (agent)" if line in SECTIONS["The agent"] else "" for line in told}
    return [f"{line.label}{ends[line]}" for line, cells in told.items() if not cells[seed][1]]


def target(line: Line) -> str:
    """What the line promises."""
    word = {"at least": "≥ ", "at most": "≤ ", "chance": "chance", "rises": "> 0", "falls": "< 0"}[line.rule]
    return f"{word}{format_fact(line.target)}" if line.rule in ("at least", "at most") else word


def shown(line: Line, cells: Cells) -> list[str]:
    """The row of a line."""
    values = [text if met else f"**{text}**" for text, met in cells.values()]
    return [line.label, target(line), *values, f"{sum(met for _, met in cells.values())} of {len(cells)}"]


def page(told: Mapping[Line, Cells], found: Mapping[str, Any], seeds: Sequence[str]) -> str:
    """The report as Markdown."""
    headers = ["what", "target", *(f"world {seed}" for seed in seeds), "met in"]
    tables = [
        f"## {title}\n\n{markdown_table([shown(line, told[line]) for line in lines], headers)}"
        for title, lines in SECTIONS.items()
    ]
    body = "\n\n".join(tables)
    return f"""# Other counties

The whole main chain, from nothing, in {len(seeds)} other {"county" if len(seeds) == 1 else "counties"}: other people,
other names, another vocabulary. The parameters are those of the main chain, and nothing in them was chosen by looking
here. Values with their 95% intervals over people, questions or pairs of one run; what misses its target is bold.

{body}

Expected, before the run: every target is met in every county. Met are {found["met"]} of {found["targets"]};
verdict of the study: {found["verdict"]}.

Made by `python -m labs.worlds.report`; `dvc repro labs/worlds/dvc.yaml` remakes everything, one county after the other.
Every other figure of each county stands in [chain](chain).
"""


if __name__ == "__main__":
    main()
