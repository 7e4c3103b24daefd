"""The page of the lab: for each failure a figure, a table, three sentences, and the command that makes it again.

Reads: labs/failure_modes/reports/*.json, of every experiment.
Writes: labs/failure_modes/reports/README.md, figures/.
Note: no number and no direction in a sentence is typed; both come from the intervals.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labs.failure_modes.figures import draw
from labs.failure_modes.verdict import Panel, Study, shown
from playbook.plumbing.files import atomic_write
from playbook.plumbing.metrics import Measurement, read_metrics
from playbook.plumbing.stage import stage
from playbook.reporting.figures import save
from playbook.reporting.tables import format_measurement, markdown_table

REPORTS = Path("labs/failure_modes/reports")


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    studies: dict[str, Study]


def main() -> None:
    """Draw and write."""
    with stage("labs.failure_modes.report", Params) as run:
        studies = run.params.studies
        found = {name: read_metrics(run.input(REPORTS / f"{name}.json")) for name in studies}
        for name, results in found.items():
            save(draw(studies[name], results), REPORTS / "figures" / name)
        with atomic_write(REPORTS / "README.md") as handle:
            handle.write(page(studies, found))


def page(studies: Mapping[str, Study], found: Mapping[str, Mapping[str, Any]]) -> str:
    """The whole report as Markdown."""
    seconds = sum(results["run"]["seconds"] for results in found.values())
    rows = [
        [f"[{studies[name].title}](#{anchor(studies[name].title)})", results["verdict"],
         f"{sum(claim['verdict'] == 'PASS' for claim in results['claims'])} of {len(results['claims'])}",
         "quiet" if results["negative_control"]["quiet"] else "not quiet", f"{results['run']['seconds']:.0f}"]
        for name, results in found.items()
    ]  # fmt: skip
    passed = sum(results["verdict"] == "PASS" for results in found.values())
    parts = [section(name, studies[name], results) for name, results in found.items()]
    return f"""# How post-training fails

Each failure is made on purpose in forks of the fine-tuned model, small enough for seconds, in a county where the truth
is known. What was expected was written into [params.yaml](../params.yaml) before the runs. A claim compares two arms
row by row, with the same prompts and seeds; its 95% interval draws seeds and people anew at once. It passes if the
interval lies on the expected side of 0 and every seed does; the negative control is quiet if its whole interval stays
within bounds that were set before. {passed} of {len(found)} experiments pass; together they trained and measured for
{seconds / 60:.0f} minutes.

{markdown_table(rows, ["failure", "verdict", "claims that hold", "negative control", "seconds"])}

{"".join(parts)}
"""


def section(name: str, study: Study, results: Mapping[str, Any]) -> str:
    """One failure: figure, table, three sentences, command."""
    sizes = {(m["n"], m["seeds"]) for arm in results["arms"].values() for m in arm.values()}
    said = "; ".join(sentence(claim) for claim in results["claims"])
    control = results["negative_control"]
    n, seeds = max(sizes)
    return f"""## {study.title}

{study.planted} {said[0].upper()}{said[1:]}. The negative control is
{"quiet" if control["quiet"] else "not quiet"}: {sentence(control)}.

**{results["verdict"]}.** {study.source}

![{study.title}](figures/{name}.svg)

{arms_table(study, results["arms"]) if study.panels else path_table(study, results["arms"])}

*Mean and 95% interval over {seeds} seeds and at most {n} people or texts.* Again: `{results["command"]}`

"""


def arms_table(study: Study, arms: Mapping[str, Any]) -> str:
    """Every arm at its end."""
    cells = [
        [title, *(cell(arms[arm], panel) for panel in study.panels)]
        for arm, title in study.titles.items() if arm in arms
    ]  # fmt: skip
    return markdown_table(cells, ["arm", *(panel.label for panel in study.panels)])


def path_table(study: Study, arms: Mapping[str, Any]) -> str:
    """Every arm that is measured on its way: at first, where its mean is highest, at last."""
    assert study.path is not None, f"{study.title} has neither panels nor a path"
    rows = []
    for arm, title in study.titles.items():
        steps = sorted(
            (float(name.partition("@")[2]), found) for name, found in arms.items() if name.startswith(f"{arm}@")
        )
        if steps:
            measure = shown(study.path.measure, study.path.known)
            best = max(steps, key=lambda step: step[1][measure]["value"])
            told = (f"{cell(found, study.path)} at {step:g}" for step, found in (steps[0], best, steps[-1]))
            rows.append([title, *told])
    return markdown_table(rows, ["arm", f"{study.path.label} at first", "at its highest", "at last, by step or n"])


def sentence(claim: Mapping[str, Any]) -> str:
    """What was measured of a claim, its direction computed from the interval."""
    difference = Measurement.from_json(claim["difference"])
    low, high = difference.ci95
    if claim["expected"] == "near":
        inside = {"PASS": "within", "FAIL": "outside", "INCONCLUSIVE": "not surely within"}[claim["verdict"]]
        return f"{claim['says']} differs by {format_measurement(difference)}, {inside} ±{claim['within']:g}"
    way = "higher" if low > 0 else "lower" if high < 0 else "not surely different"
    as_told = {"PASS": "as expected", "FAIL": "against what was expected", "INCONCLUSIVE": "which settles nothing"}
    return f"{claim['says']} is {way} ({format_measurement(difference)}), {as_told[claim['verdict']]}"


def cell(arm: Mapping[str, Any], panel: Panel) -> str:
    """A measured cell, or a dash."""
    row = arm.get(shown(panel.measure, panel.known))
    return "–" if row is None else format_measurement(Measurement.from_json(row))


def anchor(title: str) -> str:
    """The link that Markdown gives to a heading."""
    return "".join(c for c in title.lower().replace(" ", "-") if c.isalnum() or c == "-")


if __name__ == "__main__":
    main()
