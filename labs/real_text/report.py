"""Tinyshakespeare: GPTMini beside nanoGPT's CPU recipe, as a page, a figure and verdicts computed from metrics files.

Reads: labs/real_text/reports/baseline.json, train/*.json, curves/*.csv; labs/real_text/samples.
Writes: labs/real_text/reports/README.md, figures/, real_text.json.
Note: times are of training steps on one machine, the runs one after the other.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, NullFormatter

from playbook.plumbing.files import atomic_write, write_json
from playbook.plumbing.metrics import Measurement, read_metrics
from playbook.plumbing.stage import stage
from playbook.reporting.figures import BLUE, GREEN, GREY, ORANGE, STYLE, VERMILION, save
from playbook.reporting.tables import format_fact, format_measurement, markdown_table

REPORTS = Path("labs/real_text/reports")


@dataclass(frozen=True)
class Target:
    """What an arm is expected to reach, written before the run."""

    loss: float
    """Validation loss, nats a character, at most."""
    time: float
    """Seconds of training, as a multiple of the baseline's, at most."""


@dataclass(frozen=True)
class Published:
    """nanoGPT's own figures for this text and split (its README)."""

    cpu: float = 1.88
    gpu: float = 1.4697


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    expected: dict[str, Target]
    published: Published = field(default_factory=Published)


def main() -> None:
    """Judge every arm, draw the curves, write the page."""
    with stage("labs.real_text.report", Params) as run:
        baseline = read_metrics(run.input(REPORTS / "baseline.json"))
        train, curve_files = run.input(REPORTS / "train"), run.input(REPORTS / "curves")
        pages = run.input("labs/real_text/samples")
        arms = {arm: read_metrics(train / f"{arm}.json") for arm in run.params.expected}
        verdicts = {arm: judge(metrics, baseline, run.params.expected[arm]) for arm, metrics in arms.items()}
        results = {
            "expected": {arm: vars(target) for arm, target in run.params.expected.items()},
            "arms": {"baseline": baseline, **arms},
            "negative_control": None,  # a comparison of recipes has no arm in which nothing may happen
            "verdicts": verdicts,
            "verdict": "PASS" if all(v["verdict"] == "PASS" for v in verdicts.values()) else "FAIL",
        }
        write_json(REPORTS / "real_text.json", results)
        curves = {arm: pd.read_csv(curve_files / f"{arm}.csv") for arm in ("baseline", *arms)}
        save(draw(curves, run.params.published), REPORTS / "figures" / "validation_loss")
        samples = {arm: (pages / f"{arm}.txt").read_text(encoding="utf-8") for arm in arms}
        with atomic_write(REPORTS / "README.md") as handle:
            handle.write(page(baseline, arms, verdicts, run.params, samples))


def judge(metrics: dict[str, Any], baseline: dict[str, Any], target: Target) -> dict[str, Any]:
    """PASS if both loss and time are within the target."""
    loss = Measurement.from_json(metrics["val_loss"]).value
    time = metrics["run"]["train_seconds"] / baseline["run"]["train_seconds"]
    verdict = "PASS" if loss <= target.loss and time <= target.time else "FAIL"
    return {"val_loss": loss, "time_ratio": round(time, 4), "verdict": verdict}


LABELS = {
    "baseline": ("nanoGPT's CPU recipe, by transformers", ORANGE),
    "third": ("GPTMini, within a third of its time", GREEN),
    "whole": ("GPTMini, within its time", BLUE),
    "fivefold": ("GPTMini, within five times", VERMILION),
}


def draw(curves: dict[str, pd.DataFrame], published: Published) -> Figure:
    """Validation loss against characters seen and against seconds."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9, 4.4), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        for axes, column, label in ((left, "num_tokens", "characters seen"), (right, "seconds", "seconds of training")):
            for arm, curve in curves.items():
                rows = curve.dropna(subset=["val_loss"])
                name, colour = LABELS.get(arm, (arm, GREY))
                axes.plot(rows[column], rows.val_loss, "o-", color=colour, markersize=4, label=name)
            for value, text, x, side, above in (
                (published.cpu, "nanoGPT, CPU", 0.99, "right", -11),  # where no curve passes
                (published.gpu, "nanoGPT, GPU", 0.01, "left", 2),
            ):
                axes.axhline(value, color=GREY, linestyle=":", linewidth=1)
                axes.annotate(f"{text}: {value:g}", (x, value), (0, above), xycoords=("axes fraction", "data"),
                              textcoords="offset points", ha=side, size=9, color=GREY)  # fmt: skip
            axes.set(xlabel=label, xscale="log")
            axes.xaxis.set_major_formatter(EngFormatter(sep=""))
            axes.xaxis.set_minor_formatter(NullFormatter())
        left.set(title="Tinyshakespeare, whole validation split", ylabel="validation loss (nats a character)")
        figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)
        return figure


def page(
    baseline: dict[str, Any], arms: dict[str, Any], verdicts: dict[str, Any], params: Params, samples: dict[str, str]
) -> str:
    """The report as Markdown."""
    facts = ("params", "tokens", "train_seconds", "tokens_per_second")
    rows = []
    for arm, metrics in {"baseline": baseline, **arms}.items():
        loss = Measurement.from_json(metrics["val_loss"])
        target, verdict = params.expected.get(arm), verdicts.get(arm)
        told = f"at most {target.loss:g} in {target.time:.2g} x" if target else "the clock"
        time = metrics["run"]["train_seconds"] / baseline["run"]["train_seconds"]
        run_facts = [format_fact(metrics["run"][name]) for name in facts]
        rows.append([LABELS[arm][0], format_measurement(loss, 3), loss.n, *run_facts, f"{time:.2f}", told,
                     verdict["verdict"] if verdict else ""])  # fmt: skip
    headers = ["run", "validation loss [95%]", "n", *facts, "time / clock", "target", "verdict"]
    best = min(arms, key=lambda arm: verdicts[arm]["val_loss"])
    return f"""# Real text: tinyshakespeare, character by character

Split as nanoGPT splits it (first 90% to train, last 10% to validate); the loss is that of the last step over the whole
validation split, in nats a character, n counting its windows. Published by nanoGPT: {params.published.cpu:g} for its
CPU recipe, {params.published.gpu:g} for its GPU recipe. Seconds are of training steps, all runs on one machine with
{baseline["run"]["threads"]} threads, one after the other; the clock computes in {baseline["run"]["precision"]}, as
nanoGPT does on a CPU, GPTMini in {arms[best]["run"]["precision"]}.

{markdown_table(rows, headers)}

![Validation loss against characters and seconds](figures/validation_loss.svg)

The model of the run "{LABELS[best][0]}" (loss {verdicts[best]["val_loss"]:.3f}) writes:

```text
{samples[best].strip()}
```

Made by `python -m labs.real_text.report`; `dvc repro labs/real_text/dvc.yaml` remakes everything.
"""


if __name__ == "__main__":
    main()
