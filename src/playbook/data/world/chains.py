"""Questions of several hops: the answer to one is the subject of the next. A chain is a path of attributes.

("employer", "headquarters", "mayor") asks who is mayor of the town where the company that employs somebody is based.
Wordings of training are made of parts, any wording of a single hop around any phrase; the held-out ones are left out.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from playbook.data.world.facts import ATTRIBUTES, Entity, Fact, Kind, World
from playbook.data.world.templates import ASKED, DIRECT, HELD_OUT

PHRASES: dict[str, tuple[str, ...]] = {
    "birth_town": (
        "the town where {n} was born", "the birthplace of {n}", "{n}'s birthplace", "the birth town of {n}",
        "{n}'s birth town", "the town that {n} comes from", "the town of birth of {n}", "{n}'s town of birth",
        "the town in which {n} was born",
    ),
    "employer": (
        "the employer of {n}", "{n}'s employer", "the company that employs {n}", "the company that {n} works for",
        "the company where {n} works", "{n}'s company", "whoever employs {n}",
    ),
    "headquarters": (
        "the town where {n} is based", "the town where {n} has its head office", "the town that {n} is run from",
        "the town in which {n} has its headquarters", "the seat of {n}", "the town from which {n} is run",
        "the town that {n} is based in",
    ),
    "mayor": (
        "the mayor of {n}", "{n}'s mayor", "whoever is mayor of {n}", "whoever governs {n}", "the mayor that {n} has",
    ),
}  # fmt: skip
"""How to speak of somebody or something by way of another: what stands in the place of a name in a longer chain."""
MORE_DIRECT: dict[str, tuple[str, ...]] = {
    "job": (
        "What does {n} work as?", "What work does {n} do?", "What does {n} do all week?", "What does {n} do for money?",
    ),
    "hobby": (
        "What does {n} like to do?", "What does {n} do at weekends?", "What does {n} do after work?",
        "What does {n} do in free hours?",
    ),
    "mayor": ("Who is mayor in {n}?", "Who works as mayor of {n}?", "Who is it that {n} has for a mayor?"),
}  # fmt: skip
"""Wordings of longer chains alone. With few that tell at their end, far from "the mayor", what is asked for, a model
plans as far as the mayor, and stops; with few that ask for a mayor at their beginning, as far as the town."""


@dataclass(frozen=True)
class Chain:
    """A path from an entity of `kind`, with its wordings for training and for evaluation only."""

    kind: Kind
    path: tuple[str, ...]
    asked: tuple[str, ...]
    plain: tuple[str, ...]
    """Wordings of training without a frame ("Tell me ...", "Do you know ..."): those in `asked`, and those that tell at
    their end what is asked for."""
    held_out: tuple[str, ...]


def _chain(kind: Kind, path: tuple[str, ...], *held_out: str) -> Chain:
    asked, plain = (
        tuple(text for text in _around(path, texts) if text not in held_out)
        for texts in (ASKED[path[-1]], (*DIRECT[path[-1]], *MORE_DIRECT.get(path[-1], ())))
    )
    return Chain(kind, path, asked, plain, held_out)


def _around(path: tuple[str, ...], wordings: Iterable[str]) -> Iterator[str]:
    """Each of these wordings of the last attribute with every phrase for what it is asked of, but no "the mayor of X's
    job".
    """
    phrases = ["{n}"]
    for attribute in path[:-1]:
        phrases = [text.format(n=phrase) for phrase in phrases for text in _fitting(PHRASES[attribute], phrase)]
    for phrase in phrases:
        for text in _fitting(wordings, phrase):
            question = text.format(n=phrase)
            yield question if question.startswith("{") else question[0].upper() + question[1:]


def _fitting(texts: Iterable[str], phrase: str) -> list[str]:
    return [text for text in texts if phrase == "{n}" or "{n}'s" not in text]


CHAINS = (
    *(
        _chain(kind, (attribute,), *HELD_OUT[attribute])
        for kind, attributes in ATTRIBUTES.items()
        for attribute in attributes
    ),
    _chain("person", ("employer", "headquarters"), "Which town is {n}'s employer based in?"),
    _chain("person", ("employer", "product"), "Which product does {n}'s employer make?"),
    _chain("person", ("employer", "founded"), "Which year was {n}'s employer founded in?"),
    _chain("person", ("birth_town", "mayor"), "Who is mayor of {n}'s birth town?"),
    _chain("person", ("birth_town", "river"), "What is the river of {n}'s birth town?"),
    _chain("employer", ("headquarters", "mayor"), "Which mayor does the town where {n} is based have?"),
    _chain("employer", ("headquarters", "river"), "On which river does the town where {n} is based lie?"),
    _chain("town", ("mayor", "job"), "What does the mayor of {n} do for a living?"),
    _chain("town", ("mayor", "hobby"), "What does the mayor of {n} do for fun?"),
    _chain(
        "person", ("employer", "headquarters", "mayor"),
        "Which mayor does the town where {n}'s employer is based have?",
    ),
    _chain(
        "person", ("employer", "headquarters", "river"),
        "On which river does the town where {n}'s employer is based lie?",
    ),
    _chain(
        "person", ("birth_town", "mayor", "job"),
        "What does the mayor of the birth town of {n} do for a living?",
    ),
    _chain(
        "person", ("birth_town", "mayor", "hobby"),
        "What does the mayor of the birth town of {n} do for fun?",
    ),
    _chain(
        "employer", ("headquarters", "mayor", "job"),
        "What does the mayor of the town where {n} is based do for a living?",
    ),
    _chain(
        "employer", ("headquarters", "mayor", "hobby"),
        "What does the mayor of the town where {n} is based do for fun?",
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
