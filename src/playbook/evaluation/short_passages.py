"""Choosing at its smallest: passages of one sentence about strangers, where only a name tells which one to read."""

import random
from collections.abc import Iterator, Sequence

from playbook.data.world.biographies import biography
from playbook.data.world.documents import passages
from playbook.data.world.facts import CLOSED_BOOK, Entity, World
from playbook.data.world.templates import HELD_OUT
from playbook.data.world.turns import tool, user
from playbook.evaluation.skills import Record, Task
from playbook.evaluation.statistics import clustered_proportion
from playbook.plumbing.metrics import Measurement

SHORT = {"short_1": 1, "short_3": 3}
"""Passages of one sentence each, by kind of task."""


def short_tasks(world: World, rows: int) -> Iterator[Task]:
    """One or three passages of a sentence each, all about the same attribute, about people who share no value of it."""
    rng, people = random.Random(f"recipe lab {world.config.seed}"), world.of("person", "C")
    for number in range(rows):
        attribute, shown = rng.choice(CLOSED_BOOK), list[Entity]()
        for person in rng.sample(people, len(people)):
            if all(_value(world, person, attribute) != _value(world, other, attribute) for other in shown):
                shown.append(person)
        for kind, count in SHORT.items():
            about = shown[:count]
            texts = [biography(rng, person, {attribute: _value(world, person, attribute)}) for person in about]
            found = [{"title": p.name, "date": "2020", "text": text} for p, text in zip(about, texts, strict=True)]
            question = rng.choice(HELD_OUT[attribute]).format(n=shown[0].name)
            yield {
                "id": f"{kind}-{number}", "kind": kind, "entity": shown[0].id, "path": [], "calls": 0,
                "messages": [tool(passages(rng.sample(found, count))), user(question)],
                "answer": f"{_value(world, shown[0], attribute)}.",
            }  # fmt: skip


def share(records: Sequence[Record], kind: str) -> Measurement:
    """Right answers of a kind, clustered by person: several seeds ask the same people."""
    rows = [row for row in records if row["kind"] == kind]
    return clustered_proportion([row["correct"] for row in rows], [row["entity"] for row in rows])


def _value(world: World, person: Entity, attribute: str) -> str:
    return world.newest(person, attribute).value
