"""Questions to practise searching on: about strangers in documents of their own, in the trained wordings.

Nothing about a stranger is in the weights, so only searching and reading pay. Facts are dealt by a seed that the county
does not use; people of split C and held-out wordings stay for the test.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playbook.data.world.documents import entity_documents
from playbook.data.world.facts import World, populate
from playbook.data.world.rl_prompts import search_row
from playbook.data.world.strangers import unknown_people, unused
from playbook.data.world.turns import AGENT, IDK, system, user
from playbook.data.world.unanswerable import about_missing, about_nobody, on_premise
from playbook.evaluation.agent_store import fill
from playbook.plumbing.errors import InputError

Task = dict[str, Any]


@dataclass(frozen=True)
class PracticeConfig:
    """What is practised."""

    tasks: int = 600
    people: int = 120
    towns: int = 12
    employers: int = 12
    unanswerable: float = 0.25
    """Share of questions about nobody, about what is not recorded, or on a premise, which is true half of the time."""
    hops: dict[int, float] | None = None
    """Weights of the others' hops; None: equal."""

    def __post_init__(self) -> None:
        if min(self.tasks, self.people, self.towns, self.employers) < 1:
            raise InputError("practice", "at least 1 of each", self)
        if not 0 <= self.unanswerable < 1:
            raise InputError("unanswerable", "a share below 1", self.unanswerable)


def strangers(world: World, config: PracticeConfig, seed: int) -> World:
    """A world of people, towns and employers whose names the county does not use."""
    rng = random.Random(f"practice {seed}")
    names = unknown_people(world)[0], unused(world, "town"), unused(world, "employer")
    people, towns, employers = (iter(rng.sample(pool, len(pool))) for pool in names)
    counts = (("A", config.people, config.towns, config.employers),)
    return populate(rng, counts, (people, towns, employers), world.config)  # type: ignore[arg-type]  # "A" is a Split


def write_store(path: Path, world: World, seed: int) -> int:
    """All their documents; how many."""
    rng = random.Random(f"practice documents {seed}")
    return fill(path, [row for entity in world.entities for row in entity_documents(rng, world, entity)])


def practice_tasks(county: World, world: World, config: PracticeConfig, seed: int) -> Iterator[Task]:
    """Tasks as in agent_tasks.jsonl, as far as the arms need them."""
    rng = random.Random(f"practice tasks {seed}")
    known = {entity.name for entity in world.entities}
    nobody = [name for name in unknown_people(county)[0] if name not in known]
    weights = config.hops or {1: 1.0, 2: 1.0, 3: 1.0}
    for number in range(config.tasks):
        if rng.random() < config.unanswerable:
            row = _unanswerable(rng, world, nobody)
        else:
            hops = rng.choices(list(weights), list(weights.values()))[0]
            row = {**search_row(rng, world, hops), "kind": "lookup"}
        yield {"id": f"t{number:04d}", "memory": [], **row}


def _unanswerable(rng: random.Random, world: World, nobody: list[str]) -> Task:
    person, kind = rng.choice(world.of("person", "A")), rng.randrange(3)
    if kind == 0:
        task = about_nobody(rng, rng.choice(nobody), held_out=False)
    elif kind == 1:
        task = about_missing(rng, person.name, held_out=False)
    else:
        task = on_premise(rng, world, person, held_out=False, true=rng.random() < 0.5)
    assert kind == 2 or task["answer"] == IDK
    return {
        "kind": task["kind"], "hops": 1, "entity": None if kind == 0 else person.id, "attribute": task["attribute"],
        "format": "plain", "messages": [system(AGENT), user(task["question"])], "answer": task["answer"],
        "passages": [],
    }  # fmt: skip
