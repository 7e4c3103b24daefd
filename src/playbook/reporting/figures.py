"""The figures, in one style. Knows matplotlib and what to draw, not where the numbers came from.

A white card behind every figure keeps it readable on a light and on a dark page. Colours are Okabe and Ito's, which
colour-blind readers can tell apart (jfly.uni-koeln.de/color, 2008). The same numbers give the same bytes: no date, no
version, fixed ids. `Figure` objects are used directly, not pyplot, so that nothing global is kept or changed.
"""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FormatStrFormatter, LogLocator, NullFormatter

from playbook.plumbing.files import atomic_write
from playbook.plumbing.metrics import Measurement

BLACK, ORANGE, SKY, GREEN, BLUE, VERMILION = "#000000", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00"
PURPLE, GREY = "#CC79A7", "#595959"
LOG_BINS = 40
STYLE: dict[Any, Any] = {
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "axes.edgecolor": GREY,
    "axes.labelcolor": "#222222",
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.8,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": "#222222",
    "ytick.labelcolor": "#222222",
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same shapes on every machine
    "font.size": 10.5,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "figure.constrained_layout.w_pad": 0.14,  # inches of card around the axes
    "figure.constrained_layout.h_pad": 0.12,
    "svg.hashsalt": "playbook",
}
SPLIT_MEANING = {
    "A": "biography and\nquestions in training",
    "B": "biography only\nin training",
    "C": "in no\ntraining text",
}
Measured = Mapping[str, Measurement]


def loss_curve(title: str, curve: pd.DataFrame, final: Measurement | None) -> Figure:
    """Training and validation loss against tokens seen; `final` is the held-out loss at the end, with its interval.

    `curve`: the columns of reports/curves/*.csv; cells where nothing was measured are NaN.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8, 4.4), layout="constrained")
        axes = figure.add_subplot()
        trained = curve.dropna(subset=["loss"])
        few = "." if len(trained) < LOG_BINS else ""
        axes.plot(
            trained.num_tokens, trained.loss, few, color=SKY, alpha=0.55, lw=0.9, label="training, each logged step"
        )
        if not few:
            axes.plot(*_log_binned(trained), color=BLUE, label="training, averaged")
        held_out = curve.dropna(subset=["val_loss"])
        if len(held_out):
            axes.plot(held_out.num_tokens, held_out.val_loss, "o-", color=VERMILION, markersize=4.5, label="validation")
        if final is not None and len(held_out):
            end = (held_out.num_tokens.iloc[-1], final.value)
            low, high = _arms(final)
            axes.errorbar(*end, yerr=[[low], [high]], color=VERMILION, capsize=4)
            axes.annotate(f"{final.value:.3f}", end, (7, 0), textcoords="offset points", color=VERMILION, va="center")
        axes.set(title=title, xlabel="tokens seen", ylabel="loss (nats per token)", xscale="log", yscale="log")
        axes.margins(x=0.09)
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        _plain_numbers(axes)
        axes.legend()
        return figure


def training_health(curve: pd.DataFrame) -> Figure:
    """Learning rate and gradient norm against tokens seen: what the optimizer was told, and what it met."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8, 4.2), layout="constrained")
        above, below = figure.subplots(2, sharex=True)
        rows = curve.dropna(subset=["learning_rate"])
        above.plot(rows.num_tokens, rows.learning_rate, color=GREEN)
        above.set(title="What the optimizer was told, and met", ylabel="learning rate of AdamW")
        above.set_ylim(bottom=0)
        rows = curve.dropna(subset=["grad_norm"])
        below.plot(rows.num_tokens, rows.grad_norm, color=BLUE, linewidth=0.9)
        below.set(ylabel="gradient norm, unclipped", yscale="log")
        _plain_numbers(below)
        below.set_xlabel("tokens seen")
        below.xaxis.set_major_formatter(EngFormatter(sep=""))
        return figure


