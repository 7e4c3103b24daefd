"""The figures of the agent's page, in the style of `figures.py`. Knows numbers, not where they came from."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from playbook.plumbing.metrics import Measurement
from playbook.reporting.figures import BLUE, GREEN, GREY, ORANGE, SKY, STYLE, VERMILION

COLOURS = (BLUE, VERMILION, GREEN, ORANGE, SKY, GREY)
Line = Mapping[str, Measurement]
"""Place on the axis, as text -> what was measured there."""


def curves(
    title: str, xlabel: str, lines: Mapping[str, Line], levels: Mapping[str, Measurement] | None = None
) -> Figure:
    """Shares of right answers against a number, with intervals; `levels` are drawn across."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8, 4.2), layout="constrained")
        axes = figure.add_subplot()
        for (label, line), colour in zip(lines.items(), COLOURS, strict=False):
            at = sorted((int(place), measured) for place, measured in line.items())
            values = [measured.value for _, measured in at]
            arms = np.array([[m.value - m.ci95[0], m.ci95[1] - m.value] for _, m in at]).T
            axes.errorbar([x for x, _ in at], values, yerr=arms, fmt="o-", color=colour, capsize=3, label=label)
        for (label, measured), colour in zip((levels or {}).items(), COLOURS[len(lines) :], strict=False):
            axes.axhline(measured.value, color=colour, linestyle="--", label=label)
        axes.set(title=title, xlabel=xlabel, ylabel="share answered correctly", ylim=(-0.03, 1.05))
        axes.legend()
        return figure


def heat_map(title: str, cells: Mapping[str, Line]) -> Figure:
    """Shares by number of passages (rows) and place of the right one (columns)."""
    rows = sorted(cells, key=int)
    columns = sorted({int(place) for line in cells.values() for place in line})
    table = np.full((len(rows), len(columns)), np.nan)
    for i, row in enumerate(rows):
        for place, measured in cells[row].items():
            table[i, columns.index(int(place))] = measured.value
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8, 3.2), layout="constrained")
        axes = figure.add_subplot()
        image = axes.imshow(table, vmin=0, vmax=1, cmap="cividis", aspect="auto")
        for i in range(len(rows)):
            for j in range(len(columns)):
                if not np.isnan(table[i, j]):
                    shade = "black" if table[i, j] > 0.5 else "white"
                    axes.text(j, i, f"{table[i, j]:.2f}", ha="center", va="center", color=shade)
        axes.grid(visible=False)
        axes.set_xticks(range(len(columns)), [str(place) for place in columns])
        axes.set_yticks(range(len(rows)), rows)
        axes.set(title=title, xlabel="place of the passage that holds the answer", ylabel="passages")
        figure.colorbar(image, label="share right")
        return figure


def risk_coverage(title: str, lines: Mapping[str, tuple[Sequence[float], float]]) -> Figure:
    """Share of wrong answers among the most certain, against how many are given; the legend holds the areas."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8, 4.2), layout="constrained")
        axes = figure.add_subplot()
        for (label, (wrong, area)), colour in zip(lines.items(), COLOURS, strict=False):
            count = np.arange(1, len(wrong) + 1)
            axes.plot(count / len(wrong), np.cumsum(wrong) / count, color=colour, label=f"{label}: area {area:.3f}")
        axes.set(title=title, xlabel="share of questions answered, the most certain first", ylabel="share wrong")
        axes.set_ylim(-0.03, 1.05)
        axes.legend()
        return figure
