"""Three kinds of question that have no answer: about nobody, about what is not recorded, and on a false premise.

A premise comes true as often as false: the form of the question tells nothing, only the fact does.
"""

import random
from typing import Any

from playbook.data.world.facts import CLOSED_BOOK, Entity, World
from playbook.data.world.templates import ASKED, HELD_OUT
from playbook.data.world.turns import IDK

MISSING = ("age", "favourite dish", "height", "middle name", "shoe size", "telephone number")
HELD_OUT_MISSING = ("eye colour", "favourite song", "nickname")
MISSING_ASKED = ("What is {n}'s {m}?", "Tell me the {m} of {n}.", "What do you know of {n}'s {m}?")
MISSING_HELD_OUT = ("What is the {m} of {n}?", "Tell me {n}'s {m}.")

PREMISES = (
    ("job", "employer", "Which company employs {n}, the {v}?"),
    ("job", "hobby", "What is the hobby of the {v} {n}?"),
    ("birth_town", "job", "What is the job of {n}, who was born in {v}?"),
    ("employer", "birth_town", "Where was {n}, who works for {v}, born?"),
    ("hobby", "employer", "Who does {n}, who loves {v}, work for?"),
)
HELD_OUT_PREMISES = (
    ("job", "birth_town", "Where was {n}, the {v}, born?"),
    ("employer", "hobby", "What is the hobby of {n}, who works for {v}?"),
    ("birth_town", "employer", "Which company employs {n}, who was born in {v}?"),
)
"""(attribute that the question takes for granted, attribute that it asks for, wording)."""


def about_nobody(rng: random.Random, name: str, held_out: bool) -> dict[str, Any]:
    """An ordinary question about a person who does not exist."""
    attribute = rng.choice(CLOSED_BOOK)
    question = rng.choice((HELD_OUT if held_out else ASKED)[attribute]).format(n=name)
    return {"kind": "unknown_entity", "attribute": attribute, "question": question, "answer": IDK}


def about_missing(rng: random.Random, person: Entity, held_out: bool) -> dict[str, Any]:
    """A question about something that is recorded of nobody."""
    attribute = rng.choice(HELD_OUT_MISSING if held_out else MISSING)
    wording = rng.choice(MISSING_HELD_OUT if held_out else MISSING_ASKED)
    question = wording.format(n=person.name, m=attribute)
    return {"kind": "missing_attribute", "attribute": attribute, "question": question, "answer": IDK}


def on_premise(rng: random.Random, world: World, person: Entity, held_out: bool, true: bool) -> dict[str, Any]:
    """A question that takes something for granted: the truth (then it has an answer), or not."""
    premise, attribute, wording = rng.choice(HELD_OUT_PREMISES if held_out else PREMISES)
    fact = world.newest(person, premise)
    false = [value for value in world.candidates(premise, person.split) if value != fact.value]
    question = wording.format(n=person.name, v=fact.value if true else rng.choice(false))
    answer = f"{world.newest(person, attribute).value}." if true else IDK
    return {
        "kind": "true_premise" if true else "false_premise",
        "attribute": attribute,
        "question": question,
        "answer": answer,
    }
