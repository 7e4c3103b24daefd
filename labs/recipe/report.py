"""The ladder beside the ladder without one of its ingredients, and skills against budgets: a page, figures, verdicts.

Reads: labs/recipe/reports/train/*.json, curves/*.csv, budgets/*.json.
Writes: labs/recipe/reports/README.md, figures/, recipe.json.
Note: an interval is of the share of right answers of all seeds together, resampled by person; a difference is judged
    by whether the intervals of the two arms are apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import matplotlib
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from labs.recipe.rungs import RUNGS
from playbook.plumbing.files import atomic_write, write_json
from playbook.plumbing.metrics import Measurement, read_metrics
from playbook.plumbing.stage import stage
from playbook.reporting.figures import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, STYLE, VERMILION, save
from playbook.reporting.tables import format_measurement, markdown_table

REPORTS = Path("labs/recipe/reports")
WHOLE, SPELT, CONTROL, CHOOSING = "ladder", "spelt_at_once", "control", "short_3"
HEADERS = {
    "short_1": "one sentence",
    "short_3": "the right one of three",
    "read_1": "one page",
    "read_3": "the right one of three pages",
    "swapped_names": "the same, two names exchanged",
}
COLOURS = (BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE, GREY, BLACK)
SKILLS: dict[str, tuple[str, ...]] = {
    "knows, of A": ("known_facts", "A"),
    "knows, of B": ("known_facts", "B"),
    "reads one page": ("read_1",),
    "chooses among three": ("read_3",),
    "two look-ups": ("hops_2",),
    "three look-ups": ("hops_3",),
    "answers what has no answer": ("false_answer_rate",),
    "refuses what has one": ("false_refusal_rate",),
}
"""The last two are better the lower they are."""
CHANCE = 1 / 3


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    budgets: dict[str, float]
    titles: dict[str, str]
    expected: dict[str, Literal["better"]]
    """Of the whole ladder against each arm, in `CHOOSING`; written before the runs."""


def main() -> None:
    """Judge every arm, draw the curves, write the page."""
    with stage("labs.recipe.report", Params) as run:
        train, curve_files = run.input(REPORTS / "train"), run.input(REPORTS / "curves")
        arms = {arm: read_metrics(train / f"{arm}.json") for arm in run.params.titles}
        of_budgets = run.input(REPORTS / "budgets")
        budgets = {name: read_metrics(of_budgets / f"{name}.json") for name in run.params.budgets}
        verdicts = {arm: judge(arms[WHOLE], arms[arm]) for arm in run.params.expected}
        quiet = measured(arms[CONTROL], CHOOSING).ci95[0] <= CHANCE
        results = {
            "expected": run.params.expected,
            "arms": arms,
            "negative_control": {"arm": CONTROL, CHOOSING: arms[CONTROL][CHOOSING], "chance": CHANCE, "quiet": quiet},
            "budgets": budgets,
            "verdicts": verdicts,
            "verdict": "PASS" if quiet and set(verdicts.values()) == {"PASS"} else "INCONCLUSIVE",
        }
        if "FAIL" in verdicts.values() or not quiet:
            results["verdict"] = "FAIL"
        write_json(REPORTS / "recipe.json", results)
        curves = {arm: pd.read_csv(curve_files / f"{arm}.csv") for arm in arms}
        save(draw(curves, run.params.titles), REPORTS / "figures" / "choosing")
        save(draw_rungs(curves, run.params.titles), REPORTS / "figures" / "rungs")
        save(draw_budgets(budgets), REPORTS / "figures" / "budgets")
        with atomic_write(REPORTS / "README.md") as handle:
            handle.write(page(arms, budgets, verdicts, run.params.titles, results))


def measured(metrics: Mapping[str, Any], kind: str) -> Measurement:
    """A share of right answers."""
    return Measurement.from_json(metrics[kind])


def judge(whole: Mapping[str, Any], arm: Mapping[str, Any]) -> str:
    """PASS if the whole ladder is better than the arm, FAIL if it is worse, INCONCLUSIVE if the intervals meet."""
    ours, theirs = measured(whole, CHOOSING).ci95, measured(arm, CHOOSING).ci95
    return "PASS" if ours[0] > theirs[1] else "FAIL" if ours[1] < theirs[0] else "INCONCLUSIVE"


def draw(curves: Mapping[str, pd.DataFrame], titles: Mapping[str, str]) -> Figure:
    """Choosing among three short passages, and reading one, against tokens: the mean of the seeds, and each of them."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9, 4.6), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        for axes, kind in zip(panels, ("short_1", CHOOSING), strict=True):
            for place, (arm, curve) in enumerate(curves.items()):
                colour, line = COLOURS[place % len(COLOURS)], "o-" if place < len(COLOURS) else "s--"
                for _, one in curve.groupby("seed"):
                    axes.plot(one.num_tokens, one[kind], color=colour, alpha=0.35, linewidth=0.8)
                mean = curve.groupby("num_tokens")[kind].mean()
                axes.plot(mean.index, mean, line, color=colour, markersize=4, label=titles[arm])
            axes.set(xlabel="tokens seen", title=f"Short passages: {HEADERS[kind]}", ylim=(-0.03, 1.03))
            axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        panels[1].axhline(CHANCE, color=GREY, linestyle=":", linewidth=1)
        panels[1].annotate("anybody's value", (0.01, CHANCE), (0, 3), xycoords=("axes fraction", "data"),
                           textcoords="offset points", size=9, color=GREY)  # fmt: skip
        panels[0].set_ylabel("share answered correctly")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=9)
        return figure


