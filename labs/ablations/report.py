"""Every arm beside the default at equal CPU-seconds: a page, a forest plot, verdicts.

Reads: labs/ablations/reports/calibrate/*.json, train/*.json; of the arms of `choosing` choose/*.json.
Writes: labs/ablations/reports/README.md, figures/, ablations.json.
Note: a difference is within the seed; its interval holds together with those of all other arms (evaluation/blocks.py).
    An arm is better or worse where its interval has 0 outside. This county asks for facts alone; whether an arm can
    choose among passages was asked by labs/recipe, at equal tokens, and outranks what it knows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from labs.ablations.arms import CONTROL, DEFAULT, Arm
from labs.ablations.choose import CHOOSES
from playbook.evaluation.blocks import differences, means
from playbook.plumbing.files import atomic_write, write_json
from playbook.plumbing.metrics import Measurement, read_metrics
from playbook.plumbing.stage import stage
from playbook.reporting.figures import BLUE, GREY, ORANGE, STYLE, VERMILION, save
from playbook.reporting.tables import format_interval, format_measurement, format_value, markdown_table

REPORTS = Path("labs/ablations/reports")
FACTS = {"val_bits_per_byte": "bits per byte", "closed_book_A": "answers, A", "closed_book_B": "answers, B"}
MEASURES = {**FACTS, CHOOSES: "chooses among three"}
LESS_IS_BETTER = {"val_bits_per_byte"}
SPEED = "tokens_over_default"
BETTER, WORSE, SAME, UNCLEAR = "better", "worse", "no difference", "too wide to tell"
COLOURS = {BETTER: BLUE, WORSE: VERMILION, SAME: GREY, UNCLEAR: ORANGE}
MARGIN = 0.05
"""An arm chooses as well as the default where its interval leaves out a loss of more than this share: a test of
non-inferiority, since an interval with 0 in it may have a failure in it as well."""
Found = Mapping[str, Mapping[str, Measurement]]
"""Measure -> arm -> measured."""


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    arms: dict[str, Arm]
    choosing: tuple[str, ...]
    """Arms that choose.py asks."""


def main() -> None:
    """Judge every arm, draw, write."""
    with stage("labs.ablations.report", Params) as run:
        arms = run.params.arms
        train, calibrate, choose = (run.input(REPORTS / name) for name in ("train", "calibrate", "choose"))
        trained = {arm: read_metrics(train / f"{arm}.json") for arm in arms}
        speed = {arm: Measurement.from_json(read_metrics(calibrate / f"{arm}.json")[SPEED]) for arm in arms}
        chose = {arm: read_metrics(choose / f"{arm}.json") for arm in run.params.choosing}
        results = compare({arm: found["by_seed"] for arm, found in trained.items()},
                          {arm: found["by_seed"] for arm, found in chose.items()})  # fmt: skip
        verdicts = {arm: verdict(results["differences"], arm) for arm in arms if arm != DEFAULT}
        quiet = set(verdicts[CONTROL].values()) == {SAME}
        told = defaults(arms, verdicts, trained[DEFAULT]["run"]["precision"])
        found = {
            "expected": dict.fromkeys(verdicts, "not better"),
            "arms": {arm: row(results, speed, trained, arm) for arm in arms},
            "negative_control": {"arm": CONTROL, "quiet": quiet},
            "verdicts": verdicts,
            "defaults": told,
            "verdict": "PASS" if quiet and "contradicted" not in told.values() else "FAIL",
        }
        write_json(REPORTS / "ablations.json", found)
        save(draw(results["differences"], verdicts, arms), REPORTS / "figures" / "ablations")
        with atomic_write(REPORTS / "README.md") as handle:
            handle.write(page(found, arms, results, speed))


def compare(by_seed: Mapping[str, Mapping[str, Any]], chose: Mapping[str, Mapping[str, Any]]) -> dict[str, Found]:
    """Means, and differences from the default. The control, whose seeds are others, says nothing of the spread."""
    found: dict[str, dict[str, dict[str, Measurement]]] = {"means": {}, "differences": {}}
    for measure in MEASURES:
        seeds_of = chose if measure == CHOOSES else by_seed
        runs = {arm: [of_seed[measure]["value"] for of_seed in seeds.values()] for arm, seeds in seeds_of.items()}
        found["means"][measure] = means(runs, left_out=(CONTROL,))
        found["differences"][measure] = differences(runs, DEFAULT, left_out=(CONTROL,))
    return dict(found)


def verdict(found: Found, arm: str) -> dict[str, str]:
    """What each measure that the arm was asked for says of it."""
    return {measure: _verdict(found[measure][arm], measure) for measure in MEASURES if arm in found[measure]}


def _verdict(difference: Measurement, measure: str) -> str:
    low, high = difference.ci95
    if low <= 0 <= high:
        return UNCLEAR if measure == CHOOSES and low < -MARGIN else SAME
    return BETTER if (high < 0) == (measure in LESS_IS_BETTER) else WORSE


def defaults(arms: Mapping[str, Arm], verdicts: Mapping[str, Mapping[str, str]], precision: str) -> dict[str, str]:
    """What the arms that question a key of params.yaml say of its default, which was run at `precision`.

    contradicted: one of them is better in something and worse in nothing; unsettled: it would be, but may choose worse
    by more than MARGIN; supported: neither, and one of them is worse in something and better in nothing, or chooses
    worse, whatever else it does; mixed: better in one thing and worse in another; open: no difference was found; not
    asked: the arm is what the default is on this machine.
    """
    told: dict[str, str] = {}
    for key in dict.fromkeys(arm.asks for arm in arms.values() if arm.asks):
        asking = {name: verdicts[name] for name, arm in arms.items() if arm.asks == key}
        found = [_in_all(said) for said in asking.values()]
        if all(arms[name].precision == precision for name in asking):
            told[key] = f"not asked: without bfloat16 the default is {precision}"
        elif {BETTER} in found:
            told[key] = "mixed" if {WORSE} in found else "contradicted"
        elif {UNCLEAR} in found:
            told[key] = "unsettled"
        elif {WORSE} in found:
            told[key] = "supported"
        else:
            told[key] = "mixed" if any(found) else "open"
    return told


def _in_all(said: Mapping[str, str]) -> set[str]:
    """What is left of an arm's verdicts: choosing worse outranks all, and may be worse a gain in facts."""
    found = set(said.values()) - {SAME, UNCLEAR}
    if said.get(CHOOSES) == WORSE:
        return {WORSE}
    return {UNCLEAR} if found == {BETTER} and said.get(CHOOSES) == UNCLEAR else found


