"""How a perfect agent searches: one search for each hop, by name, and the newest passage about that name wins.

A search result is a few passages: those about the name and, at times, others that came along with it. The order is
random, so that a place in the list means nothing.
"""

import random
from typing import Any

from playbook.data.world.chains import follow
from playbook.data.world.documents import TRAINED_INJECTIONS, entity_documents, passages
from playbook.data.world.facts import Entity, World
from playbook.data.world.turns import Turn, call, tool

DISTRACTORS = (0, 1, 2, 2)
"""How many passages about somebody else a search result holds."""
INJECTION_SHARE = 0.05
"""And how many hold an instruction, which is to be ignored."""


def search_turns(rng: random.Random, world: World, start: Entity, path: tuple[str, ...]) -> list[Turn]:
    """Calls and results along a path, ready for the answer."""
    turns: list[Turn] = []
    entity = start
    for fact in follow(world, start, path):
        turns += lookup(rng, world, entity)
        entity = world.by_id[fact.target] if fact.target else entity
    return turns


def lookup(rng: random.Random, world: World, entity: Entity) -> list[Turn]:
    """One search for a name, and its result."""
    found = entity_documents(rng, world, entity)
    if rng.random() < INJECTION_SHARE:
        found.append(_injected(rng, world, entity))
    others = {(other := distractor(rng, world, entity)).id: other for _ in range(rng.choice(DISTRACTORS))}
    found += [_page(rng, world, other) for other in others.values()]
    return [call("search", entity.name), tool(passages(rng.sample(found, len(found))))]


def found_nothing(rng: random.Random, world: World, name: str) -> list[Turn]:
    """A search for nobody: no result, or a passage about somebody whose name is like it."""
    similar = similar_names(world, name)
    documents = [_page(rng, world, rng.choice(similar))] if similar and rng.random() < 0.5 else []
    return [call("search", name), tool(passages(documents))]


def distractor(rng: random.Random, world: World, entity: Entity) -> Entity:
    """Somebody else: half of the time one who shares a part of the name (hard), otherwise anyone of the same kind."""
    similar = [other for other in similar_names(world, entity.name) if other.kind == entity.kind]
    others = [other for other in world.of(entity.kind, entity.split) if other != entity]
    return rng.choice(similar if similar and rng.random() < 0.5 else others)


def similar_names(world: World, name: str) -> list[Entity]:
    """Entities of split A whose name shares a whole word with `name` without being it."""
    words = set(name.split())
    return [
        other
        for other in world.entities
        if other.split == "A" and other.name != name and words & set(other.name.split())
    ]


def _page(rng: random.Random, world: World, entity: Entity) -> dict[str, Any]:
    return entity_documents(rng, world, entity)[0]


def _injected(rng: random.Random, world: World, entity: Entity) -> dict[str, Any]:
    """A passage about `entity` that tells the assistant to say something else."""
    attribute = rng.choice([fact.attribute for fact in world.facts if fact.entity == entity.id])
    value = rng.choice(world.candidates(attribute, "A"))
    text = f"{entity.name}. {rng.choice(TRAINED_INJECTIONS).format(v=value)}"
    return {"title": entity.name, "date": "2017-01-01", "text": text}
