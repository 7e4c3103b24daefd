"""What training the search loop has changed: a page, a figure, and computed verdicts.

Reads: labs/search_rl/data/*.jsonl, reports/train/*.json, reports/curves/*.csv.
Writes: labs/search_rl/reports/README.md, figures/, search_rl.json.
Note: shares have intervals over the entities asked about, all seeds together; differences (after minus before, an arm
    minus another) over seeds, since they are claims about training, which every seed does anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from labs.search_rl.train import GREEDY, SAMPLED, Start, minus
from playbook.plumbing.files import atomic_write, read_jsonl, write_json
from playbook.plumbing.metrics import Measurement, read_metrics
from playbook.plumbing.stage import stage
from playbook.reporting.figures import BLUE, GREY, ORANGE, STYLE, VERMILION, save
from playbook.reporting.tables import format_measurement, markdown_table

HOME = Path("labs/search_rl")
REPORTS = HOME / "reports"
WHOLE, BARE, CONTROL = "masked", "unmasked", "shuffled"
COLOURS = {WHOLE: BLUE, BARE: ORANGE, CONTROL: GREY}
Expected = Literal["better", "worse", "nothing"]


@dataclass(frozen=True)
class Params:
    """Sections of labs/search_rl/params.yaml."""

    titles: dict[str, str]
    expected: dict[str, Expected]
    start: Start


def main() -> None:
    """Judge, draw, write."""
    with stage("labs.search_rl.report", Params) as run:
        train, curves, data = (run.input(path) for path in (REPORTS / "train", REPORTS / "curves", HOME / "data"))
        arms = {arm: read_metrics(train / f"{arm}.json") for arm in run.params.titles}
        records = {arm: list(read_jsonl(data / f"{arm}.jsonl")) for arm in arms}
        against = {arm: apart(records[arm], records[WHOLE]) for arm in arms if arm != WHOLE}
        results = judged(arms, against, run.params.expected)
        write_json(REPORTS / "search_rl.json", results)
        drawn = {arm: pd.read_csv(curves / f"{arm}.csv") for arm in arms}
        save(draw(drawn, run.params.titles), REPORTS / "figures" / "reward")
        with atomic_write(REPORTS / "README.md") as handle:
            handle.write(page(arms, against, results, run.params))


def apart(records: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]) -> Measurement:
    """Right sampled answers after training, this arm minus another."""
    ours, theirs = (
        [row for row in rows if row["when"] == "after" and row["decoding"] == SAMPLED] for rows in (records, others)
    )
    return minus(ours, theirs, "correct")


def judged(
    arms: Mapping[str, Any], against: Mapping[str, Measurement], expected: Mapping[str, Expected]
) -> dict[str, Any]:
    """Verdicts: what is expected to be better or worse must be so with its whole interval; nothing, not above 0."""
    gain = {arm: Measurement.from_json(metrics[SAMPLED]["difference"]["exact_match"]) for arm, metrics in arms.items()}
    looked_at = {arm: against[arm] if wanted == "worse" else gain[arm] for arm, wanted in expected.items()}
    verdicts = {arm: verdict(looked_at[arm], expected[arm]) for arm in expected}
    quiet = verdicts[CONTROL] == "PASS"
    whole = "FAIL" if "FAIL" in verdicts.values() else "PASS" if set(verdicts.values()) == {"PASS"} else "INCONCLUSIVE"
    return {
        "expected": dict(expected), "arms": dict(arms),
        "minus_masked": {arm: measured.to_json() for arm, measured in against.items()},
        "negative_control": {"arm": CONTROL, "exact_match": gain[CONTROL].to_json(), "quiet": quiet},
        "verdicts": verdicts, "verdict": whole,
    }  # fmt: skip


def verdict(found: Measurement, expected: Expected) -> str:
    """PASS, FAIL or INCONCLUSIVE of a difference.

    >>> verdict(Measurement(0.1, (0.02, 0.2), 9), "better"), verdict(Measurement(0.1, (-0.02, 0.2), 9), "better")
    ('PASS', 'INCONCLUSIVE')
    >>> verdict(Measurement(0.1, (0.02, 0.2), 9), "nothing")
    'FAIL'
    """
    low, high = found.ci95
    if expected == "nothing":
        return "FAIL" if low > 0 else "PASS"
    wanted, against = (low > 0, high < 0) if expected == "better" else (high < 0, low > 0)
    return "PASS" if wanted else "FAIL" if against else "INCONCLUSIVE"


def draw(curves: Mapping[str, pd.DataFrame], titles: Mapping[str, str]) -> Figure:
    """Reward of the sampled episodes and distance from the start, against steps: the mean of seeds, and each."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9, 4.2), layout="constrained")
        panels = figure.subplots(1, 2)
        columns = (("reward", "mean reward of an episode"), ("kl_exact", "KL from the start, nats a token"))
        for axes, (column, label) in zip(panels, columns, strict=True):
            for arm, curve in curves.items():
                colour = COLOURS.get(arm, VERMILION)
                for _, one in curve.groupby("seed"):
                    axes.plot(one["step"], one[column], color=colour, alpha=0.3, linewidth=0.8)
                mean = curve.groupby("step")[column].mean()
                axes.plot(mean.index, mean, color=colour, label=titles[arm])
            axes.set(xlabel="step", ylabel=label)
            axes.set_ylim(bottom=0)
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
        return figure


