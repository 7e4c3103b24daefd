"""The agent as the page shows it: one question a time, step by step, with what it read and what it remembers.

The assistant is built when it is first needed, by the same code as `playbook chat`, and used by one thread then.
"""

from collections.abc import Callable
from typing import Any

from playbook.agent.loop import Episode
from playbook.agent.memory import Note
from playbook.agent.tools import Source
from playbook.agent.trace import Step, StopReason
from playbook.commands.assistant import Assistant
from playbook.commands.cli import KEPT_TURNS, ended

Message = dict[str, Any]


class Desk:
    """One user's talk with the agent."""

    def __init__(self, build: Callable[[], Assistant]) -> None:
        self._build = build
        self._assistant: Assistant | None = None
        self.history: list[dict[str, Any]] = []

    @property
    def assistant(self) -> Assistant:
        """Nothing trained, no documents: an `InputError` that says what to run, at each try anew."""
        if self._assistant is None:
            self._assistant = self._build()
        return self._assistant

    def begin(self, said: str) -> Episode:
        """A question on its way. The model trained here is asked one at a time, as it was trained to be."""
        return self.assistant.episode(said, None if self.assistant.ours else self.history)

    def step(self, episode: Episode) -> None:
        """One turn of the model, and the call in it."""
        episode.take(self.assistant.backend.complete([episode.request()])[0])
        if episode.trace.stop is StopReason.ANSWERED:
            said = next(turn["content"] for turn in reversed(episode.trace.messages) if turn["role"] == "user")
            turns = [{"role": "user", "content": said}, {"role": "assistant", "content": episode.trace.answer}]
            self.history = [*self.history, *turns][-KEPT_TURNS:]

    def notes(self) -> tuple[list[Note], list[Note]]:
        """(what holds, all that was told), oldest first."""
        return self.assistant.user.current(), self.assistant.user.history()

    def forget(self, topic: str) -> int:
        """Remove a topic from the file; how many notes went."""
        return self.assistant.user.forget(topic)

    def forget_all(self) -> int:
        """Remove everything about this user."""
        return self.assistant.user.forget_all()


def sources(episode: Episode) -> list[Source]:
    """What has been read so far, each passage once."""
    return [Source(**source) for source in episode.trace.read()]


def messages(episode: Episode) -> list[Message]:
    """The trace as messages of a chat: each step folds open, the answer stands in the open."""
    shown = [message for step in episode.trace.steps for message in _step(step)]
    stop = episode.trace.stop
    if stop is StopReason.ANSWERED:
        shown.append({"role": "assistant", "content": episode.trace.answer})
    elif stop is not None:
        shown.append({"role": "assistant", "content": f"No answer: {ended(episode.trace)}."})
    return shown


def _step(step: Step) -> list[Message]:
    message, shown = step.message, []
    certain = "" if step.confidence is None else f"least certain token {step.confidence:.2f}"
    if thought := message.get("reasoning_content"):
        shown.append(_folded("thought", thought, certain))
    if step.fault:
        shown.append(_folded("malformed turn", step.fault, certain))
    elif call := message.get("tool_call"):
        outcome = "refused: " if step.invalid else "failed: " if step.failed else ""
        shown.append(_folded(f"{call['name']}: {call['query']}", outcome + (step.observation or ""), certain))
    return shown


def _folded(title: str, content: str, log: str) -> Message:
    return {"role": "assistant", "content": content, "metadata": {"title": title, "log": log, "status": "done"}}
