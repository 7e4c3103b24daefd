"""The third tab: the failure-mode lab, drawn up to a KL that is set by a slider."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from playbook.serving.failures import COMMAND, Failure, as_image, draw, reached, read_failures

ABSENT = f"The lab of failure modes has left no results here yet: run `{COMMAND}`, then `make demo` again."


def add_failures(folder: Path) -> None:
    """Put it into the Blocks that are open."""
    found = read_failures(folder)
    if not found:
        gr.Markdown(ABSENT, elem_id="no-failures")
        return
    first = max(found.values(), key=lambda failure: failure.path(failure.measures[0]))  # the longest line
    with gr.Row():
        name = gr.Dropdown(
            [(failure.title, name) for name, failure in found.items()],
            value=first.name,
            label="Failure",
            elem_id="failure",
        )
        measure = gr.Dropdown(first.measures, value=first.measures[0], label="Measure", elem_id="measure")
        kl = _slider(first)
    verdict = gr.Markdown(_told(first))
    figure = gr.HTML(_drawn(first, first.measures[0], first.furthest), elem_id="figure")
    table = gr.Markdown(reached(first, first.furthest), elem_id="reached")

    def chosen(name: str) -> list[Any]:
        shown = found[name]
        measures = gr.Dropdown(shown.measures, value=shown.measures[0])
        return [measures, _slider(shown), _told(shown), *at(name, shown.measures[0], shown.furthest)]

    def at(name: str, measure: str, kl: float | int) -> list[Any]:
        shown = found[name]
        wanted = measure if measure in shown.measures else shown.measures[0]
        return [_drawn(shown, wanted, kl), reached(shown, kl)]

    name.input(chosen, [name], [measure, kl, verdict, figure, table], show_progress="hidden")
    redraw: list[Callable[..., Any]] = [measure.input, kl.change]
    for event in redraw:
        event(at, [name, measure, kl], [figure, table], show_progress="hidden")


def _slider(shown: Failure) -> gr.Slider:
    furthest = shown.furthest
    return gr.Slider(
        0, furthest or 1, value=furthest, step=(furthest or 1) / 100, interactive=furthest > 0, elem_id="kl",
        label="KL from the start, nats an answer" if furthest else "no KL was measured here",
    )  # fmt: skip


def _told(shown: Failure) -> str:
    told = " ".join(f"{shown.told.get(part, '')}" for part in ("planted", "source"))
    return f"{told}\n\nVerdict of the lab: **{shown.verdict or 'none'}**. Bars are 95% intervals.".strip()


def _drawn(shown: Failure, measure: str, kl: float | int) -> str:
    return as_image(draw(shown, measure, kl), f"{shown.title}: {measure} against the root of the KL")
