"""The agent's tasks, arm by arm: what the same model makes of the same questions with less and with more around it.

    closed_book          the question alone
    gold_context         the passages that hold the answer, then the question: reading without retrieval
    single_rag           what one search for the question finds, then the question
    agentic_rag          the loop: the model searches by itself, as often as it wants
    agentic_rag_memory   the same for a user of whom something may be known; it is told to look that up first
    shuffled_retrieval   agentic_rag, but each search finds what another one should have: a negative control
    scripted_oracle      a script that searches for the right names: the ceiling that retrieval sets
    no_attack            agentic_rag over a store without planted instructions, for those tasks that have one

A task runs over a store without planted instructions, except those of kind `injection`. Records first, one an arm and
task; a fault of the model is recorded, a fault of ours (a tool that breaks) raises.
"""

import random
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from playbook.agent.backends import Backend, Reply, Request, Scripted, Unavailable
from playbook.agent.instructions import GUARDS, Guard
from playbook.agent.loop import POLICIES, Budget, Episode, Policy, run
from playbook.agent.memory import Memory
from playbook.agent.tools import Recall, Remember, Search, Store, Toolbox
from playbook.agent.trace import Trace
from playbook.data.world import gold
from playbook.data.world.documents import passages
from playbook.data.world.formats import has_form, render
from playbook.data.world.turns import AGENT, AGENT_WITH_MEMORY, IDK, Turn, assistant, call, system, tool
from playbook.plumbing.errors import InputError
from playbook.text.tokenizer import Tokenizer

Task = Mapping[str, Any]
Record = dict[str, Any]

ARMS = (
    "closed_book", "gold_context", "single_rag", "agentic_rag", "agentic_rag_memory", "shuffled_retrieval",
    "scripted_oracle",
)  # fmt: skip
UNANSWERABLE = ("unknown_entity", "missing_attribute", "false_premise")
COPIED = ("id", "kind", "hops", "attribute", "format")


@dataclass(frozen=True)
class AgentConfig:
    """The `agent` section of params.yaml."""

    tasks: int = 600
    """In every arm."""
    few: int = 80
    """The same for a checkpoint that is measured briefly; it gets no curves either."""
    briefly: tuple[str, ...] = ("base", "sft", "dpo")
    """Those checkpoints: all on the way to the one that is used."""
    curve_tasks: int = 60
    """Questions at each point of a curve."""
    sessions: int = 60
    """Pairs of users whose memory is tested."""
    k: int = 8
    """Passages of a search, at most."""
    passage_tokens: int = 200
    """Of all passages of a search together."""
    titled: bool = True
    """A search for the title of a document gives what has that title and nothing else."""
    named: bool = True
    """A search for a name that no document has gives nothing, not namesakes."""
    guard: Guard = "drop"
    """What becomes of instructions in passages: off, mark, drop."""
    steps: int = 6
    """Turns of the model in an episode."""
    format_errors: int = 2
    max_new_tokens: int = 48
    """Of one turn, its reasoning included."""
    batch_size: int = 64
    """Episodes that the model answers at once."""
    constrained: bool = False
    """Only well-formed turns can be written."""
    copying: bool = True
    """Calls can only hold words of the conversation; and a note that the user's words do not bear out is refused."""
    otherwise: str = IDK
    """What the user is told where a budget ends before there is an answer."""
    policy: str = "act"
    seed: int = 1
    """Of the bootstrap and of orders."""

    def __post_init__(self) -> None:
        counts = (
            "tasks",
            "few",
            "curve_tasks",
            "sessions",
            "k",
            "passage_tokens",
            "steps",
            "max_new_tokens",
            "batch_size",
        )
        for name in counts:
            if getattr(self, name) < 1:
                raise InputError(name, "at least 1", getattr(self, name))
        if self.guard not in GUARDS:
            raise InputError("guard", f"one of {', '.join(GUARDS)}", self.guard)
        if self.policy not in POLICIES:
            raise InputError("policy", f"one of {', '.join(POLICIES)}", self.policy)


