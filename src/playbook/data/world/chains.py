"""Questions of several hops: the answer to one is the subject of the next. A chain is a path of attributes.

("employer", "headquarters", "mayor") asks who is mayor of the town where the company that employs somebody is based.
"""

from dataclasses import dataclass

from playbook.data.world.facts import Entity, Fact, Kind, World
from playbook.data.world.templates import ASKED, HELD_OUT


@dataclass(frozen=True)
class Chain:
    """A path from an entity of `kind`, with its wordings for training and for evaluation only."""

    kind: Kind
    path: tuple[str, ...]
    asked: tuple[str, ...]
    held_out: tuple[str, ...]


def _single(kind: Kind, attribute: str) -> Chain:
    return Chain(kind, (attribute,), ASKED[attribute], HELD_OUT[attribute])


CHAINS = (
    _single("person", "birth_town"),
    _single("person", "employer"),
    _single("person", "job"),
    _single("person", "hobby"),
    _single("person", "street"),
    _single("employer", "headquarters"),
    _single("employer", "product"),
    _single("employer", "founded"),
    _single("town", "mayor"),
    _single("town", "river"),
    Chain(
        "person", ("employer", "headquarters"),
        ("In which town is the employer of {n} based?", "Where is the company that employs {n} based?"),
        ("Which town is {n}'s employer based in?",),
    ),
    Chain(
        "person", ("employer", "product"),
        ("What does the employer of {n} make?", "What is the product of the company that employs {n}?"),
        ("Which product does {n}'s employer make?",),
    ),
    Chain(
        "person", ("employer", "founded"),
        ("When was the employer of {n} founded?", "In which year was the company that employs {n} founded?"),
        ("Which year was {n}'s employer founded in?",),
    ),
    Chain(
        "person", ("birth_town", "mayor"),
        ("Who is the mayor of the town where {n} was born?", "Name the mayor of the birthplace of {n}."),
        ("Who is mayor of {n}'s birth town?",),
    ),
    Chain(
        "person", ("birth_town", "river"),
        ("Which river runs through the town where {n} was born?", "Name the river of the birthplace of {n}."),
        ("What is the river of {n}'s birth town?",),
    ),
    Chain(
        "employer", ("headquarters", "mayor"),
        (
            "Who is the mayor of the town where {n} is based?",
            "Name the mayor of the town where {n} has its head office.",
        ),
        ("Which mayor does the town where {n} is based have?",),
    ),
    Chain(
        "employer", ("headquarters", "river"),
        (
            "Which river runs through the town where {n} is based?",
            "Name the river of the town where {n} has its head office.",
        ),
        ("On which river does the town where {n} is based lie?",),
    ),
    Chain(
        "town", ("mayor", "job"),
        ("What is the job of the mayor of {n}?", "By trade, what is the mayor of {n}?"),
        ("What does the mayor of {n} do for a living?",),
    ),
    Chain(
        "town", ("mayor", "hobby"),
        ("What is the hobby of the mayor of {n}?", "Name the favourite pastime of the mayor of {n}."),
        ("What does the mayor of {n} do for fun?",),
    ),
    Chain(
        "person", ("employer", "headquarters", "mayor"),
        (
            "Who is the mayor of the town where the employer of {n} is based?",
            "Name the mayor of the town where the company that employs {n} has its head office.",
        ),
        ("Which mayor does the town where {n}'s employer is based have?",),
    ),
    Chain(
        "person", ("employer", "headquarters", "river"),
        (
            "Which river runs through the town where the employer of {n} is based?",
            "Name the river of the town where the company that employs {n} has its head office.",
        ),
        ("On which river does the town where {n}'s employer is based lie?",),
    ),
    Chain(
        "person", ("birth_town", "mayor", "job"),
        (
            "What is the job of the mayor of the town where {n} was born?",
            "By trade, what is the mayor of {n}'s birthplace?",
        ),
        ("What does the mayor of the birth town of {n} do for a living?",),
    ),
    Chain(
        "person", ("birth_town", "mayor", "hobby"),
        (
            "What is the hobby of the mayor of the town where {n} was born?",
            "Name the pastime of the mayor of {n}'s birthplace.",
        ),
        ("What does the mayor of the birth town of {n} do for fun?",),
    ),
    Chain(
        "employer", ("headquarters", "mayor", "job"),
        ("What is the job of the mayor of the town where {n} is based?",),
        ("What does the mayor of the town where {n} is based do for a living?",),
    ),
    Chain(
        "employer", ("headquarters", "mayor", "hobby"),
        ("What is the hobby of the mayor of the town where {n} is based?",),
        ("What does the mayor of the town where {n} is based do for fun?",),
    ),
)  # fmt: skip


def chains(hops: int) -> list[Chain]:
    """The chains of that many hops."""
    return [chain for chain in CHAINS if len(chain.path) == hops]


def follow(world: World, start: Entity, path: tuple[str, ...]) -> list[Fact]:
    """The newest fact at each hop; the last one's value is the answer."""
    facts: list[Fact] = []
    entity = start
    for attribute in path:
        fact = world.newest(entity, attribute)
        facts.append(fact)
        entity = world.by_id[fact.target] if fact.target else entity
    return facts


def visited(world: World, start: Entity, path: tuple[str, ...]) -> list[Entity]:
    """Whom the hops are about: `start`, then the target of each hop but the last."""
    targets = [fact.target for fact in follow(world, start, path)[:-1]]
    return [start, *(world.by_id[target] for target in targets if target)]
