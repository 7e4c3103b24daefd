"""The first tab: one question to all checkpoints at once, each token with its chances, each position with its looks."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import gradio as gr

from playbook.plumbing.errors import InputError
from playbook.serving import markup
from playbook.serving.checkpoints import TITLES, Checkpoints
from playbook.serving.inspector import Reading, heads, looks, read
from playbook.serving.worker import Worker

HINT = "Click a token of an answer: what else the model might have written there, and where it looked."
NOT_THERE = '<p class="quiet">not trained yet</p>'
LONGEST = 600
"""Characters of a question."""
Readings = dict[str, Reading]


def add_side_by_side(checkpoints: Checkpoints, questions: list[str], worker: Worker) -> None:
    """Put it into the Blocks that are open."""
    readings, picked = gr.State({}), gr.State(None)
    there = checkpoints.there()
    if advice := checkpoints.advice():
        gr.Markdown(advice, elem_id="advice")
    with gr.Row():
        question = gr.Textbox(
            label="Question", placeholder="Which town was … born in?", scale=5, elem_id="question", max_length=LONGEST
        )
        asking = gr.Button("Ask all", variant="primary", scale=1, elem_id="ask-all", interactive=bool(there))
    with gr.Row():
        temperature = gr.Slider(0, 2, value=0, step=0.1, label="Temperature (0: the likeliest token, always)")
        seed = gr.Number(value=1, precision=0, label="Seed of the draws, above temperature 0")
    if questions:
        gr.Examples([[text] for text in questions], question, label="Asked about in training; only read about; unknown")
    columns = {}
    with gr.Row():
        for name, title in TITLES.items():
            with gr.Column(min_width=220):
                gr.Markdown(f"**{title}**")
                columns[name] = gr.HTML(
                    NOT_THERE if name not in there else "", js_on_load=markup.ON_CLICK, elem_id=f"answer-{name}"
                )
    gr.Markdown(HINT)
    with gr.Row():
        rivals = gr.HTML(elem_id="rivals")
        with gr.Column(scale=2):
            choices = worker(lambda: heads(checkpoints.open(there[-1]))) if there else ["mean of all heads"]
            head = gr.Dropdown(choices, value=choices[0], label="Head", elem_id="head")
            attention = gr.HTML(elem_id="attention")

    ask = partial(ask_all, checkpoints, worker)
    asked = [question, temperature, seed]
    for event in (asking.click, question.submit):
        event(ask, asked, [readings, *columns.values()], show_progress="minimal")
    look = partial(look_at, checkpoints, worker)
    for name, column in columns.items():
        column.select(_picker(name), [readings], [picked]).then(look, [readings, picked, head], [rivals, attention])
    head.change(look, [readings, picked, head], [rivals, attention])


def ask_all(
    checkpoints: Checkpoints, worker: Worker, question: str, temperature: float | int, seed: float | int
) -> Iterator[list[Any]]:
    """Ask one checkpoint after the other; what has come is shown at once."""
    question = " ".join(question.split())
    if not question:
        gr.Warning("Type a question first.")
        return
    readings: Readings = {}
    there = checkpoints.there()
    for name in there:
        try:
            readings[name] = worker(partial(_read, checkpoints, name, question, float(temperature), int(seed)))
        except InputError as error:
            raise gr.Error(str(error), print_exception=False) from None
        yield [dict(readings), *(markup.answer(readings[n]) if n in readings else _waiting(n, there) for n in TITLES)]


def look_at(
    checkpoints: Checkpoints, worker: Worker, readings: Readings, picked: tuple[str, int] | None, head: str
) -> tuple[str, str]:
    """(what else might have stood at a token, where the position that wrote it looked)."""
    if picked is None or picked[0] not in readings:
        return "", ""
    name, place = picked
    reading = readings[name]
    weights = worker(lambda: looks(checkpoints.open(name), reading, place, head).tolist())
    return markup.rivals(reading.tokens[place]), markup.attention(reading, weights)


def _read(checkpoints: Checkpoints, name: str, question: str, temperature: float, seed: int) -> Reading:
    return read(checkpoints.open(name), question, temperature, seed)


def _picker(name: str) -> Callable[[Readings, gr.EventData], tuple[str, int] | None]:
    def pick(readings: Readings, event: gr.EventData) -> tuple[str, int] | None:
        place = int(event.pick)
        return (name, place) if name in readings and place < len(readings[name].tokens) else None

    return pick


def _waiting(name: str, there: list[str]) -> str:
    return '<p class="quiet">…</p>' if name in there else NOT_THERE