def draw_rungs(curves: Mapping[str, pd.DataFrame], titles: Mapping[str, str]) -> Figure:
    """Which rungs stand, with the rung that the question needs and without it: the mean of the seeds."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9, 4.2), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        for axes, arm in zip(panels, (WHOLE, SPELT), strict=True):
            for rung, colour in zip(RUNGS, COLOURS, strict=False):
                for _, one in curves[arm].groupby("seed"):
                    axes.plot(one.num_tokens, one[f"rung_{rung}"], color=colour, alpha=0.35, linewidth=0.8)
                mean = curves[arm].groupby("num_tokens")[f"rung_{rung}"].mean()
                axes.plot(mean.index, mean, "o-", color=colour, markersize=4, label=rung)
            axes.set(xlabel="tokens seen", title=titles[arm], ylim=(-0.03, 1.03))
            axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        panels[0].set_ylabel("share of values known by their first token")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(RUNGS))
        return figure


def draw_budgets(budgets: Mapping[str, Any]) -> Figure:
    """Each skill against tokens and against seconds of fine-tuning, with intervals; rates of error on the right."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9, 7.4), layout="constrained")
        panels = figure.subplots(2, 2, sharey="row")
        runs = [metrics["run"] for metrics in budgets.values()]
        for row, skills in zip(panels, (list(SKILLS)[:-2], list(SKILLS)[-2:]), strict=True):
            for axes, fact in zip(row, ("tokens", "train_seconds"), strict=True):
                for skill, colour, marker in zip(skills, COLOURS, "os^vDP", strict=False):
                    found = [of_skill(metrics, skill) for metrics in budgets.values()]
                    errors = [
                        [one.value - one.ci95[0] for one in found],
                        [one.ci95[1] - one.value for one in found],
                    ]
                    axes.errorbar(
                        [one[fact] for one in runs], [one.value for one in found], errors, fmt=f"{marker}-",
                        color=colour, markersize=5, capsize=2.5, elinewidth=1, label=skill,
                    )  # fmt: skip
            row[0].xaxis.set_major_formatter(EngFormatter(sep=""))
            row[0].set_xlabel("tokens of fine-tuning")
            row[1].set_xlabel("seconds of it, on one thread")
            row[1].legend(fontsize=8.5, loc="best")
        panels[0][0].set(ylabel="share answered correctly", ylim=(-0.03, 1.03), title="What it should do")
        panels[1][0].set(ylabel="share of questions", title="What it should not do")
        panels[1][0].set_ylim(bottom=0)
        return figure


def of_skill(metrics: Mapping[str, Any], skill: str) -> Measurement:
    """One of `SKILLS`."""
    found = metrics
    for key in SKILLS[skill]:
        found = found[key]
    return Measurement.from_json(found)


def page(
    arms: Mapping[str, Any], budgets: Mapping[str, Any], verdicts: Mapping[str, str], titles: Mapping[str, str],
    results: Mapping[str, Any],
) -> str:  # fmt: skip
    """The report as Markdown."""
    rows = [
        [titles[arm], *(format_measurement(measured(metrics, kind)) for kind in HEADERS),
         measured(metrics, CHOOSING).n, metrics["run"]["seeds"], f"{metrics['run']['seconds']:.0f}",
         verdicts.get(arm, "")]
        for arm, metrics in arms.items()
    ]  # fmt: skip
    tuned = [
        [name, f"{metrics['run']['tokens']:,}", f"{metrics['run']['train_seconds']:.0f}",
         *(format_measurement(of_skill(metrics, skill)) for skill in SKILLS)]
        for name, metrics in budgets.items()
    ]  # fmt: skip
    columns = [list(column) for column in zip(["fine-tuning", "tokens", "seconds", *SKILLS], *tuned, strict=True)]
    few = next(iter(budgets.values()))["run"]["seeds"]
    people = {skill: of_skill(next(iter(budgets.values())), skill).n for skill in SKILLS}
    control = results["negative_control"]
    headers = ["arm", *HEADERS.values(), "n", "seeds", "seconds", "the ladder is better"]
    return f"""# What makes a small model choose among passages

The ladder of the main chain (echo, entries, sentences) in a model of two thirds of its width, and the ladder without
one of its ingredients, or in another model, at equal tokens. Asked are people whom no training text names, in wordings
that training has not used; shares of right answers over all seeds, with 95% intervals resampled by person (n). The
first two columns are short passages of one sentence, all about the same attribute, so that only the name tells which
one to read.

{markdown_table(rows, headers)}

The verdict compares the second column. The negative control saw as many tokens of facts alone:
{format_measurement(measured(arms[CONTROL], CHOOSING))} where picking anybody's value gives {CHANCE:.2f}, so it is
{"quiet" if control["quiet"] else "not quiet"}. Verdict of the study: {results["verdict"]}.

![Shares of right answers against tokens, for each arm](figures/choosing.svg)

*Thin lines are single seeds. Points before the last are of runs whose learning rate has not fallen yet.*

![Which rungs stand, with entries_4 and without it](figures/rungs.svg)

*New rows of each drill, the model given all that comes before a value ([rungs.py](../rungs.py)). Nouns of entries_5 are
one to eleven tokens long, so that a value may stand at any distance from its name; those of entries_3 have one.*

# What the skills take

The main chain's base model, fine-tuned as in the main chain, with a quarter, half and all of its tokens ({few} orders
of batches each; phases and schedule in proportion). Shares of all tasks of all of them, resampled by whom they are
about ({min(people.values())} to {max(people.values())} of them). The first six should be high, the last two low.

{markdown_table(columns[1:], columns[0])}

![Each skill against tokens and seconds of fine-tuning](figures/budgets.svg)

Made by `python -m labs.recipe.report`; `dvc repro labs/recipe/dvc.yaml` remakes everything.
"""


if __name__ == "__main__":
    main()
