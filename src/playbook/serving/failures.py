"""The failure modes against the distance gone: reads what the lab has measured, draws it up to a KL of one's choice.

The lab's results: labs/failure_modes/reports/NAME.json, where `arms` maps "arm" or "arm@step" to measures with their
intervals. Where an arm holds `kl` (nats an answer) it is a point on a path. What readers are told of each experiment
and its arms stands in the section `studies` of the lab's params.yaml, beside the reports.
"""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from playbook.plumbing.config import read_yaml
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import read_json
from playbook.plumbing.metrics import Measurement, is_measurement
from playbook.reporting.figures import BLUE, GREEN, GREY, ORANGE, SKY, STYLE, VERMILION
from playbook.reporting.tables import format_measurement, markdown_table

COMMAND = "dvc repro labs/failure_modes/dvc.yaml"
KL = "kl"
COLOURS, MARKS = (BLUE, VERMILION, GREEN, ORANGE, SKY, GREY), ("o", "s", "^", "D", "v", "P", "X")


@dataclass(frozen=True)
class Point:
    """An arm at a step, or at its end."""

    step: float
    """Infinite at the end."""
    found: dict[str, Measurement]

    @property
    def kl(self) -> float | None:
        """Nats an answer from the start, where that was measured."""
        return self.found[KL].value if KL in self.found else None


@dataclass(frozen=True)
class Failure:
    """One experiment of the lab."""

    name: str
    verdict: str
    arms: dict[str, list[Point]]
    """Arm -> where it was measured, in the order of its steps, its end last."""
    told: Mapping[str, Any] = field(default_factory=dict)
    """Its section of `studies`: `title`, `planted`, `source`, `titles` of arms, and which measure its `path` shows."""

    @property
    def title(self) -> str:
        """As readers see it."""
        return str(self.told.get("title", self.name.replace("_", " ")))

    def titled(self, arm: str) -> str:
        """The same of an arm."""
        return str(self.told.get("titles", {}).get(arm, arm))

    def labelled(self, measure: str) -> str:
        """A measure as the lab's own figures call it."""
        shown = [*self.told.get("panels", []), self.told.get("path", {})]
        return next((str(p["label"]) for p in shown if p.get("measure") == measure), measure.replace("_", " "))

    @property
    def measures(self) -> list[str]:
        """What can be drawn; first what the lab draws against the KL, then what else has a path against it."""
        names = dict.fromkeys(name for points in self.arms.values() for at in points for name in at.found if name != KL)
        wanted = self.told.get("path", {}).get("measure")
        return sorted(names, key=lambda name: (name != wanted, -self.path(name)))

    @property
    def furthest(self) -> float:
        """The largest KL of any arm; 0 where none was measured."""
        return max((at.kl or 0.0 for points in self.arms.values() for at in points), default=0.0)

    def path(self, measure: str) -> int:
        """At how many places an arm has both the measure and a KL, at most: with two there is a line to draw."""
        return max(sum(at.kl is not None and measure in at.found for at in points) for points in self.arms.values())


def read_failures(folder: Path) -> dict[str, Failure]:
    """The experiments that have been run, by name; none where the lab has not been."""
    found, params = {}, folder.parent / "params.yaml"
    studies = read_yaml(params).get("studies", {}) if params.exists() else {}
    for path in sorted(folder.glob("*.json")):
        told = read_json(path, COMMAND)
        if isinstance(told, Mapping) and isinstance(told.get("arms"), Mapping):
            found[path.stem] = failure(path.stem, told, studies.get(path.stem, {}))
    return found


def failure(name: str, told: Mapping[str, Any], study: Mapping[str, Any] | None = None) -> Failure:
    """From the JSON of the lab; arms without a single measurement raise `InputError`."""
    arms: dict[str, list[Point]] = {}
    for key, measures in told["arms"].items():
        arm, _, step = key.partition("@")
        if found := {name: Measurement.from_json(m) for name, m in measures.items() if is_measurement(m)}:
            arms.setdefault(arm, []).append(Point(float(step or "inf"), found))
    if not arms:
        raise InputError(f"labs/failure_modes: {name}", "arms with measurements", "none", COMMAND)
    for points in arms.values():
        points.sort(key=lambda at: at.step)
    return Failure(name, str(told.get("verdict", "")), arms, study or {})