def row(
    results: Mapping[str, Found], speed: Mapping[str, Measurement], trained: Mapping[str, Any], arm: str
) -> dict[str, Any]:
    """All numbers of an arm, ready for JSON."""
    runs = trained[arm]["run"]["runs"]
    facts = {name: runs[0][name] for name in ("tokens", "params")}
    facts["train_seconds"] = round(sum(of_seed["train_seconds"] for of_seed in runs) / len(runs), 1)
    changes = {measure: found[arm].to_json() for measure, found in results["differences"].items() if arm in found}
    return {
        **{measure: found[arm].to_json() for measure, found in results["means"].items() if arm in found},
        "difference": changes, SPEED: speed[arm].to_json(), "run": facts,
    }  # fmt: skip


def draw(found: Found, verdicts: Mapping[str, Mapping[str, str]], arms: Mapping[str, Arm]) -> Figure:
    """A forest plot: the difference of every arm from the default in each measure."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(12, 1.6 + 0.3 * len(verdicts)), layout="constrained")
        panels = figure.subplots(1, len(MEASURES), sharey=True)
        for axes, (measure, title) in zip(panels, MEASURES.items(), strict=True):
            for place, arm in enumerate(verdicts):
                if measure not in verdicts[arm]:
                    continue
                one, told = found[measure][arm], verdicts[arm][measure]
                axes.plot(one.ci95, (place, place), color=COLOURS[told], linewidth=2)
                axes.plot(one.value, place, "o", color=COLOURS[told], markersize=5)
            axes.axvline(0, color=GREY, linewidth=1)
            axes.grid(axis="y", visible=False)
            axes.set(title=f"{title}\n{'less' if measure in LESS_IS_BETTER else 'more'} is better")
            axes.title.set_fontsize(10.5)
        panels[0].set_yticks(range(len(verdicts)), [arms[arm].title for arm in verdicts])
        panels[0].invert_yaxis()
        panels[1].set_xlabel("minus the default, and what holds for all arms together with 95%")
        for told, colour in COLOURS.items():
            panels[0].plot([], [], "o-", color=colour, label=told)
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(COLOURS))
        return figure


def page(
    found: Mapping[str, Any], arms: Mapping[str, Arm], results: Mapping[str, Found], speed: Mapping[str, Measurement]
) -> str:
    """The report as Markdown."""
    rows = []
    for arm in arms:
        cells = [cell(results, measure, arm) for measure in MEASURES]
        pace = "1" if arm == DEFAULT else format_measurement(speed[arm])
        tokens = f"{found['arms'][arm]['run']['tokens'] / 1000:,.0f}"
        seconds = f"{found['arms'][arm]['run']['train_seconds']:.0f}"
        rows.append([arms[arm].title, pace, tokens, seconds, *cells, words(found["verdicts"].get(arm, {}))])
    columns = ["arm", "tokens a CPU-second", "thousand tokens", "seconds a run", *MEASURES.values(), "verdict"]
    table = markdown_table(rows, columns)
    asked = [
        [f"`{key}`", "; ".join(arm.title for arm in arms.values() if arm.asks == key), told]
        for key, told in found["defaults"].items()
    ]
    control = (
        "shows nothing"
        if found["negative_control"]["quiet"]
        else "shows a difference, so this table is not to be trusted"
    )
    seeds = results["means"]["val_bits_per_byte"][DEFAULT].seeds
    return f"""# Which choices pay?

