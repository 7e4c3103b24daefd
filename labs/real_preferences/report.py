"""How often the preferred of two answers is found: reward model and DPO beside the length of the answers.

Reads: labs/real_preferences/data/records.jsonl, reports/train.json.
Writes: labs/real_preferences/reports/README.md, figures/, real_preferences.json.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import matplotlib
from matplotlib.figure import Figure

from playbook.evaluation.statistics import clustered_mean, paired_difference
from playbook.plumbing.files import atomic_write, read_jsonl, write_json
from playbook.plumbing.metrics import Measurement, read_metrics
from playbook.plumbing.stage import stage
from playbook.reporting.figures import BLUE, GREY, STYLE, save
from playbook.reporting.tables import format_measurement, markdown_table

REPORTS = Path("labs/real_preferences/reports")
SEED, HALF = 1, 0.5


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    expected: dict[str, Literal["above", "near"]]
    within: float
    titles: dict[str, str]


def main() -> None:
    """Score the records, draw, write."""
    with stage("labs.real_preferences.report", Params) as run:
        rows = list(read_jsonl(run.input("labs/real_preferences/data/records.jsonl")))
        facts = read_metrics(run.input(REPORTS / "train.json"))["run"]
        found = {name: accuracy(rows, name) for name in run.params.titles}
        verdicts = {
            name: verdict(found[name], wanted, run.params.within) for name, wanted in run.params.expected.items()
        }
        baseline = max(("longer", "shorter"), key=lambda name: found[name].value)
        lead = paired_difference(
            wins(rows, "reward_model"), wins(rows, baseline), [row["topic"] for row in rows], SEED
        )  # fmt: skip
        results = {
            "expected": run.params.expected,
            "arms": {name: {"accuracy": measured.to_json()} for name, measured in found.items()},
            "lead_over_better_length_baseline": {"baseline": baseline, "difference": lead.to_json()},
            "negative_control": {
                "arm": "control", "accuracy": found["control"].to_json(), "quiet": verdicts["control"] == "PASS"
            },
            "verdicts": verdicts,
            "verdict": together(verdicts),
            "run": facts,
        }  # fmt: skip
        write_json(REPORTS / "real_preferences.json", results)
        save(draw(found, run.params.titles), REPORTS / "figures" / "accuracy")
        with atomic_write(REPORTS / "README.md") as handle:
            handle.write(page(results, found, run.params.titles))


def wins(rows: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    """Of each pair: 1 where the chosen answer gets more, 1/2 for a tie."""
    if name in ("longer", "shorter"):
        sign = 1 if name == "longer" else -1
        both = [[sign * size for size in row["characters"]] for row in rows]
    else:
        both = [row[name] for row in rows]
    return [0.5 + 0.5 * ((chosen > rejected) - (chosen < rejected)) for chosen, rejected in both]


def accuracy(rows: Sequence[Mapping[str, Any]], name: str) -> Measurement:
    """The share of pairs, clustered by how the dialogue begins."""
    return clustered_mean(wins(rows, name), [row["topic"] for row in rows], SEED)


def verdict(found: Measurement, wanted: str, within: float) -> str:
    """above: the interval lies above one half (FAIL: below). near: all of it lies within the bounds (FAIL: outside)."""
    low, high = found.ci95
    if wanted == "above":
        return "PASS" if low > HALF else "FAIL" if high < HALF else "INCONCLUSIVE"
    if low >= HALF - within and high <= HALF + within:
        return "PASS"
    return "FAIL" if low > HALF + within or high < HALF - within else "INCONCLUSIVE"


def together(verdicts: Mapping[str, str]) -> str:
    """FAIL if anything fails, PASS if everything passes, else INCONCLUSIVE."""
    found = set(verdicts.values())
    return "FAIL" if "FAIL" in found else "PASS" if found == {"PASS"} else "INCONCLUSIVE"


def draw(found: Mapping[str, Measurement], titles: Mapping[str, str]) -> Figure:
    """Every judge with its interval, beside one half."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8, 3.4), layout="constrained")
        axes = figure.add_subplot()
        for place, name in enumerate(titles):
            spread = [[found[name].value - found[name].ci95[0]], [found[name].ci95[1] - found[name].value]]
            colour = BLUE if name in ("reward_model", "dpo") else GREY
            axes.errorbar(found[name].value, place, xerr=spread, fmt="o", color=colour, capsize=3)
        axes.axvline(HALF, color=GREY, linestyle=":", linewidth=1)
        axes.set_yticks(range(len(titles)), list(titles.values()))
        axes.invert_yaxis()
        axes.set(title="Which of two answers did people prefer?", xlabel="share of held-out pairs found")
        return figure


def page(results: Mapping[str, Any], found: Mapping[str, Measurement], titles: Mapping[str, str]) -> str:
    """The report as Markdown."""
    facts, lead = results["run"], results["lead_over_better_length_baseline"]
    difference = Measurement.from_json(lead["difference"])
    low, high = difference.ci95
    way = "more" if low > 0 else "fewer" if high < 0 else "not surely another share"
    rows = [
        [title, format_measurement(found[name]), found[name].n, results["expected"].get(name, ""),
         results["verdicts"].get(name, "")]
        for name, title in titles.items()
    ]  # fmt: skip
    return f"""# Real preferences

HH-RLHF's harmless-base: two answers to a dialogue, of which somebody preferred one. {facts["trained"]:,} pairs to
train on, {facts["held_out"]} held out by a hash of how the dialogue begins; {facts["too_long"]} are left out, as not
even their last question fits. The model has {facts["params"]:,} parameters and has read nothing but the training pairs.
Intervals resample dialogues by their beginning (n).

{markdown_table(rows, ["judge", "finds the preferred answer", "n", "expected, of one half", "verdict"])}

![The share of held-out pairs of each judge](figures/accuracy.svg)

The reward model finds {way} of the preferred answers than the better of the two rules of length,
{titles[lead["baseline"]]} ({format_measurement(difference)}). Verdict: {results["verdict"]}; the control is
{"quiet" if results["negative_control"]["quiet"] else "not quiet"}.

Made by `dvc repro labs/real_preferences/dvc.yaml` in {facts["seconds"] / 60:.0f} minutes.
"""


if __name__ == "__main__":
    main()
