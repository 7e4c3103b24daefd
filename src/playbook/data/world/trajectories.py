"""How a perfect agent searches: one search for each hop, by name, and the newest passage about that name wins.

A search result is a few passages: those about the name and, at times, others that came along with it. The order is
random, so that a place in the list means nothing.
"""

import random
from collections.abc import Sequence
from typing import Any

from playbook.data.world.chains import follow, visited
from playbook.data.world.documents import TRAINED_INJECTIONS, entity_documents, passages
from playbook.data.world.facts import ATTRIBUTES, Entity, World
from playbook.data.world.reasoning import looked_up, plan
from playbook.data.world.turns import Turn, call, tool

DISTRACTORS = {1: (0, 0, 1, 2), 2: (0, 1, 1, 2), 3: (0, 0, 1, 1)}
"""How many passages about somebody else a search result holds, by hops: a long chain must fit into one row."""
NAMESAKE_FOUND = 0.7
"""How often a search for nobody finds somebody whose name is like it."""
INJECTION_SHARE = 0.05
"""And how many hold an instruction, which is to be ignored."""


def search_turns(
    rng: random.Random, world: World, start: Entity, path: tuple[str, ...], brief: bool = False
) -> tuple[list[Turn], str]:
    """Calls and results along a path, ready for the answer; and the reasoning that leads to it.

    First a plan; then what a hop has found is written down, with what is left of the plan, before the next one or the
    answer makes use of it. `brief`: passages tell
    little more than what is looked for, so that a row of training holds many decisions.
    """
    turns: list[Turn] = []
    reasoning = plan(start.name, path)
    hops = zip(visited(world, start, path), follow(world, start, path), strict=True)
    for number, (entity, fact) in enumerate(hops, start=1):
        told = _and_another(rng, entity, fact.attribute) if brief else ()
        turns += lookup(rng, world, entity, told, DISTRACTORS[len(path)], reasoning)
        reasoning = looked_up(entity.name, fact.attribute, fact.value, path[number:])
    return turns, reasoning


def lookup(
    rng: random.Random, world: World, entity: Entity, told: tuple[str, ...] = (),
    others: Sequence[int] = DISTRACTORS[1], reasoning: str = "",
) -> list[Turn]:  # fmt: skip
    """One search for a name, and its result: all documents, with pages of others (one of the numbers `others`).

    `told`: the attributes that the passages tell of; none for all.
    """
    found = entity_documents(rng, world, entity, told)
    if rng.random() < INJECTION_SHARE:
        found.append(_injected(rng, world, entity))
    beside = {(other := distractor(rng, world, entity)).id: other for _ in range(rng.choice(others))}
    found += [_page(rng, world, other, told) for other in beside.values()]
    return [call("search", entity.name, reasoning), tool(passages(rng.sample(found, len(found))))]


def _and_another(rng: random.Random, entity: Entity, attribute: str) -> tuple[str, ...]:
    others = [other for other in ATTRIBUTES[entity.kind] if other != attribute]
    return (attribute, *rng.sample(others, rng.randint(0, 1)))


def found_nothing(rng: random.Random, world: World, name: str, reasoning: str, attribute: str = "") -> list[Turn]:
    """A search for nobody: no result, or a passage about somebody whose name is like it.

    `attribute`: the passage tells little more than that, for passages about the right one do so too; none for all.
    """
    similar = [other for other in similar_names(world, name) if not attribute or attribute in ATTRIBUTES[other.kind]]
    documents = []
    if similar and rng.random() < NAMESAKE_FOUND:
        namesake = rng.choice(similar)
        documents.append(_page(rng, world, namesake, _and_another(rng, namesake, attribute) if attribute else ()))
    return [call("search", name, reasoning), tool(passages(documents))]


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


def _page(rng: random.Random, world: World, entity: Entity, told: tuple[str, ...] = ()) -> dict[str, Any]:
    return entity_documents(rng, world, entity, told)[0]


def _injected(rng: random.Random, world: World, entity: Entity) -> dict[str, Any]:
    """A passage about `entity` that tells the assistant to say something else."""
    false = {
        attribute: [value for value in world.candidates(attribute, "A") if value not in once]
        for attribute in ATTRIBUTES[entity.kind]
        for once in [{fact.value for fact in world.history(entity, attribute)}]
    }
    value = rng.choice(rng.choice([values for values in false.values() if values]))
    text = f"{entity.name}. {rng.choice(TRAINED_INJECTIONS).format(v=value)}"
    return {"title": entity.name, "date": "2017-01-01", "text": text}
