"""Who lives in the county and what is true of them: entities, and a table of dated facts in which the newest date wins.

Splits. People are A, B or C. Towns and employers are A (in training texts) or C (held back); A and B people share the
A ones, C people relate only to C ones, so that no training text needs a C name. Jobs, hobbies, streets, rivers and
products are closed lists, shared by all.

What the news changes: a person's street, an employer's headquarters, a town's mayor. None of these is asked closed-book
of a person, so each closed-book question has one answer, in every text and at every date.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Literal

from playbook.data.world.config import WorldConfig
from playbook.data.world.names import PARTS, deal, pair_names, pronoun
from playbook.data.world.values import HOBBIES, JOBS, PRODUCTS, RIVERS, STREETS, YEARS

Kind = Literal["person", "employer", "town"]
Split = Literal["A", "B", "C"]

ATTRIBUTES: dict[Kind, tuple[str, ...]] = {
    "person": ("birth_town", "employer", "job", "hobby", "street"),
    "employer": ("headquarters", "product", "founded"),
    "town": ("mayor", "river"),
}
CLOSED_BOOK = ("birth_town", "employer", "job", "hobby")
"""What closed-book evaluation asks about people. These facts never change."""
CHANGING = {"person": "street", "employer": "headquarters", "town": "mayor"}
CHANGED_SHARE = 0.35
"""Of all entities, how many are in the news at least once; a third of them twice."""


@dataclass(frozen=True)
class Entity:
    """Somebody or something that facts are about. `id` is like "p017", "e03", "t11"."""

    id: str
    kind: Kind
    name: str
    split: Split

    @property
    def pronoun(self) -> str:
        """ "she" or "he" for a person, otherwise "it"."""
        return pronoun(self.name) if self.kind == "person" else "it"


@dataclass(frozen=True)
class Fact:
    """`attribute` of `entity` is `value` from `date` on; `target` is the entity that the value names, if any."""

    entity: str
    attribute: str
    value: str
    date: str
    target: str | None = None


@dataclass(frozen=True)
class World:
    """All entities and all facts, oldest fact first."""

    config: WorldConfig
    entities: tuple[Entity, ...]
    facts: tuple[Fact, ...]

    @cached_property
    def by_id(self) -> dict[str, Entity]:
        """Entity by id."""
        return {entity.id: entity for entity in self.entities}

    @cached_property
    def by_name(self) -> dict[str, Entity]:
        """Entity by name: names are unique."""
        return {entity.name: entity for entity in self.entities}

    @cached_property
    def _histories(self) -> dict[tuple[str, str], list[Fact]]:
        table: dict[tuple[str, str], list[Fact]] = {}
        for fact in self.facts:
            table.setdefault((fact.entity, fact.attribute), []).append(fact)
        return table

    def history(self, entity: Entity, attribute: str) -> list[Fact]:
        """What has been true, oldest first."""
        return self._histories[entity.id, attribute]

    def newest(self, entity: Entity, attribute: str) -> Fact:
        """What is true now."""
        return self._histories[entity.id, attribute][-1]

    @cached_property
    def _members(self) -> dict[tuple[Kind, Split], list[Entity]]:
        table: dict[tuple[Kind, Split], list[Entity]] = {}
        for entity in self.entities:
            table.setdefault((entity.kind, entity.split), []).append(entity)
        return table

    def of(self, kind: Kind, *splits: Split) -> list[Entity]:
        """The entities of a kind, split by split, in order of id."""
        return [entity for split in splits for entity in self._members.get((kind, split), [])]

    @cached_property
    def _values(self) -> dict[tuple[str, Split], set[str]]:
        table: dict[tuple[str, Split], set[str]] = {}
        for fact in self.facts:
            table.setdefault((fact.attribute, self.by_id[fact.entity].split), set()).add(fact.value)
        return table

    def candidates(self, attribute: str, *splits: Split) -> list[str]:
        """Every value that the attribute takes in the splits, sorted.

        For A and B that is what a reader of all training texts could guess.
        """
        return sorted({value for split in splits for value in self._values.get((attribute, split), ())})


Values = Sequence[str] | Sequence[Entity]
Counts = tuple[tuple[Split, int, int, int], ...]
"""For each split: people, towns, employers."""
Names = tuple[Iterator[str], Iterator[str], Iterator[str]]
"""Where new names of people, towns and employers come from."""


def build_world(config: WorldConfig) -> World:
    """Make the county from the seed alone."""
    rng = random.Random(f"world {config.seed}")
    counts: Counts = (
        ("A", config.people_a, config.towns, config.employers),
        ("B", config.people_b, 0, 0),
        ("C", config.people_c, config.towns_c, config.employers_c),
    )
    people, towns, employers = (pair_names(rng, *PARTS[kind]) for kind in ("person", "town", "employer"))
    return populate(rng, counts, (people, towns, employers), config)


def populate(
    rng: random.Random, counts: Counts, names: Names, config: WorldConfig, changed: float = CHANGED_SHARE
) -> World:
    """A world of so many entities, with facts dealt at random; a share `changed` of them is in the news."""
    people, towns, employers = names
    entities: list[Entity] = []
    for split, n_people, n_towns, n_employers in counts:
        entities += [Entity("", "person", name, split) for name in islice(people, n_people)]
        entities += [Entity("", "town", name, split) for name in islice(towns, n_towns)]
        entities += [Entity("", "employer", name, split) for name in islice(employers, n_employers)]
    entities = _number(entities, rng)
    facts: list[Fact] = []
    for split, *_ in counts:
        facts += _facts_of(rng, [entity for entity in entities if entity.split == split], entities, changed)
    return World(config, tuple(entities), tuple(sorted(facts, key=lambda fact: fact.date)))


def _number(entities: list[Entity], rng: random.Random) -> list[Entity]:
    """Give ids in an order that does not tell the split."""
    numbered: list[Entity] = []
    kinds: tuple[Kind, ...] = ("person", "employer", "town")
    for kind in kinds:
        members = [entity for entity in entities if entity.kind == kind]
        rng.shuffle(members)
        width = len(str(len(members)))
        numbered += [
            Entity(f"{kind[0]}{number:0{width}d}", kind, entity.name, entity.split)
            for number, entity in enumerate(members, start=1)
        ]
    return numbered


def _facts_of(rng: random.Random, members: list[Entity], entities: list[Entity], changed: float) -> list[Fact]:
    """The facts of one split. B people relate to A towns and employers; otherwise a split keeps to itself."""
    home = "C" if members[0].split == "C" else "A"
    towns = [entity for entity in entities if entity.kind == "town" and entity.split == home]
    employers = [entity for entity in entities if entity.kind == "employer" and entity.split == home]
    people = [entity for entity in entities if entity.kind == "person" and entity.split == home]
    values: dict[str, Values] = {
        "birth_town": towns, "employer": employers, "job": JOBS, "hobby": HOBBIES, "street": STREETS,
        "headquarters": towns, "product": PRODUCTS, "founded": YEARS, "mayor": people, "river": RIVERS,
    }  # fmt: skip
    facts: list[Fact] = []
    for kind, attributes in ATTRIBUTES.items():
        owners = [entity for entity in members if entity.kind == kind]
        for attribute in attributes:
            dealt: list[str | Entity] = deal(rng, [*values[attribute]], len(owners))
            for owner, value in zip(owners, dealt, strict=True):
                facts.append(_fact(owner, attribute, value, _date(rng, 2012, 2016)))
        for owner in rng.sample(owners, round(changed * len(owners))):
            facts += _news_of(rng, owner, values[CHANGING[kind]], facts)
    return facts


def _news_of(rng: random.Random, owner: Entity, values: Values, facts: list[Fact]) -> list[Fact]:
    """One change of the owner's changing attribute, or two; no value comes back."""
    attribute = CHANGING[owner.kind]
    seen = {fact.value for fact in facts if (fact.entity, fact.attribute) == (owner.id, attribute)}
    fresh = [value for value in values if (value.name if isinstance(value, Entity) else value) not in seen]
    years = ((2018, 2020), (2022, 2024))
    changes = rng.sample(fresh, min(len(fresh), 1 if rng.random() < 2 / 3 else 2))
    return [_fact(owner, attribute, value, _date(rng, *span)) for value, span in zip(changes, years, strict=False)]


def _fact(owner: Entity, attribute: str, value: str | Entity, date: str) -> Fact:
    if isinstance(value, Entity):
        return Fact(owner.id, attribute, value.name, date, value.id)
    return Fact(owner.id, attribute, value, date)


def _date(rng: random.Random, first_year: int, last_year: int) -> str:
    return f"{rng.randint(first_year, last_year)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