The default of the main chain in small (half its width, a county of some 150 people), and one choice changed in each
arm. Every arm gets the CPU-seconds of the default, not its tokens: how many tokens it trains on in that time was
measured beside the default, in turns, before any training. Each arm is trained with {seeds} seeds. Small type in the
cells is the difference from the default within the seed, with an interval that holds with 95% for all arms together;
"better" and "worse" mean that 0 lies outside of it. Learning rates are the default's in every arm, and were not tuned
for the others. The county asks for facts alone. For the last column of figures some arms were trained once more, at
equal tokens, on the main chain's first drills, and had to choose the right one of three passages.

{table}

The negative control is the default with other seeds, and a speed measured like that of the others: it {control}.

![Differences from the default, with intervals](figures/ablations.svg)

## What that says of the defaults in params.yaml

{markdown_table(asked, ["default", "in question by", "verdict"])}

*supported*: an arm is worse in something and better in nothing, or cannot choose as well, whatever it knows: all that
the main chain does with documents stands on choosing. *contradicted*: an arm is better in something and worse in
nothing. *unsettled*: better at facts, but its interval for choosing reaches below -{MARGIN}, so it may be much worse at
what matters more: the default stays. *mixed*: better in one thing, worse in another. *open*: no difference larger than
chance. What holds for a million tokens need not hold for ten.

Made by `python -m labs.ablations.report`; `dvc repro labs/ablations/dvc.yaml` remakes everything; all numbers stand in
[ablations.json](ablations.json).
"""


def cell(results: Mapping[str, Found], measure: str, arm: str) -> str:
    """The mean, and below it the difference with its interval; nothing where the arm was not asked."""
    if arm not in results["means"][measure]:
        return ""
    mean = format_value(results["means"][measure][arm], 3)
    if arm == DEFAULT:
        return mean
    change = results["differences"][measure][arm]
    return (
        f"{mean}<br><sub>{'+' if change.value > 0 else ''}{format_value(change, 3)} {format_interval(change, 3)}</sub>"
    )


def words(verdicts: Mapping[str, str]) -> str:
    """Better and worse in what, and what cannot be told; or that there is no difference."""
    told = [
        f"**{how}**: {', '.join(names)}"
        for how in (BETTER, WORSE, UNCLEAR)
        if (names := [MEASURES[measure] for measure, found in verdicts.items() if found == how])
    ]
    return "; ".join(told) or (SAME if verdicts else "")


if __name__ == "__main__":
    main()