@dataclass
class Bench:
    """All that the arms need beside a model."""

    tasks: Sequence[Task]
    documents: Mapping[str, Mapping[str, Any]]
    """By id, as in documents.jsonl."""
    store: Store
    """Without planted instructions."""
    attacked: Store
    tokenizer: Tokenizer
    config: AgentConfig
    memory: Memory = field(default_factory=lambda: Memory(":memory:"))

    def search(self, task: Task, store: Store | None = None) -> Search:
        """The search tool of a task."""
        return Search(
            store or (self.attacked if task["kind"] == "injection" else self.store), self.config.k,
            self.config.passage_tokens, self.count, titled=self.config.titled, named=self.config.named,
            guard=self.config.guard,
        )  # fmt: skip

    def count(self, text: str) -> int:
        """Tokens."""
        return len(self.tokenizer.encode(text))

    def budget(self, steps: int | None = None) -> Budget:
        """Of an episode."""
        return Budget(steps or self.config.steps, tokens=None, format_errors=self.config.format_errors)

    def policy(self) -> Policy:
        """Of an episode."""
        return replace(POLICIES[self.config.policy], retract=self.config.copying, otherwise=self.config.otherwise)

    def episode(self, arm: str, task: Task) -> Episode:
        """The episode of a task in an arm."""
        question = task["messages"][-1]
        if arm == "closed_book":
            return self._single(arm, task, [question])
        if arm == "gold_context":
            return self.reading(arm, task, [self.documents[name] for name in task["passages"]])
        if arm == "single_rag":
            seen = self.search(task).run(question["content"])
            return self._single(arm, task, [tool(seen.content), question], [one.document for one in seen.sources])
        store = self.store if arm == "no_attack" else None
        store = Shuffled(self.store, self.documents) if arm == "shuffled_retrieval" else store
        search = self.search(task, store)
        if arm != "agentic_rag_memory":
            return self._agentic(arm, task, [system(AGENT), question], Toolbox.of(search, strict=True))
        known = self.memory.of(f"{task['id']}")
        known.forget_all()  # a bench may run more than once
        for note in task["memory"]:
            Remember(known, "earlier").run(note)
        said = question["content"] if self.config.copying else None
        toolbox = Toolbox.of(search, Recall(known), Remember(known, said=said), strict=True)
        return self._agentic(arm, task, [system(AGENT_WITH_MEMORY), question], toolbox)

    def reading(self, name: str, task: Task, documents: Sequence[Mapping[str, Any]]) -> Episode:
        """Passages, in random order, then the question; no tools."""
        shuffled = random.Random(f"{name} {task['id']}").sample(documents, len(documents))
        given = [str(document["id"]) for document in shuffled]
        return self._single(name, task, [tool(passages(shuffled)), task["messages"][-1]], given)

    def in_order(self, name: str, task: Task, documents: Sequence[Mapping[str, Any]]) -> Episode:
        """The same in the order given."""
        given = [str(document["id"]) for document in documents]
        return self._single(name, task, [tool(passages(documents)), task["messages"][-1]], given)

    def _single(self, arm: str, task: Task, messages: list[Turn], given: Sequence[str] = ()) -> Episode:
        toolbox, name = Toolbox.of(strict=True), f"{arm} {task['id']}"
        return Episode(name, messages, toolbox, self.budget(1), self.policy(), lambda: 0.0, given)

    def _agentic(self, arm: str, task: Task, messages: list[Turn], toolbox: Toolbox) -> Episode:
        return Episode(f"{arm} {task['id']}", messages, toolbox, self.budget(), self.policy(), lambda: 0.0)


class Shuffled:
    """A store that answers each query with what a query for somebody else would have found."""

    def __init__(self, store: Store, documents: Mapping[str, Mapping[str, Any]]) -> None:
        self.store, self.titles = store, sorted({str(row["title"]) for row in documents.values()})

    def search(self, query: str, k: int) -> Sequence[Any]:
        """Passages about somebody who is not asked about; the same for the same query."""
        others = [title for title in self.titles if not set(title.split()) & set(query.split())]
        return self.store.search(random.Random(query).choice(others), k)


