"""The verdict on one experiment, from its records alone. Run as `python -m labs.failure_modes.verdict NAME`.

Reads: labs/failure_modes/data/NAME.jsonl.
Writes: labs/failure_modes/reports/NAME.json: what was expected, every arm as measured, every claim judged, the negative
    control, and the verdict.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from labs.failure_modes.claims import Claim, Judged, judge, measured, name_of, together
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import read_jsonl, write_json
from playbook.plumbing.stage import stage

REPORTS = "labs/failure_modes/reports"


@dataclass(frozen=True)
class Panel:
    """One part of a figure."""

    measure: str
    label: str
    known: bool | None = None
    """Only prompts that have an answer (true), or have none (false)."""


@dataclass(frozen=True)
class Study:
    """An experiment as its readers see it, and what is expected of it."""

    title: str
    planted: str
    """The first sentence: what was done on purpose."""
    source: str
    titles: dict[str, str]
    """Of the arms, in the order of tables and figures."""
    panels: tuple[Panel, ...]
    """Beside each other in the figure, and the columns of the table; none: the figure is the path alone."""
    claims: tuple[Claim, ...]
    control: Claim
    path: Panel | None = None
    """What is drawn against the root of the KL, or against steps, in the first panel; for arms with steps."""


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    studies: dict[str, Study] = field(default_factory=dict)


def main(name: str) -> None:
    """Judge the experiment `name`."""
    with stage("labs.failure_modes.verdict", Params, name) as run:
        if name not in run.params.studies:
            raise InputError("labs.failure_modes.verdict", f"one of {', '.join(run.params.studies)}", name)
        again = f"dvc repro labs/failure_modes/dvc.yaml:{name}"
        facts, *rows = read_jsonl(run.input(f"labs/failure_modes/data/{name}.jsonl"), again)
        write_json(f"{REPORTS}/{name}.json", results(name, run.params.studies[name], rows) | facts)


def results(name: str, study: Study, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Everything that the report needs."""
    claims, control = [judge(claim, rows) for claim in study.claims], judge(study.control, rows)
    return {
        "command": f"dvc repro labs/failure_modes/dvc.yaml:verdict@{name}",
        "expected": [asdict(claim) for claim in study.claims],
        "arms": arms(study, rows),
        "claims": [told(judged) for judged in claims],
        "negative_control": told(control) | {"quiet": control.verdict == "PASS"},
        "verdict": together(claims, control),
    }


def told(judged: Judged) -> dict[str, Any]:
    """A judged claim as JSON."""
    return {
        **asdict(judged.claim), "difference": judged.difference.to_json(),
        "by_seed": {str(seed): float(f"{value:.6g}") for seed, value in judged.by_seed.items()},
        "verdict": judged.verdict,
    }  # fmt: skip


def arms(study: Study, rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Arm -> measure -> measured, for the measures that are shown or claimed; "gold (known)" where rows are parted."""
    panels = [*study.panels, *([study.path, Panel("kl", "KL")] if study.path else [])]
    wanted = {(panel.measure, panel.known) for panel in panels}
    wanted |= {(claim.measure, claim.known) for claim in [*study.claims, study.control]}
    found: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(name_of(row) for row in rows):
        of_arm = [row for row in rows if name_of(row) == name]
        for measure, known in sorted(wanted, key=str):
            kept = [row for row in of_arm if known is None or row.get("known") == known]
            if (value := measured(kept, name, measure)) is not None:
                found.setdefault(name, {})[shown(measure, known)] = value.to_json()
    return found


def shown(measure: str, known: bool | None) -> str:
    """The name of a measure of all rows, or of a part of them."""
    return measure if known is None else f"{measure} ({'known' if known else 'unknown'})"


if __name__ == "__main__":
    main(*sys.argv[1:])
