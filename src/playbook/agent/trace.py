"""What happened in an episode, as data: one JSON object, from which the very same episode can be run again.

A trace holds what went in (messages, tools, policy, budget) and what came from outside at each step (the model's reply,
what the tool gave back, the clock where there is a limit of time). All else is the loop's doing, so `loop.replay` runs
the loop on a trace and must give the same bytes. Knows neither models nor tools.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from playbook.plumbing.errors import InputError
from playbook.plumbing.files import atomic_write, read_jsonl


class StopReason(Enum):
    """Why an episode ended. Every episode does, and each way has a name of its own."""

    ANSWERED = "answered"
    STEPS = "step budget"
    TOKENS = "token budget"
    TIME = "time budget"
    FORMAT = "format errors"
    CONTEXT = "context full"
    UNAVAILABLE = "model unavailable"


@dataclass
class Step:
    """One turn of the model, and what came of it."""

    message: dict[str, Any]
    """What it wrote, see `chat.Message`."""
    tokens: int
    """How many it wrote, as far as the backend can tell."""
    fault: str = ""
    """What was malformed about the turn, or about the call in it."""
    confidence: float | None = None
    """Probability of its least certain token."""
    observation: str | None = None
    """The tool's result."""
    sources: list[dict[str, Any]] = field(default_factory=list)
    invalid: bool = False
    """The call was refused: no such tool, a wrong argument."""
    failed: bool = False
    """The tool broke."""
    seconds: float | None = None
    """Since the episode began; only where there is a limit of time, so that others are the same each time."""


@dataclass
class Trace:
    """An episode from beginning to end."""

    id: str
    policy: dict[str, Any]
    budget: dict[str, Any]
    tools: list[str]
    messages: list[dict[str, Any]]
    """Before the first step."""
    steps: list[Step] = field(default_factory=list)
    stop: StopReason | None = None
    detail: str = ""
    """What the backend said, where it gave no reply."""
    given: list[str] = field(default_factory=list)
    """Ids of the documents that the first messages hold, where they hold any."""

    @property
    def answer(self) -> str:
        """What it answered; where it did not come to that, what the policy says then (by itself: nothing)."""
        given_up = str(self.policy.get("otherwise", ""))
        return str(self.steps[-1].message["content"]) if self.stop is StopReason.ANSWERED else given_up

    @property
    def calls(self) -> list[Step]:
        """The steps that called a tool."""
        return [step for step in self.steps if "tool_call" in step.message]

    @property
    def tokens(self) -> int:
        """Written by the model."""
        return sum(step.tokens for step in self.steps)

    def read(self) -> list[dict[str, Any]]:
        """All sources that tools have shown, in order, each once."""
        return list({json.dumps(source): source for step in self.steps for source in step.sources}.values())

    def to_json(self) -> dict[str, Any]:
        """As a row of JSONL."""
        return asdict(self) | {"stop": None if self.stop is None else self.stop.value}

    @staticmethod
    def from_json(row: dict[str, Any], where: str = "trace") -> "Trace":
        """The inverse of `to_json`; a row of another form raises `InputError`."""
        try:
            steps = [Step(**step) for step in row["steps"]]
            stop = None if row["stop"] is None else StopReason(row["stop"])
            return Trace(**{**row, "steps": steps, "stop": stop})
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(where, "a trace as this version writes it", error) from None


def write_traces(path: str | Path, traces: Iterable[Trace]) -> None:
    """One a line."""
    with atomic_write(path) as handle:
        for trace in traces:
            handle.write(line(trace) + "\n")


def read_traces(path: str | Path) -> Iterator[Trace]:
    """The inverse of `write_traces`."""
    for number, row in enumerate(read_jsonl(path, "dvc repro agent_eval"), start=1):
        yield Trace.from_json(row, f"{path}:{number}")


def line(trace: Trace) -> str:
    """A trace as text: the same trace, the same bytes."""
    return json.dumps(trace.to_json(), ensure_ascii=False, allow_nan=False)