def draw(shown: Failure, measure: str, kl: float | int) -> Figure:
    """The measure against the root of the KL, faint beyond `kl`; without a KL against steps, else each arm's end."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8, 5.4), layout="constrained")
        axes = figure.add_subplot()
        axes.set(title=shown.title, ylabel=shown.labelled(measure))
        stepped = any(measure in at.found and np.isfinite(at.step) for points in shown.arms.values() for at in points)
        if shown.path(measure) > 1 or (shown.path(measure) and not stepped):
            _against_kl(axes, shown, measure, kl)
        elif stepped:
            _against_steps(axes, shown, measure)
        else:
            _ends(axes, shown, measure)
        if axes.get_legend_handles_labels()[1]:
            figure.legend(loc="outside lower center", ncols=2)
        return figure


def _against_kl(axes: Axes, shown: Failure, measure: str, kl: float | int) -> None:
    for (arm, points), colour, mark in zip(shown.arms.items(), COLOURS * 9, MARKS * 9, strict=False):
        kept = [at for at in points if at.kl is not None and measure in at.found]
        if kept:
            axes.plot([], [], f"{mark}-", color=colour, label=shown.titled(arm))
            for part, alpha in ((kept, 0.22), ([at for at in kept if (at.kl or 0) <= kl], 1.0)):
                root = [float(np.sqrt(max(0.0, at.kl or 0.0))) for at in part]
                _line(axes, root, [at.found[measure] for at in part], colour, mark, alpha)
    axes.axvline(np.sqrt(kl), color=GREY, linestyle="--", linewidth=1)
    axes.set_xlabel("√KL from the start, where KL is in nats an answer")


def _against_steps(axes: Axes, shown: Failure, measure: str) -> None:
    for (arm, points), colour, mark in zip(shown.arms.items(), COLOURS * 9, MARKS * 9, strict=False):
        if kept := [at for at in points if measure in at.found and np.isfinite(at.step)]:
            axes.plot([], [], f"{mark}-", color=colour, label=shown.titled(arm))
            _line(axes, [at.step for at in kept], [at.found[measure] for at in kept], colour, mark, 1.0)
    axes.set_xlabel("steps of the optimizer")


def _line(axes: Axes, x: list[float], y: list[Measurement], colour: str, mark: str, alpha: float) -> None:
    if y:
        spread = np.array([[m.value - m.ci95[0], m.ci95[1] - m.value] for m in y]).T
        values = [m.value for m in y]
        axes.errorbar(x, values, yerr=spread, fmt=f"{mark}-", color=colour, alpha=alpha, capsize=3, label="_")


def _ends(axes: Axes, shown: Failure, measure: str) -> None:
    ends = {arm: points[-1].found[measure] for arm, points in shown.arms.items() if measure in points[-1].found}
    spread = np.array([[m.value - m.ci95[0], m.ci95[1] - m.value] for m in ends.values()]).T
    places = np.arange(len(ends))
    axes.errorbar(places, [m.value for m in ends.values()], yerr=spread, fmt="o", color=BLUE, capsize=4)
    axes.set_xticks(places, [shown.titled(arm) for arm in ends], rotation=25, ha="right", rotation_mode="anchor")
    axes.set(xlabel="arm", xlim=(-0.5, len(ends) - 0.5))


def reached(shown: Failure, kl: float | int) -> str:
    """What each arm had come to within `kl`: its last place there, as a Markdown table."""
    rows, names = [], (KL, *shown.measures)
    for arm, points in shown.arms.items():
        if within := [at.found for at in points if at.kl is None or at.kl <= kl]:
            last = within[-1]
            cells = [format_measurement(last[name]) if name in last else "" for name in names]
            rows.append([shown.titled(arm), *cells, max(m.n for m in last.values())])
    headers = ["arm", "KL, nats", *(name.replace("_", " ") for name in shown.measures), "n"]
    return markdown_table(rows, headers) if rows else "No arm has come so near."


def as_image(figure: Figure, alt: str) -> str:
    """The figure within a page, without a file."""
    page = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(page, format="svg", metadata={"Date": None})
    coded = base64.b64encode(page.getvalue()).decode()
    return f'<img alt="{alt}" src="data:image/svg+xml;base64,{coded}" style="width:100%;border-radius:6px">'