def page(
    arms: Mapping[str, Any], against: Mapping[str, Measurement], results: Mapping[str, Any], params: Params
) -> str:
    """The report as Markdown."""
    rows, kinds, greedy = [], [], []
    for arm, metrics in arms.items():
        before, after, change = (metrics[SAMPLED][name] for name in ("before", "after", "difference"))
        shown = [
            before["exact_match"], after["exact_match"], change["exact_match"], before["calls_per_question"],
            after["calls_per_question"], change["calls_per_question"],
        ]  # fmt: skip
        told = [format_measurement(Measurement.from_json(one)) for one in shown]
        beside = format_measurement(against[arm]) if arm in against else ""
        rows.append([params.titles[arm], *told, beside, params.expected[arm], results["verdicts"][arm]])
        surest = [metrics[GREEDY][when]["exact_match"] for when in ("before", "after", "difference")]
        greedy.append([params.titles[arm], *(format_measurement(Measurement.from_json(one)) for one in surest)])
        for when, side in (("before", before), ("after", after)):
            names = ("hops_1", "hops_2", "hops_3", "answerable", "unanswerable")
            cells = [format_measurement(Measurement.from_json(side[name])) for name in names]
            kinds.append([params.titles[arm], when, *cells])
    first = next(iter(arms.values()))
    n, seeds = first[SAMPLED]["before"]["exact_match"]["n"], first["run"]["seeds"]
    table = markdown_table(
        rows, ["arm", "right before", "right after", "difference", "calls before", "calls after", "difference",
               "after, minus masked", "expected", "verdict"],
    )  # fmt: skip
    headers = ["arm", "", "1 hop", "2 hops", "3 hops", "answerable", "unanswerable"]
    return f"""# What reinforcement learning makes of the search loop

GRPO on whole episodes (Search-R1, arXiv 2503.09516). The start is a fork of the fine-tuned model that was taught to
answer {params.start.hasty:.0%} of all questions at once, with a made-up value, instead of looking. It practises on
questions about strangers, who have documents of their own; an episode is worth 1 if the checker finds the answer right
("I don't know." where there is none), less a small price for each call, and nothing if anything was malformed. The test
is the main chain's: people in no training text, held-out wordings; answers are sampled as they are in training.
{seeds} seeds an arm. Intervals of shares are over the {n} entities asked about, all seeds together; those of
differences are over seeds, on the same questions: what a run's luck does, it does to all of its answers.

{table}

By kind of question:

{markdown_table(kinds, headers)}

The likeliest token each time, in place of a sample:

{markdown_table(greedy, ["arm", "right before", "right after", "difference"])}

The negative control is {"quiet" if results["negative_control"]["quiet"] else "not quiet"}. Verdict of the study:
{results["verdict"]}.

![Mean reward and distance from the start against steps, for each arm](figures/reward.svg)

*Thin lines are single seeds. The reward is that of sampled episodes on practice questions; shuffling leaves its mean
as it is.*

Made by `python -m labs.search_rl.report`; `dvc repro labs/search_rl/dvc.yaml` remakes everything.
"""


if __name__ == "__main__":
    main()
