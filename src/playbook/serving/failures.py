"""The failure modes against the distance gone: reads what the lab has measured, draws it up to a KL of one's choice.

The lab's results: labs/failure_modes/reports/NAME.json, where `arms` maps "arm" or "arm@step" to measures with their
intervals. An arm that holds `kl` (nats an answer) is a point on a path.
"""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from playbook.plumbing.errors import InputError
from playbook.plumbing.files import read_json
from playbook.plumbing.metrics import Measurement, is_measurement
from playbook.reporting.figures import BLUE, GREEN, GREY, ORANGE, SKY, STYLE, VERMILION
from playbook.reporting.tables import format_measurement, markdown_table

COMMAND = "dvc repro labs/failure_modes/dvc.yaml"
KL = "kl"
COLOURS, MARKS = (BLUE, VERMILION, GREEN, ORANGE, SKY, GREY), ("o", "s", "^", "D", "v", "P")
Point = dict[str, Measurement]


@dataclass(frozen=True)
class Failure:
    """One experiment of the lab."""

    name: str
    verdict: str
    arms: dict[str, list[Point]]
    """Arm -> its measures at each step that was measured and at its end, nearest first where a KL is known."""

    @property
    def measures(self) -> list[str]:
        """What can be drawn, in the order of the file."""
        return list(dict.fromkeys(name for points in self.arms.values() for at in points for name in at if name != KL))

    @property
    def furthest(self) -> float:
        """The largest KL of any arm; 0 where none was measured."""
        return max((at[KL].value for points in self.arms.values() for at in points if KL in at), default=0.0)


def read_failures(folder: Path) -> dict[str, Failure]:
    """The experiments that have been run, by name; none where the lab has not been."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        told = read_json(path, COMMAND)
        if isinstance(told, Mapping) and isinstance(told.get("arms"), Mapping):
            found[path.stem] = failure(path.stem, told)
    return found


def failure(name: str, told: Mapping[str, Any]) -> Failure:
    """From the JSON of the lab; arms without a single measurement raise `InputError`."""
    arms: dict[str, list[Point]] = {}
    for arm, measures in told["arms"].items():
        at = {key: Measurement.from_json(m) for key, m in measures.items() if is_measurement(m)}
        if at:
            arms.setdefault(arm.partition("@")[0], []).append(at)
    if not arms:
        raise InputError(f"labs/failure_modes: {name}", "arms with measurements", "none", COMMAND)
    for points in arms.values():
        points.sort(key=lambda at: at[KL].value if KL in at else 0.0)
    return Failure(name, str(told.get("verdict", "")), arms)


def draw(shown: Failure, measure: str, kl: float | int) -> Figure:
    """The measure against the root of the KL, arm by arm, faint beyond `kl`; bars where no KL was measured."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8, 4.4), layout="constrained")
        axes = figure.add_subplot()
        if shown.furthest:
            for (arm, points), colour, mark in zip(shown.arms.items(), COLOURS * 9, MARKS * 9, strict=False):
                kept = [at for at in points if KL in at and measure in at]
                for part, alpha in (([at for at in kept if at[KL].value <= kl], 1.0), (kept, 0.22)):
                    if part:
                        label = arm if part is kept else None
                        axes.errorbar(*_arms(part, measure), fmt=f"{mark}-", color=colour, alpha=alpha, capsize=3,
                                      label=label)  # fmt: skip
            axes.axvline(np.sqrt(kl), color=GREY, linestyle="--", linewidth=1)
            axes.set(xlabel="square root of the KL from the start (nats^1/2 an answer)", ylabel=measure)
            for handle in (legend := axes.legend(loc="upper left", bbox_to_anchor=(1, 1))).legend_handles:
                if handle is not None:
                    handle.set_alpha(1)
            legend.set_title("arm")
        else:
            ends = {arm: points[-1] for arm, points in shown.arms.items() if measure in points[-1]}
            measured = [at[measure] for at in ends.values()]
            places = np.arange(len(ends))
            arms = np.array([[m.value - m.ci95[0], m.ci95[1] - m.value] for m in measured]).T
            axes.errorbar([m.value for m in measured], places, xerr=arms, fmt="o", color=BLUE, capsize=4)
            axes.set_yticks(places, list(ends))
            axes.set(xlabel=measure, ylabel="arm", ylim=(len(ends) - 0.5, -0.5))
        axes.set(title=shown.name.replace("_", " "))
        return figure


def _arms(points: list[Point], measure: str) -> tuple[list[float], list[float], Any]:
    """x, y and the intervals of y."""
    y = [at[measure] for at in points]
    spread = np.array([[m.value - m.ci95[0], m.ci95[1] - m.value] for m in y]).T
    return [float(np.sqrt(max(0.0, at[KL].value))) for at in points], [m.value for m in y], spread


def reached(shown: Failure, kl: float | int) -> str:
    """What each arm had come to within `kl`: its last point there, as a Markdown table."""
    rows = []
    for arm, points in shown.arms.items():
        within = [at for at in points if KL not in at or at[KL].value <= kl]
        if within:
            last, names = within[-1], (KL, *shown.measures)
            cells = [format_measurement(last[name]) if name in last else "" for name in names]
            rows.append([arm, *cells, max(m.n for m in last.values())])
    return markdown_table(rows, ["arm", "KL, nats", *shown.measures, "n"]) if rows else "No arm has come so near."


def as_image(figure: Figure, alt: str) -> str:
    """The figure within a page, without a file."""
    page = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(page, format="svg", metadata={"Date": None})
    coded = base64.b64encode(page.getvalue()).decode()
    return f'<img alt="{alt}" src="data:image/svg+xml;base64,{coded}" style="width:100%;border-radius:6px">'