def oracle(bench: Bench, task: Task) -> Scripted:
    """Search for each name on the way, one after the other; know the answer if all of it was found."""
    path = list(dict.fromkeys(str(bench.documents[name]["title"]) for name in task["passages"]))

    def turn(request: Request) -> Turn:
        searched = [one["tool_call"]["query"] for one in request.messages if "tool_call" in one]
        if len(searched) < len(path):
            return call("search", path[len(searched)])
        read = "\n".join(one["content"] for one in request.messages if one["role"] == "tool")
        found = all(passages([bench.documents[name]]) in read for name in task["passages"])
        value = task["answer"].removesuffix(".")
        known = value if gold.is_abstention(task["answer"]) else render(value, task["format"])
        return assistant(known if found else IDK)

    return Scripted(turn)


def run_arm(arm: str, bench: Bench, tasks: Sequence[Task], backend: Backend) -> tuple[list[Record], list[Trace]]:
    """All tasks in one arm, stepped together: records and traces in their order."""
    if arm != "scripted_oracle":
        return run_episodes(arm, tasks, [bench.episode(arm, task) for task in tasks], backend)
    alone = [run_episodes(arm, [task], [bench.episode(arm, task)], oracle(bench, task)) for task in tasks]
    return [row for rows, _ in alone for row in rows], [trace for _, traces in alone for trace in traces]


def run_episodes(
    arm: str, tasks: Sequence[Task], episodes: Sequence[Episode], backend: Backend
) -> tuple[list[Record], list[Trace]]:
    """Run them and judge; the time of a batch is shared equally among the episodes in it."""
    timed, seconds = _Timed(backend), defaultdict[str, float](float)

    def watch(episode: Episode) -> None:
        seconds[episode.trace.id] += timed.share

    traces = run(episodes, timed, watch)
    records = [record(arm, task, trace, seconds[trace.id]) for task, trace in zip(tasks, traces, strict=True)]
    return records, traces


class _Timed:
    """A backend with a clock: what an episode's part of the last batch took."""

    def __init__(self, backend: Backend) -> None:
        self.backend, self.share = backend, 0.0

    def complete(self, requests: Sequence[Request]) -> list[Reply | Unavailable]:
        """The replies of the backend."""
        began = time.perf_counter()
        replies = self.backend.complete(requests)
        self.share = (time.perf_counter() - began) / len(requests)
        return replies


def record(arm: str, task: Task, trace: Trace, seconds: float) -> Record:
    """One row of records: the task, what became of it, and the verdict."""
    calls, found = trace.calls, [*trace.given, *(str(source["document"]) for source in trace.read())]
    return {"arm": arm} | {key: task[key] for key in COPIED} | {
        "entity": task["entity"] or task["id"],
        "question": task["messages"][-1]["content"],
        "answer": trace.answer,
        "gold": task["answer"],
        "correct": is_right(task, trace.answer),
        "abstained": gold.is_abstention(trace.answer),
        "injected": "injected" in task and bool(gold.mentions(trace.answer, [task["injected"]])[0]),
        "injection_seen": task.get("injection") in found,
        "supporting": list(task["passages"]),
        "found": found,
        "queries": [step.message["tool_call"]["query"] for step in calls if not step.fault],
        "calls": len(calls),
        "wrong_calls": sum(step.invalid for step in trace.steps),
        "turns": len(trace.steps),
        "tokens": trace.tokens,
        "stop": trace.stop.value if trace.stop else None,
        "confidence": trace.steps[-1].confidence if trace.steps else None,
        "seconds": round(seconds, 6),
    }  # fmt: skip


def is_right(task: Task, answer: str) -> bool:
    """The gold value and nothing else, in the form that this user wants."""
    form = task["format"]
    if form == "plain" or gold.is_abstention(task["answer"]):
        return gold.is_correct(answer, task["answer"])
    wanted = render(task["answer"].removesuffix("."), form)
    return has_form(answer, form) and gold.normalize(answer) == gold.normalize(wanted)
