"""The second tab: the agent with its trace, the passages it read, and what it remembers, to be forgotten by a click."""

import contextlib
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from playbook.agent.loop import Episode
from playbook.plumbing.errors import InputError
from playbook.serving import markup
from playbook.serving.desk import Desk, Message, messages, sources
from playbook.serving.side_by_side import LONGEST
from playbook.serving.worker import Worker


class AgentTab:
    """What the clicks of the tab do."""

    def __init__(self, desk: Desk, memory: Path, user: str, worker: Worker) -> None:
        self.desk, self.worker = desk, worker
        self.where = f"Kept for {user!r} in {memory}; `playbook chat` knows the same, and so does this page tomorrow."

    def add(self, tasks: list[str]) -> None:
        """Put it into the Blocks that are open."""
        with gr.Row():
            with gr.Column(scale=3):
                chat = gr.Chatbot(
                    height=460, label="Agent", elem_id="agent", feedback_options=None, buttons=[],
                    placeholder="Ask about the county, or tell something about yourself.",
                )  # fmt: skip
                said = gr.Textbox(label="You", elem_id="said", max_length=LONGEST)
                with gr.Row():
                    asking = gr.Button("Say", variant="primary", elem_id="say")
                    clearing = gr.Button("New chat", elem_id="new-chat")
                if tasks:
                    gr.Examples([[text] for text in tasks], said, label="One, two and three look-ups; to be remembered")
            with gr.Column(scale=2):
                gr.Markdown("**What it remembers**")
                notes = gr.HTML(js_on_load=markup.ON_CLICK, elem_id="notes")
                forgetting = gr.Button("Forget everything", size="sm", elem_id="forget-all")
                gr.Markdown("**What it read**")
                read = gr.HTML(markup.passages([]), elem_id="passages")
        for event in (asking.click, said.submit):
            event(self.say, [said, chat], [said, chat, read, notes], show_progress="hidden")
        clearing.click(lambda: ([], markup.passages([])), None, [chat, read])
        notes.select(self.forget, None, [notes])
        forgetting.click(self.forget_all, None, [notes])
        self.notes, self.chat = notes, chat

    def say(self, said: str, shown: list[Message]) -> Iterator[list[Any]]:
        """One question, step by step."""
        said, before = " ".join(said.split()), shown or []
        if not said:
            gr.Warning("Type something first.")
            return
        shown = [*before, {"role": "user", "content": said}]
        try:
            episode = self.worker(lambda: self.desk.begin(said))
            yield ["", shown, markup.passages([]), gr.skip()]
            while episode.trace.stop is None:
                self.worker(lambda: self.desk.step(episode))
                yield ["", [*shown, *messages(episode)], self._read(episode), self.listed()]
        except InputError as error:
            yield [said, [*shown, {"role": "assistant", "content": f"```\n{error}\n```"}], gr.skip(), gr.skip()]

    def listed(self) -> str:
        """What is remembered, or why that cannot be told."""
        try:
            current, history = self.worker(self.desk.notes)
        except InputError as error:
            return f"<pre>{escape(str(error))}</pre>"
        return markup.notes(current, history, self.where)

    def forget(self, event: gr.EventData) -> str:
        """A topic, by the button on its note."""
        topic = str(event.pick)
        self.worker(lambda: self.desk.forget(topic))
        return self.listed()

    def forget_all(self) -> str:
        """Everything about this user."""
        with contextlib.suppress(InputError):  # `listed` tells it
            self.worker(self.desk.forget_all)
        return self.listed()

    @staticmethod
    def _read(episode: Episode) -> str:
        return markup.passages(sources(episode))
