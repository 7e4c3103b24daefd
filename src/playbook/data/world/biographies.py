"""Biographies and pages: the facts of one entity, told in prose, each time in other words and another order.

That a fact is read in many wordings and orders is what makes it answerable later, and not merely memorised:
Allen-Zhu and Li, Physics of Language Models 3.1, arXiv 2309.14316, section 4. Knows nothing of questions.
"""

import random
from collections.abc import Mapping, Sequence

from playbook.data.world.facts import Entity, Fact, World
from playbook.data.world.templates import NEWS, TOLD

FULL_NAME_SHARE = 0.5
"""How often a sentence after the first says the full name again and not the pronoun (2309.14316: "fullname")."""
OBJECT = {"she": "her", "he": "him", "it": "it"}
POSSESSIVE = {"she": "her", "he": "his", "it": "its"}


def article(noun: str) -> str:
    """The noun with its indefinite article.

    >>> article("engineer")
    'an engineer'
    """
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def tell(template: str, entity: Entity, value: str, by_name: bool) -> str:
    """One sentence. `by_name`: the subject is the name, otherwise the pronoun.

    >>> tell("{P} trade is that of {a}.", Entity("p1", "person", "Ada Bell", "A"), "vet", by_name=False)
    'Her trade is that of a vet.'
    """
    subject, possessive, object_ = entity.pronoun, POSSESSIVE[entity.pronoun], OBJECT[entity.pronoun]
    if by_name or entity.kind != "person":
        object_ = entity.name  # "the head office of it" is no English
    if by_name:
        subject, possessive = entity.name, f"{entity.name}'s"
    return template.format(
        S=subject[0].upper() + subject[1:], s=subject, P=possessive[0].upper() + possessive[1:], p=possessive,
        o=object_, v=value, a=article(value),
    )  # fmt: skip


def biography(rng: random.Random, entity: Entity, values: Mapping[str, str]) -> str:
    """The given attributes in random order and wording; the first sentence names the entity."""
    order = rng.sample(list(values), len(values))
    names = [True] + [rng.random() < FULL_NAME_SHARE for _ in order[1:]]
    return " ".join(
        tell(rng.choice(TOLD[attribute]), entity, values[attribute], by_name)
        for attribute, by_name in zip(order, names, strict=True)
    )


def distinct(
    rng: random.Random, entity: Entity, values: Mapping[str, str], count: int, fewest: int | None = None,
    other_than: Sequence[str] = (),
) -> list[str]:  # fmt: skip
    """`count` biographies, no two alike, and none that is one of `other_than`.

    Each tells all of `values`, or any number of them from `fewest` on. What stands alone can be known from the name
    only, which is how questions ask; after other facts it can be guessed from these.
    """
    texts = dict.fromkeys(other_than)
    while len(texts) < len(other_than) + count:
        told = rng.sample(list(values), len(values) if fewest is None else rng.randint(fewest, len(values)))
        texts[biography(rng, entity, {attribute: values[attribute] for attribute in told})] = None
    return list(texts)[len(other_than) :]


def news(rng: random.Random, entity: Entity, old: Fact, new: Fact) -> str:
    """A dated change of a fact. It says what was, what is, and since when (the year)."""
    template = rng.choice(NEWS[new.attribute])
    return template.format(n=entity.name, old=old.value, new=new.value, y=new.date[:4])


def current(world: World, entity: Entity, attributes: tuple[str, ...]) -> dict[str, str]:
    """What is true now of `entity`."""
    return {attribute: world.newest(entity, attribute).value for attribute in attributes}
