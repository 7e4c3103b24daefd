"""The loop: ask the model for a turn, run the call in it, show the result, until it answers or a budget ends.

An `Episode` is a state machine that knows neither model nor clock: `request()` is what it wants to be answered, `take`
is the one transition. `run` steps many of them at once over one batch; a chat is a batch of one.

Policies are settings of that one loop: act and observe (Yao et al., arXiv 2210.03629); plan first, then carry it out
(Wang et al., arXiv 2305.04091); reflect, i.e. look at the first answer once more (Shinn et al., arXiv 2303.11366,
section 3, here without a score). Each budget has a `StopReason` of its own.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import takewhile
from typing import Any

from playbook.agent.backends import Backend, Reply, Request, Unavailable
from playbook.agent.tools import Observation, Source, Toolbox
from playbook.agent.trace import Step, StopReason, Trace, line
from playbook.plumbing.errors import InputError

Turn = dict[str, Any]
Clock = Callable[[], float]


@dataclass(frozen=True)
class Budget:
    """What an episode may cost. None: no limit; steps always end it."""

    steps: int = 6
    """Turns of the model."""
    tokens: int | None = 600
    """Written by the model."""
    seconds: float | None = None
    format_errors: int = 2
    """Malformed turns and refused calls that it is told of; one more ends the episode."""

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("tokens", 1), ("seconds", 0), ("format_errors", 0)):
            if (value := getattr(self, name)) is not None and value < least:
                raise InputError(name, f"at least {least}", value)


@dataclass(frozen=True)
class Policy:
    """How the loop proceeds."""

    name: str = "act"
    plan_first: bool = False
    """The first turn must begin with a plan."""
    reflections: int = 0
    """How many answers are given back to be looked at once more."""
    check: str = "{question}"
    """What is said then. A model that knows no instructions is simply asked again, with all that it has seen."""
    retract: bool = False
    """A refused call is taken back, and made without that tool: for a model that has never been told of a refusal."""
    otherwise: str = ""
    """What the user is told where a budget ends before there is an answer."""


ACT, PLAN, REFLECT = Policy(), Policy("plan", plan_first=True), Policy("reflect", reflections=1)
POLICIES = {policy.name: policy for policy in (ACT, PLAN, REFLECT, Policy("reflect_twice", reflections=2))}


class Episode:
    """One conversation on its way to an answer. `messages` grows; `trace` tells all; `trace.stop` ends it."""

    def __init__(
        self, id: str, messages: Sequence[Turn], toolbox: Toolbox, budget: Budget | None = None,
        policy: Policy = ACT, clock: Clock = time.monotonic, given: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.messages, self.toolbox, self.policy = list(messages), toolbox, policy
        self.budget = budget or Budget()
        self.trace = Trace(id, asdict(policy), asdict(self.budget), list(toolbox.tools), list(messages))
        self.trace.given = list(given)
        self._clock, self._began = clock, clock()
        self._errors, self._reflections = 0, policy.reflections
        said = [turn["content"] for turn in messages if turn["role"] == "user"]
        self._question = said[-1] if said else ""

    def request(self) -> Request:
        """What the model is asked for next. A tool that has just refused it twice (once, to retract) is not offered."""
        spent = self.trace.tokens
        return Request(
            self.messages, self._offered(), plan=self.policy.plan_first and not self.trace.steps,
            max_tokens=None if self.budget.tokens is None else self.budget.tokens - spent,
            seconds=None if self.budget.seconds is None else self.budget.seconds - (self._clock() - self._began),
        )  # fmt: skip

    def _offered(self) -> Toolbox:
        refused = list[str]()
        for step in takewhile(lambda step: step.invalid and not step.fault, reversed(self.trace.steps)):
            refused.append(step.message["tool_call"]["name"])
        barred = {name for name in refused if self.policy.retract or refused.count(name) > 1}
        return self.toolbox.without(*barred)

    def take(self, reply: Reply | Unavailable) -> None:
        """One step on: record the turn, run its call or accept its answer, see whether a budget ends."""
        if isinstance(reply, Unavailable):
            self.trace.stop, self.trace.detail = reply.reason, reply.told
            return
        message, limit = reply.message, self.budget.seconds
        step = Step(message, reply.tokens, reply.fault, reply.confidence)
        self.trace.steps.append(step)
        self.messages.append(message)
        if reply.fault:
            self._show(step, Observation(f"Malformed: {reply.fault}.", invalid=True))
        elif "tool_call" in message:
            self._show(step, self.toolbox.call(message["tool_call"]["name"], message["tool_call"]["query"]))
        elif self._reflections:
            self._reflections -= 1
            self.messages.append({"role": "user", "content": self.policy.check.format(question=self._question)})
        else:
            self.trace.stop = StopReason.ANSWERED
        step.seconds = None if limit is None else round(self._clock() - self._began, 3)
        self.trace.stop = self.trace.stop or self._spent(step)

    def _show(self, step: Step, seen: Observation) -> None:
        step.observation, step.invalid, step.failed = seen.content, seen.invalid, seen.failed
        step.sources = [asdict(source) for source in seen.sources]
        self._errors += seen.invalid
        if seen.invalid and not step.fault and self.policy.retract:
            self.messages.pop()
        else:
            self.messages.append({"role": "tool", "content": seen.content})

    def _spent(self, step: Step) -> StopReason | None:
        budget = self.budget
        if self._errors > budget.format_errors:
            return StopReason.FORMAT
        if len(self.trace.steps) >= budget.steps:
            return StopReason.STEPS
        if budget.tokens is not None and self.trace.tokens >= budget.tokens:
            return StopReason.TOKENS
        return StopReason.TIME if step.seconds is not None and step.seconds > (budget.seconds or 0) else None


def run(episodes: Sequence[Episode], backend: Backend, watch: Callable[[Episode], None] | None = None) -> list[Trace]:
    """Step all episodes together until each has ended; `watch` sees each after each step."""
    while running := [episode for episode in episodes if episode.trace.stop is None]:
        replies = backend.complete([episode.request() for episode in running])
        for episode, reply in zip(running, replies, strict=True):
            episode.take(reply)
            if watch is not None:
                watch(episode)
    return [episode.trace for episode in episodes]


def replay(trace: Trace) -> Trace:
    """Run the loop on what came from outside at each step; the result must be the same bytes."""
    times = iter([0.0, *(step.seconds for step in trace.steps if step.seconds is not None)])
    episode = Episode(
        trace.id, trace.messages, _Recorded(trace), Budget(**trace.budget), Policy(**trace.policy),
        lambda: next(times), trace.given,
    )  # fmt: skip
    steps = iter(trace.steps)
    while episode.trace.stop is None:
        if (step := next(steps, None)) is None:
            episode.take(Unavailable(trace.stop or StopReason.UNAVAILABLE, trace.detail))
        else:
            episode.take(Reply(step.message, step.tokens, step.fault, step.confidence))
    return episode.trace


@dataclass
class _Named:
    """A tool of a trace: its name is all that is left of it."""

    name: str
    argument: str = ""
    description: str = ""

    def run(self, text: str) -> Observation:
        raise AssertionError("what it gave back is in the trace")


class _Recorded(Toolbox):
    """The tools of a trace: they give back what they gave then."""

    def __init__(self, trace: Trace) -> None:
        super().__init__({name: _Named(name) for name in trace.tools})
        self._steps = iter([step for step in trace.calls if not step.fault])

    def call(self, name: str, argument: object) -> Observation:
        step = next(self._steps)
        sources = tuple(Source(**source) for source in step.sources)
        return Observation(step.observation or "", sources, step.invalid, step.failed)


def same(first: Trace, second: Trace) -> bool:
    """To the last byte."""
    return line(first) == line(second)


def replayable(trace: Trace) -> bool:
    """The loop, run on the trace, gives the trace."""
    return same(replay(trace), Trace.from_json(json.loads(line(trace))))
