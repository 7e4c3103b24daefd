"""The figure of an experiment: every arm as a point with its interval, and paths of arms that are measured on the
way.

The path of an over-optimised policy is drawn as Gao et al. (arXiv 2210.10760, section 3.1) fit it: with d the root of
the KL, gold rises by d (alpha - beta d) for best-of-n, and by d (alpha - beta log d) for reinforcement learning.
"""

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from labs.failure_modes.verdict import Panel, Study, shown
from playbook.plumbing.metrics import Measurement
from playbook.reporting.figures import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, STYLE, VERMILION

COLOURS = (BLUE, VERMILION, GREEN, ORANGE, SKY, BLACK, GREY, PURPLE)
Vector = NDArray[np.float64]
Method = Literal["bon", "rl"]


def fit_frontier(d: Vector, gain: Vector, method: Method) -> tuple[float, float]:
    """(alpha, beta) of least squares: `d (alpha - beta d)` for bon, `d (alpha - beta log d)` for rl.

    `d`: root of the KL in nats, above 0; `gain`: gold, less gold at the start. At least two points.
    """
    bent = d * d if method == "bon" else d * np.log(d)
    (alpha, beta), *_ = np.linalg.lstsq(np.stack([d, -bent], axis=1), gain, rcond=None)
    return float(alpha), float(beta)


def frontier(d: Vector, alpha: float, beta: float, method: Method) -> Vector:
    """The curve itself."""
    found: Vector = d * (alpha - beta * (d if method == "bon" else np.log(np.maximum(d, 1e-9))))
    return found


def draw(study: Study, results: Mapping[str, Any]) -> Figure:
    """The path first, if there is one, then a panel for each measure."""
    arms = [arm for arm in study.titles if arm in results["arms"]]
    height = max(2.4, 0.34 * len(arms) + 1.2) if study.panels else 0.0
    above = 4.2 if study.path else 0.0
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.5, height + above), layout="constrained")
        parts: Any = [figure, figure]
        if height and above:
            parts = figure.subfigures(2, height_ratios=(above, height))
        if study.path:
            draw_path(parts[0].subplots(), study, results)
        if study.panels:
            axes = parts[1].subplots(1, len(study.panels), sharey=True, squeeze=False)[0]
            for place, panel in zip(axes, study.panels, strict=True):
                draw_panel(place, panel, study, results, arms)
            axes[0].set_yticks(range(len(arms)), [study.titles[arm] for arm in arms])
            axes[0].invert_yaxis()
        return figure


def draw_panel(axes: Axes, panel: Panel, study: Study, results: Mapping[str, Any], arms: Sequence[str]) -> None:
    """A measure of every arm that holds it."""
    for place, arm in enumerate(arms):
        if (row := results["arms"][arm].get(shown(panel.measure, panel.known))) is None:
            continue
        found = Measurement.from_json(row)
        spread = [[found.value - found.ci95[0]], [found.ci95[1] - found.value]]
        colour = GREY if arm in (study.control.arm, "start") else BLUE
        axes.errorbar(found.value, place, xerr=spread, fmt="o", color=colour, capsize=3, markersize=5)
    axes.set_title(fill(panel.label, 72 // len(study.panels)), fontsize=10)
    axes.grid(visible=True, axis="x")
    axes.margins(x=0.12)


def draw_path(axes: Axes, study: Study, results: Mapping[str, Any]) -> None:
    """A measure of the arms with steps, against the root of the KL where they have one, else against steps."""
    assert study.path is not None
    measure = shown(study.path.measure, study.path.known)
    paths: dict[str, list[tuple[int, Mapping[str, Any]]]] = {}
    for name, arm in results["arms"].items():
        base, _, step = name.partition("@")
        if step and measure in arm and base in study.titles:
            paths.setdefault(base, []).append((int(step), arm))
    by_kl = all("kl" in arm for steps in paths.values() for _, arm in steps)
    start = results["arms"].get("start", {}).get(measure, {}).get("value")
    furthest = 0.0
    for colour, (base, steps) in zip(COLOURS, paths.items(), strict=False):
        steps.sort(key=lambda step: step[0])
        x = np.array([np.sqrt(arm["kl"]["value"]) if by_kl else step for step, arm in steps], dtype=float)
        y = np.array([arm[measure]["value"] for _, arm in steps])
        arms = np.array([[v - arm[measure]["ci95"][0], arm[measure]["ci95"][1] - v]
                         for v, (_, arm) in zip(y, steps, strict=True)]).T  # fmt: skip
        method: Method = "bon" if base.startswith("best") else "rl"
        fitted = by_kl and start is not None and len(x) > 2 and float(x.max()) > 0.05
        axes.errorbar(x, y, yerr=arms, fmt="s" if method == "bon" else "o", color=colour, markersize=4, linewidth=0,
                      elinewidth=0.8, alpha=0.9, label=study.titles[base])  # fmt: skip
        if fitted:
            keep = x > 0
            alpha, beta = fit_frontier(x[keep], y[keep] - start, method)
            line = np.linspace(0.001, x.max(), 200)
            axes.plot(line, start + frontier(line, alpha, beta, method), "--" if method == "bon" else "-", color=colour,
                      linewidth=1.5)  # fmt: skip
        else:
            axes.plot(x, y, color=colour, linewidth=1.2)
        furthest = max(furthest, float(x.max()))
    if start is not None:
        axes.axhline(start, color=GREY, linestyle=":", linewidth=1)
        axes.annotate("start", (furthest, start), (0, 3), textcoords="offset points", ha="right", size=9, color=GREY)
    axes.set(xlabel="root of the KL from the start (nats of an answer)" if by_kl else "steps", ylabel=study.path.label)
    if paths:
        axes.legend(fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