def closed_book_bars(title: str, held_out: Measured, seen: Measured, chance: Measured) -> Figure:
    """Share of right answers for each split, in new and in trained wordings, beside chance; lines are 95% intervals."""
    series = [
        ("new wording", BLUE, held_out),
        ("wording seen in training", SKY, seen),
        ("chance: the same answers, other people", ORANGE, chance),
    ]
    series = [(label, colour, shares) for label, colour, shares in series if shares]
    splits = sorted({split for _, _, shares in series for split in shares})
    width = 0.27
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8, 4.4), layout="constrained")
        axes = figure.add_subplot()
        for place, (label, colour, shares) in enumerate(series):
            at = [i + (place - (len(series) - 1) / 2) * width for i, split in enumerate(splits) if split in shares]
            _bars(axes, at, [shares[split] for split in splits if split in shares], width * 0.92, colour, label)
        axes.set_xticks(range(len(splits)), [f"{split}: {SPLIT_MEANING.get(split, '')}" for split in splits])
        axes.tick_params(axis="x", length=0)
        axes.grid(visible=False, axis="x")
        axes.set(title=title, ylabel="share answered correctly", ylim=(0, 1.12))
        axes.set_xlim(-0.5, len(splits) - 0.5)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
        figure.legend(loc="outside lower center", ncols=len(series))
        return figure


def curves(
    title: str, curve: pd.DataFrame, above: Mapping[str, str], below: Mapping[str, str], units: tuple[str, str]
) -> Figure:
    """Two panels of smoothed columns against steps; `above` and `below` map a column to its label, in `units`."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8, 4.8), layout="constrained")
        panels = figure.subplots(2, sharex=True)
        for axes, columns, unit in zip(panels, (above, below), units, strict=True):
            axes.set_ylabel(unit)
            for colour, (column, label) in zip((BLUE, VERMILION, GREEN), columns.items(), strict=False):
                values = curve[column]
                axes.plot(curve.step, values, color=colour, alpha=0.25, linewidth=0.8)
                axes.plot(curve.step, values.ewm(halflife=max(1, len(values) // 20)).mean(), color=colour, label=label)
            axes.legend()
        panels[0].set(title=title)
        panels[1].set_xlabel("steps of the optimizer")
        return figure


def reliability_diagram(bins: Sequence[tuple[float, float, int]]) -> Figure:
    """How often a reward model is right against how sure it is; the size of a dot is its share of the pairs."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(5, 4.4), layout="constrained")
        axes = figure.add_subplot()
        axes.plot([0.5, 1], [0.5, 1], color=GREY, linewidth=1, label="as sure as right")
        total = sum(count for *_, count in bins)
        sure, right = [b[0] for b in bins], [b[1] for b in bins]
        axes.plot(sure, right, color=BLUE, linewidth=1)
        axes.scatter(
            sure, right, s=[20 + 400 * count / total for *_, count in bins], color=BLUE, label="held-out pairs"
        )
        axes.set(title="Sure and right", xlabel="certainty (probability)", ylabel="share of pairs ranked rightly")
        axes.set(xlim=(0.48, 1.03), ylim=(0, 1.05))
        axes.legend(loc="lower right")
        return figure


def save(figure: Figure, stem: Path) -> None:
    """Write `stem`.svg and `stem`.png, whole or not at all."""
    with matplotlib.rc_context(STYLE):
        for suffix, metadata in ((".svg", {"Date": None, "Creator": None}), (".png", {"Software": None})):
            page = io.BytesIO()
            figure.savefig(page, format=suffix[1:], dpi=160, metadata=metadata)
            with atomic_write(stem.with_suffix(suffix), "wb") as handle:
                handle.write(page.getvalue())


def _bars(
    axes: Axes, at: Sequence[float], shares: Sequence[Measurement], width: float, colour: str, label: str
) -> None:
    values = [share.value for share in shares]
    arms = [list(arm) for arm in zip(*map(_arms, shares), strict=True)]
    axes.bar(at, values, width, color=colour, label=label)
    axes.errorbar(at, values, yerr=arms, fmt="none", ecolor=BLACK, elinewidth=1.1, capsize=3)
    for x, share in zip(at, shares, strict=True):
        axes.annotate(f"{share.value:.3f}", (x, share.ci95[1]), (0, 3), textcoords="offset points", ha="center", size=9)


def _arms(measured: Measurement) -> tuple[float, float]:
    return measured.value - measured.ci95[0], measured.ci95[1] - measured.value


def _plain_numbers(axes: Axes) -> None:
    """Ticks of a logarithmic axis as 0.5, 1, 2 and not as powers of ten."""
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _log_binned(rows: pd.DataFrame) -> tuple["pd.Series[float]", "pd.Series[float]"]:
    """Mean tokens and mean loss in steps of equal length on the logarithmic axis."""
    age = np.log(rows.num_tokens / rows.num_tokens.min())
    bins = np.floor(age / age.max() * LOG_BINS).clip(upper=LOG_BINS - 1)
    means = rows[["num_tokens", "loss"]].groupby(bins).mean()
    return means.num_tokens, means.loss
