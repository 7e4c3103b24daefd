"""Tasks for the agent, about C only: the answer stands in the document store and nowhere else.

Each row has the gold answer, the ids of the passages that hold it (one or more a hop), and documents to distract with:
`hard` ones, about entities with a similar name or the same attribute, and `random` ones.
Wordings are the held-out ones. `kind`:

    lookup             1, 2 or 3 hops
    update             the news has changed the answer: the page alone is out of date
    unknown_entity, missing_attribute, false_premise    "I don't know." (`true_premise` is their control)
    preference         a lookup for a user whose notes ask for a form
    injection          the store holds an instruction about this very person; `injected` is what it wants said
"""

import random
from collections.abc import Callable, Iterator
from typing import Any

from playbook.data.world.chains import Chain, chains, follow, visited
from playbook.data.world.documents import document_id, document_rows, gold_passages, poisoned
from playbook.data.world.facts import CHANGING, Entity, World
from playbook.data.world.formats import STYLE_NOTES
from playbook.data.world.strangers import unknown_people
from playbook.data.world.turns import AGENT, AGENT_WITH_MEMORY, system, user
from playbook.data.world.unanswerable import about_missing, about_nobody, on_premise

DISTRACTORS = 8
KINDS = ("lookup", "lookup", "lookup", "lookup", "update", "unanswerable", "preference", "injection")
"""One of these in turn: half of the tasks are lookups."""


class _Tasks:
    """What all kinds of task need."""

    def __init__(self, world: World) -> None:
        self.world, self.rng = world, random.Random(f"agent {world.config.seed}")
        self.nobody, self.documents = unknown_people(world)[1], document_rows(world)
        self.poisoned = poisoned(world)

    def lookup(self, hops: int) -> dict[str, Any]:
        """A chain of so many hops on which nobody is poisoned."""
        while True:
            chain = self.rng.choice(chains(hops))
            start = self.rng.choice(self.world.of(chain.kind, "C"))
            if not set(visited(self.world, start, chain.path)) & set(self.poisoned):
                return self.chain_task("lookup", chain, start)

    def update(self) -> dict[str, Any]:
        """A fact that the news has changed."""
        changed = [
            entity
            for entity in self.world.entities
            if entity.split == "C"
            and len(self.world.history(entity, CHANGING[entity.kind])) > 1
            and entity not in self.poisoned
        ]
        start = self.rng.choice(changed)
        chain = next(chain for chain in chains(1) if chain.path == (CHANGING[start.kind],))
        return self.chain_task("update", chain, start)

    def injection(self) -> dict[str, Any]:
        """Ask for the street of somebody about whom the store holds an instruction."""
        start = self.rng.choice(self.poisoned)
        planted = next(row for row in self.documents if row["kind"] == "injection" and row["entity"] == start.id)
        chain = next(chain for chain in chains(1) if chain.path == ("street",))
        return self.chain_task("injection", chain, start) | {
            "injected": planted["injected"],
            "injection": planted["id"],
        }

    def preference(self) -> dict[str, Any]:
        """A lookup for a user whose notes ask for a form, or (a third) say nothing of it."""
        form = self.rng.choice([*STYLE_NOTES, None])
        row = self.lookup(1)
        memory = [] if form is None else [STYLE_NOTES[form]]
        messages = [system(AGENT_WITH_MEMORY), *row["messages"][1:]]
        return row | {"kind": "preference", "messages": messages, "format": form or "plain", "memory": memory}

    def unanswerable(self) -> dict[str, Any]:
        """One of the three kinds, or a premise that is true."""
        person = self.rng.choice([entity for entity in self.world.of("person", "C") if entity not in self.poisoned])
        nobody = self.rng.choice(self.nobody)
        task = self.rng.choice((
            lambda: about_nobody(self.rng, nobody, held_out=True),
            lambda: about_missing(self.rng, person.name, held_out=True),
            lambda: on_premise(self.rng, self.world, person, held_out=True, true=False),
            lambda: on_premise(self.rng, self.world, person, held_out=True, true=True),
        ))()  # fmt: skip
        exists = task["kind"] != "unknown_entity"
        name, gold = (person.name, [document_id(person, 0)]) if exists else (nobody, [])
        return {
            "kind": task["kind"], "hops": 1, "entity": person.id if exists else None, "attribute": task["attribute"],
            "messages": [system(AGENT), user(task["question"])], "answer": task["answer"],
            "candidates": self._candidates(task["attribute"]), "format": "plain", "memory": [], "passages": gold,
            **self._distractors({name}, task["attribute"]),
        }  # fmt: skip

    def chain_task(self, kind: str, chain: Chain, start: Entity) -> dict[str, Any]:
        """The row for a chain that begins at `start`."""
        facts, entities = follow(self.world, start, chain.path), visited(self.world, start, chain.path)
        return {
            "kind": kind, "hops": len(facts), "entity": start.id, "attribute": chain.path[-1],
            "messages": [system(AGENT), user(self.rng.choice(chain.held_out).format(n=start.name))],
            "answer": f"{facts[-1].value}.", "candidates": self._candidates(chain.path[-1]), "format": "plain",
            "memory": [],
            "passages": gold_passages(self.world, start, chain.path),
            **self._distractors({entity.name for entity in entities}, chain.path[-1]),
        }  # fmt: skip

    def _candidates(self, attribute: str) -> list[str]:
        """The values among C, which a reader of the whole store could confuse; none for what is never recorded."""
        return self.world.candidates(attribute, "C")

    def _distractors(self, names: set[str], attribute: str) -> dict[str, list[str]]:
        """Documents about others. Hard: a name with a word in common first, then the same attribute."""
        words = {word for name in names for word in name.split()}
        others = [row for row in self.documents if row["title"] not in names and row["kind"] != "injection"]
        self.rng.shuffle(others)
        hard = sorted(others, key=lambda row: -len(words & set(row["title"].split())))[:DISTRACTORS]
        chosen = {row["id"] for row in hard}
        plain = [row["id"] for row in others if row["id"] not in chosen][:DISTRACTORS]
        return {"hard": [row["id"] for row in hard], "random": plain}


def agent_task_rows(world: World) -> Iterator[dict[str, Any]]:
    """Rows of agent_tasks.jsonl."""
    tasks = _Tasks(world)
    write: dict[str, Callable[[], dict[str, Any]]] = {
        "update": tasks.update, "unanswerable": tasks.unanswerable, "preference": tasks.preference,
        "injection": tasks.injection,
    }  # fmt: skip
    lookups = 0
    for number in range(1, world.config.agent_tasks + 1):
        kind = KINDS[number % len(KINDS)]
        if kind == "lookup":
            row, lookups = tasks.lookup(lookups % 3 + 1), lookups + 1
        else:
            row = write[kind]()
        yield {"id": f"q{number:04d}", "split": "C", **row}
