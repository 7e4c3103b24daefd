"""Three kinds of question that have no answer: about nobody, about what is not recorded, and on a false premise.

A premise comes true as often as false: the form of the question tells nothing, only the fact does. `plan` is what
to look up, `reasoning` what leads from passages to the answer.
"""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from playbook.data.world.chains import CHAINS
from playbook.data.world.facts import ATTRIBUTES, CLOSED_BOOK, Entity, World
from playbook.data.world.reasoning import OTHER, checked, looked_up, plan
from playbook.data.world.templates import ASKED, HELD_OUT, framed_nouns
from playbook.data.world.turns import IDK
from playbook.data.world.values import made_up

MISSING = (
    "age", "bank", "birthday", "blood type", "car", "eldest child", "height", "nationality", "pension", "pet",
    "religion", "salary", "shoe size", "star sign", "telephone number", "weight",
    *(
        f"{which} {what}"
        for which in ("favourite", "first", "last", "lucky", "middle", "old", "second", "secret")
        for what in (
            "animal", "book", "colour", "dish", "drink", "film", "language", "name", "number", "poem", "school",
            "teacher",
        )
    ),
)  # fmt: skip
"""So many that what the question calls it must be read and copied, and cannot be known beforehand."""
STRANGE = 0.5
"""How often its name is one or two words without a meaning: with those of the list alone, others come out as these."""
SPLICED = 0.5
"""How often, where plans are drilled, such a word is made of pieces of words of questions. Syllables alone leave out
most pieces that a tokenizer cuts words into: where one stands in a single wording ("ey" in "do for money"), each
strange word with it is planned as that wording. In whole conversations they would teach to refuse what is known."""
HELD_OUT_MISSING = ("eye colour", "favourite song", "nickname")
MISSING_HELD_OUT = ("What is the {m} of {n}?", "Tell me {n}'s {m}.")
MISSING_ASKED = tuple(
    dict.fromkeys(
        text
        for text in ("What is {n}'s {m}?", "What do you know of {n}'s {m}?", *framed_nouns("{m}"))
        if text not in MISSING_HELD_OUT
    )
)
"""In as many frames as what is recorded, so that the noun tells, and not the wording."""

ASKED_OF_ALL = tuple(dict.fromkeys(text for chain in CHAINS for text in (*chain.asked, *chain.plain)))
"""Every wording of training of what is recorded."""
QUESTION_WORDS = tuple(sorted({word for text in ASKED_OF_ALL for word in re.findall(r"\b[a-z]{3,}\b", text)}))
"""What `ASKED_OF_ALL` is made of, in lower case."""
WORDS = frozenset(QUESTION_WORDS) | {word for name in (*MISSING, *HELD_OUT_MISSING) for word in name.split()}
"""What no word without a meaning may be."""

HELD_OUT_PREMISES = (
    ("job", "birth_town", "Where was {n}, the {v}, born?"),
    ("employer", "hobby", "What is the hobby of {n}, who works for {v}?"),
    ("birth_town", "employer", "Which company employs {n}, who was born in {v}?"),
)
"""(attribute that the question takes for granted, attribute that it asks for, wording)."""
DESCRIBED = {
    "job": ("{n}, the {v},", "the {v} {n}"),
    "employer": ("{n}, who works for {v},", "{n} of {v}"),
    "birth_town": ("{n}, who was born in {v},", "{n} from {v}"),
    "hobby": ("{n}, who loves {v},", "{n}, who is keen on {v},"),
}


def _premises() -> Iterator[tuple[str, str, str]]:
    """Every question about a person with every description in the place of the name."""
    for premise, descriptions in DESCRIBED.items():
        for attribute in (other for other in ATTRIBUTES["person"] if other != premise):
            for text, described in product(ASKED[attribute], descriptions):
                question = text.format(n=described).replace(",?", "?").replace(",.", ".").replace(",,", ",")
                question = question if question.startswith("{") else question[0].upper() + question[1:]
                if "{n}'s" not in text and (premise, attribute, question) not in HELD_OUT_PREMISES:
                    yield premise, attribute, question


PREMISES = tuple(_premises())
"""The same for training."""


def about_nobody(rng: random.Random, name: str, held_out: bool) -> dict[str, Any]:
    """An ordinary question about a person who does not exist."""
    attribute = rng.choice(CLOSED_BOOK)
    question = rng.choice((HELD_OUT if held_out else ASKED)[attribute]).format(n=name)
    return {
        "kind": "unknown_entity", "attribute": attribute, "question": question, "answer": IDK,
        "plan": plan(name, (attribute,)), "reasoning": looked_up(name, attribute),
    }  # fmt: skip


def about_missing(rng: random.Random, name: str, held_out: bool, spliced: float = 0.0) -> dict[str, Any]:
    """A question about something that is recorded of nobody; `spliced` as `SPLICED`."""
    attribute = rng.choice(HELD_OUT_MISSING) if held_out else _missing(rng, spliced)
    wording = rng.choice(MISSING_HELD_OUT if held_out else MISSING_ASKED)
    question = wording.format(n=name, m=attribute)
    return {
        "kind": "missing_attribute", "attribute": attribute, "question": question, "answer": IDK,
        "plan": plan(name, (OTHER,)), "reasoning": looked_up(name, OTHER),
    }  # fmt: skip


def _missing(rng: random.Random, spliced: float) -> str:
    if rng.random() >= STRANGE:
        return rng.choice(MISSING)
    count = rng.choice((1, 2))
    return " ".join(_spliced(rng) if spliced and rng.random() < spliced else made_up(rng) for _ in range(count))


def _spliced(rng: random.Random) -> str:
    """Two to four letters of one word of questions and as many of another; not a word itself."""
    while True:
        word = "".join(_piece(rng, rng.choice(QUESTION_WORDS)) for _ in "12")
        if word not in WORDS:
            return word


def _piece(rng: random.Random, word: str) -> str:
    size = rng.randint(2, min(4, len(word)))
    at = rng.randint(0, len(word) - size)
    return word[at : at + size]


def on_premise(
    rng: random.Random, world: World, person: Entity, held_out: bool, true: bool,
    attributes: Sequence[str] = CLOSED_BOOK,
) -> dict[str, Any]:  # fmt: skip
    """A question that takes something for granted: the truth (then it has an answer), or not.

    `attributes`: what may be asked for. Where passages tell of streets they belong to it, as of everything else: what
    is asked for in fewer ways is read less surely.
    """
    told = {attribute: world.newest(person, attribute).value for attribute in attributes}
    values = {attribute: world.candidates(attribute, person.split) for attribute in CLOSED_BOOK}
    return about_premise(rng, person.name, told, values, HELD_OUT_PREMISES if held_out else PREMISES, true)


def about_premise(
    rng: random.Random, name: str, told: Mapping[str, str], values: Mapping[str, Sequence[str]],
    wordings: Sequence[tuple[str, str, str]], true: bool,
) -> dict[str, Any]:  # fmt: skip
    """The same about somebody of whom `told` holds; `values` are those that an attribute can have."""
    fitting = [row for row in wordings if row[0] in told and row[1] in told]
    premise, attribute, wording = rng.choice(fitting)
    false = [value for value in values[premise] if value != told[premise]]
    claimed = told[premise] if true else rng.choice(false)
    return {
        "kind": "true_premise" if true else "false_premise",
        "attribute": attribute,
        "question": wording.format(n=name, v=claimed),
        "answer": f"{told[attribute]}." if true else IDK,
        "plan": plan(name, (premise, attribute), claimed),
        "reasoning": checked(name, premise, told[premise], claimed, looked_up(name, attribute, told[attribute])),
    }
