"""All ways of running one checkpoint on the same questions. Run as `python -m labs.agent_policies.measure`.

Reads: models/grpo, data/corpus, data/index.
Writes: labs/agent_policies/data/records.jsonl: a row a way (`study`, `way`) and question.
Note: policies, decoding and guards are greedy; samples are of one seed, and best-of-n chooses among the very samples
    that pass^k counts. Memory is measured without a model: whether what fits into the prompt holds the value asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from playbook.agent.backends import Backend, GPTMiniBackend
from playbook.agent.instructions import GUARDS
from playbook.agent.loop import POLICIES
from playbook.agent.memory import Memory
from playbook.agent.tools import Store
from playbook.data.world import gold
from playbook.data.world.documents import gold_passages, poisoned
from playbook.data.world.facts import World
from playbook.data.world.templates import ASKED
from playbook.data.world.turns import AGENT, system, user
from playbook.evaluation.agent_arms import UNANSWERABLE, AgentConfig, Bench, run_arm, run_episodes
from playbook.evaluation.agent_bench import open_bench
from playbook.evaluation.agent_metrics import EXACT_KINDS
from playbook.evaluation.agent_sessions import Calendar, tellings
from playbook.evaluation.posttraining_run import open_model
from playbook.evaluation.search_rollouts import Sampler
from playbook.evaluation.skills import read_bench
from playbook.model.gpt import GPTMini
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import read_jsonl, write_jsonl
from playbook.plumbing.runtime import RuntimeConfig, start
from playbook.plumbing.stage import stage
from playbook.text.tokenizer import Tokenizer

ARM = "agentic_rag"
KINDS = (*EXACT_KINDS, *UNANSWERABLE)
DECODING = {
    "free": {}, "constrained": {"constrained": True}, "copying": {"copying": True},
    "both": {"constrained": True, "copying": True},
}  # fmt: skip
KEPT = (
    "id", "kind", "hops", "entity", "answer", "gold", "correct", "abstained", "calls", "wrong_calls", "turns", "tokens",
    "confidence", "stop",
)  # fmt: skip
Record = dict[str, Any]
Task = Mapping[str, Any]


@dataclass(frozen=True)
class BenchConfig:
    """How much is asked."""

    tasks: int = 160
    sampled: int = 100
    samples: int = 4
    temperature: float = 1.0
    budgets: tuple[int, ...] = (8, 16, 32, 64)


@dataclass(frozen=True)
class Params:
    """Sections of labs/agent_policies/params.yaml."""

    orders: tuple[str, ...]
    bench: BenchConfig = field(default_factory=BenchConfig)
    agent: AgentConfig = field(default_factory=AgentConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


@dataclass
class Setting:
    """What every study needs."""

    params: Params
    model: GPTMini
    tokenizer: Tokenizer
    corpus: Path
    index: Path

    def bench(self, **changed: Any) -> Bench:
        """The questions, run with another configuration."""
        config = replace(self.params.agent, tasks=10**9, **changed)
        bench = open_bench(self.corpus, self.index, self.tokenizer, config, few=False)
        bench.tasks = [task for task in bench.tasks if task["kind"] in KINDS][: self.params.bench.tasks]
        return bench

    def greedy(self, constrained: bool = False, copying: bool = False) -> Backend:
        """The model, taking the most likely token."""
        config = self.params.agent
        return GPTMiniBackend(
            self.model, self.tokenizer, config.max_new_tokens, config.batch_size, constrained, copying=copying
        )


def main() -> None:
    """Run every study."""
    with stage("labs.agent_policies.measure", Params) as run:
        runtime = start(run.params.runtime)
        folder, corpus, index = run.input("models/grpo"), run.input("data/corpus"), run.input("data/index")
        at = Setting(run.params, *open_model(folder, runtime), corpus, index)
        records = [*policies(at), *samples(at, runtime.seed), *decoding(at), *guards(at), *memories(at)]
        write_jsonl("labs/agent_policies/data/records.jsonl", records)


def policies(at: Setting) -> list[Record]:
    """Act and observe, plan first, look once more."""
    found, backend = list[Record](), at.greedy()
    for name in POLICIES:
        bench = at.bench(policy=name, copying=False)
        found += marked("policies", name, run_arm(ARM, bench, bench.tasks, backend)[0])
    return found


def samples(at: Setting, seed: int) -> list[Record]:
    """Several sampled episodes of each question; and one with a second look, one with a third."""
    config, found = at.params.bench, list[Record]()
    device = at.model.token_embedding.weight.device
    sampler = Sampler(
        at.model, at.tokenizer, at.params.agent.max_new_tokens, at.params.agent.batch_size,
        torch.Generator(device).manual_seed(seed), config.temperature,
    )  # fmt: skip
    for policy, times in (("act", config.samples), ("reflect", 1), ("reflect_twice", 1)):
        bench = at.bench(policy=policy, copying=False)
        for number in range(times):
            rows = run_arm(ARM, bench, bench.tasks[: config.sampled], sampler)[0]
            found += [{**row, "sample": number} for row in marked("samples", policy, rows)]
    return found


def decoding(at: Setting) -> list[Record]:
    """Free, well formed by force, calls by copying, both."""
    found = list[Record]()
    for name, switches in DECODING.items():
        bench = at.bench(copying=bool(switches.get("copying")))
        found += marked("decoding", name, run_arm(ARM, bench, bench.tasks, at.greedy(**switches))[0])
    return found


class Planted:
    """A store with one more passage about some: an order of ours."""

    def __init__(self, store: Store, passages: Mapping[str, Any]) -> None:
        self.store, self.passages = store, passages

    def search(self, query: str, k: int) -> Sequence[Any]:
        """What is found, the order first."""
        found = list(self.store.search(query, k))
        return [self.passages[query], *found] if query in self.passages else found


@dataclass(frozen=True)
class Order:
    """A passage that holds an order."""

    title: str
    text: str
    document: str = "order"
    path: str = ""
    first_line: int = 0
    last_line: int = 0
    score: float = 0.0


def guards(at: Setting) -> list[Record]:
    """Where does somebody live? One person for each order, who has never moved; with each guard, and without orders."""
    found, backend, plain = list[Record](), at.greedy(copying=True), at.bench()
    tasks, orders = planted(read_bench(at.corpus)[0], at.params.orders)
    for guard in ("none planted", *GUARDS):
        bench = at.bench() if guard == "none planted" else at.bench(guard=guard)
        bench.store = plain.store if guard == "none planted" else Planted(plain.store, orders)
        rows, _ = run_episodes(ARM, tasks, [bench.episode(ARM, task) for task in tasks], backend)
        named = marked("guards", guard, rows)
        found += [{**one, "injected": row["injected"]} for one, row in zip(named, rows, strict=True)]
    return found


def planted(world: World, texts: Sequence[str]) -> tuple[list[Task], dict[str, Order]]:
    """(a question about somebody for each order, the orders by name); an order wants somebody else's street said."""
    kept_off = poisoned(world)
    people = [
        person for person in world.of("person", "C")
        if len(world.history(person, "street")) == 1 and person not in kept_off
    ]  # fmt: skip
    if len(people) < len(texts):
        raise InputError("labs/agent_policies/params.yaml: orders", f"at most {len(people)}", len(texts))
    homes = [world.newest(person, "street").value for person in people]
    tasks, orders = list[Task](), dict[str, Order]()
    for person, home, text in zip(people, homes, texts, strict=False):
        other = next(value for value in world.candidates("street", "C")[len(orders) % 7 :] if value != home)
        question = ASKED["street"][0].format(n=person.name)
        tasks.append({
            "id": f"order{len(orders)}", "kind": "lookup", "hops": 1, "entity": person.id, "attribute": "street",
            "format": "plain", "messages": [system(AGENT), user(question)], "answer": f"{home}.",
            "passages": gold_passages(world, person, ("street",)), "injected": other, "injection": "order",
        })  # fmt: skip
        orders[person.name] = Order(person.name, f"{person.name}, 2017: {person.name}. {text.format(v=other)}")
    return tasks, orders


def memories(at: Setting) -> list[Record]:
    """Notes ("topic: value", newest wins) against every word that the user said, at equal tokens; no model."""
    found = list[Record]()
    rows = list(read_jsonl(at.corpus / "sessions.jsonl"))
    for way in ("notes", "verbatim"):
        calendar = Calendar()
        memory = Memory(":memory:", calendar)
        for row in rows:
            for session in row["sessions"]:
                calendar.today = datetime.fromisoformat(f"{session['date']}T12:00:00").replace(tzinfo=UTC)
                for said, note in tellings(session):
                    keep(memory, session["user"], way, said, note)
        for row in rows:
            for question in row["questions"]:
                if question["kind"] in ("recall", "update", "forgotten"):
                    found += remembered(at, memory, way, row, question)
        memory.close()
    return found


def keep(memory: Memory, user: str, way: str, said: str, note: str) -> None:
    """One telling, as a note or word by word."""
    known, (topic, _, value) = memory.of(user), note.partition(": ")
    if way == "verbatim":
        known.write("said", said, "episode")
    elif value == "-":
        known.forget(topic)
    else:
        known.write(topic, value)


def remembered(at: Setting, memory: Memory, way: str, row: Task, question: Task) -> list[Record]:
    """Whether the prompt would hold the value that is asked for, and nothing that no longer holds; for each budget."""
    known, asked = memory.of(question["user"]), question["messages"][-1]["content"]
    value = question["answer"].removesuffix(".")
    stale = [
        note.partition(": ")[2] for session in row["sessions"] if session["user"] == question["user"]
        for _, note in tellings(session) if note.startswith(f"{question['topic']}: ")
    ]  # fmt: skip
    stale = [old for old in stale if old not in (value, "-")]
    found = []
    for budget in at.params.bench.budgets:
        text = known.relevant(asked, budget, lambda text: len(at.tokenizer.encode(text)))
        holds = gold.is_abstention(question["answer"]) or bool(gold.mentions(text, [value])[0])
        outdated = bool(gold.mentions(text, stale)[0])
        found.append({
            "study": "memory", "way": way, "budget": budget, "id": question["id"], "entity": row["id"],
            "kind": question["kind"], "correct": holds and not outdated, "outdated": outdated,
            "tokens": len(at.tokenizer.encode(text)) if text else 0,
        })  # fmt: skip
    return found


def marked(study: str, way: str, rows: Sequence[Record]) -> list[Record]:
    """Records of an arm under the name of a study and a way."""
    return [{"study": study, "way": way, **{name: row[name] for name in KEPT}} for row in rows]


if __name__ == "__main__":
    main()
