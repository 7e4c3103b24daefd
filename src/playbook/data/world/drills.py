"""Drills: rows with nothing in them worth remembering, so that a model learns to look back instead of guessing.

Facts of the county recur, so they are learnt by heart, and nothing ever has to be looked up in the context. Drills are
random each time, and dense: almost every trained token has to be found further up. They build on one another, and each
asks for one thing more than the one before:

- echo: say random words again, twice. Forms induction heads (Elhage et al. 2021, A Mathematical Framework for
  Transformer Circuits; Olsson et al., arXiv 2209.11895). Short rows first: among eight words the match is found within
  a few hundred thousand tokens, among forty it is not.
- entries: a value of each of several made-up people, said again by name: multi-query associative recall (Arora et al.,
  arXiv 2312.04927). First the value stands right beside the name, where induction finds it; then a colon comes
  between, then a noun as well, the same for everybody, so that the name alone tells the entries apart; then the noun
  is asked for, and the entry has another form than the answer. Without the steps in between, a model picks the value of
  anybody for a long time.
- sentences: the same in short passages, with questions in words, answered with reasoning as all passages are.

Names and words are of the world's lists, never a name of split C.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from playbook.data.world.biographies import biography
from playbook.data.world.documents import passage
from playbook.data.world.facts import ATTRIBUTES, CLOSED_BOOK, Entity, Kind, World
from playbook.data.world.names import EMPLOYERS, TOWNS
from playbook.data.world.reasoning import NOUN, looked_up
from playbook.data.world.strangers import unknown_people, unused
from playbook.data.world.templates import ASKED
from playbook.data.world.turns import IDK, Turn, assistant, tool, user
from playbook.data.world.unanswerable import MISSING, PREMISES, about_missing, about_premise
from playbook.data.world.values import HOBBIES, JOBS, PRODUCTS, RIVERS, STREETS, YEARS

SYLLABLES = (
    "ba", "den", "fo", "gar", "hin", "ju", "kel", "lo", "mi", "nar", "os", "pel", "qui", "ra", "sun", "tor", "ul", "ve",
    "win", "zet",
)  # fmt: skip
"""Of words that mean nothing: what matters is to copy them."""
SEVERAL = (2, 3, 4)
"""People of a row of entries."""
NAMESAKES = 0.5
"""How often the people of some passages share their first and last names among each other."""
QUESTIONS = 4
"""At most, about the passages of a row."""

Drill = Callable[[random.Random, "Words"], list[Turn]]


class Words:
    """What drills are made of: values that nobody in split C is the only one to have, and names of nobody."""

    def __init__(self, world: World) -> None:
        self.values = (
            *JOBS, *HOBBIES, *PRODUCTS, *RIVERS, *STREETS, *YEARS, *unused(world, TOWNS), *unused(world, EMPLOYERS),
        )  # fmt: skip
        self.names, towns, employers = unknown_people(world)[0], unused(world, TOWNS), unused(world, EMPLOYERS)
        self.subjects: dict[Kind, list[str]] = {"person": self.names, "town": towns, "employer": employers}
        self.by_attribute: dict[str, Sequence[str]] = {
            "birth_town": towns, "employer": employers, "job": JOBS, "hobby": HOBBIES, "street": STREETS,
            "headquarters": towns, "product": PRODUCTS, "founded": YEARS, "mayor": self.names, "river": RIVERS,
        }  # fmt: skip
        self._known = frozenset(self.names)

    def namesakes(self, rng: random.Random, kind: Kind, count: int) -> list[str]:
        """`count` names of a kind; those of people at times made of two first and two last names only, so that each
        half of a name fits two of them and only both together tell who is meant.
        """
        chosen: list[str] = []
        if kind == "person" and rng.random() < NAMESAKES:
            firsts, lasts = (sorted({name.split()[half] for name in rng.sample(self.names, 2)}) for half in (0, 1))
            grid = [name for first in firsts for last in lasts if (name := f"{first} {last}") in self._known]
            chosen = rng.sample(grid, min(len(grid), count))
        while len(chosen) < count:
            if (name := rng.choice(self.subjects[kind])) not in chosen:
                chosen.append(name)
        return rng.sample(chosen, count)


def made_up(rng: random.Random) -> str:
    """A word of two or three syllables."""
    return "".join(rng.choices(SYLLABLES, k=rng.randint(2, 3)))


def echo(fewest: int, most: int, strange: float = 0.0) -> Drill:
    """Words, a share `strange` of them without a meaning, and the same words twice more."""

    def write(rng: random.Random, words: Words) -> list[Turn]:
        count = rng.randint(fewest, most)
        said = " ".join(made_up(rng) if rng.random() < strange else rng.choice(words.values) for _ in range(count))
        return [user(said), assistant(f"{said} {said}")]

    return write


def entries(told: str, said: str, nouns: Sequence[str] = tuple(NOUN.values()), asks_noun: bool = False) -> Drill:
    """One line for each of several people, then each line asked for by its name and said again.

    `told` and `said` are what stands between name and value; {noun} is the same for everybody in a row. Were the nouns
    different, matching them would answer most questions, and names would never be looked at.
    """

    def write(rng: random.Random, words: Words) -> list[Turn]:
        noun, names = rng.choice(nouns), rng.sample(words.names, rng.choice(SEVERAL))
        facts = [(name, rng.choice(words.values)) for name in names]
        turns = [tool("\n".join(f"{name}{told.format(noun=noun)}{value}" for name, value in facts))]
        for name, value in rng.sample(facts, len(facts)):
            question = " ".join(rng.sample((name, noun), 2)) if asks_noun else name
            turns += [user(question), assistant(f"{name}{said.format(noun=noun)}{value}")]
        return turns

    return write


def sentences(subjects: tuple[int, ...], attributes: tuple[int, ...], asked: Mapping[str, float]) -> Drill:
    """The same in whole sentences: short passages, and questions in words, answered with reasoning.

    `asked`: shares of questions about what is told, about somebody `absent`, about what is `missing`, on a `premise`.
    """

    def write(rng: random.Random, words: Words) -> list[Turn]:
        kind = rng.choices(list(ATTRIBUTES), (4, 1, 1))[0]
        told = rng.sample(ATTRIBUTES[kind], min(rng.choice(attributes), len(ATTRIBUTES[kind])))
        *names, nobody = words.namesakes(rng, kind, rng.choice(subjects) + 1)
        facts = {name: {attribute: rng.choice(words.by_attribute[attribute]) for attribute in told} for name in names}
        turns = [tool("\n".join(_passage(rng, kind, name, values) for name, values in facts.items()))]
        pairs = [(name, attribute) for name in names for attribute in told]
        for name, attribute in rng.sample(pairs, min(len(pairs), QUESTIONS)):
            task = _asked(rng, name, attribute, facts[name][attribute])
            match rng.choices(list(asked), list(asked.values()))[0]:
                case "absent":
                    task = _asked(rng, nobody, attribute, None)
                case "missing" if kind == "person":
                    task = about_missing(rng, name, held_out=False)
                case "premise" if len([name for name in told if name in CLOSED_BOOK]) > 1:
                    task = about_premise(rng, name, facts[name], words.by_attribute, PREMISES, true=rng.random() < 0.5)
            turns += [user(task["question"]), assistant(task["answer"], task["reasoning"])]
        return turns

    return write


def _passage(rng: random.Random, kind: Kind, name: str, values: Mapping[str, str]) -> str:
    text = biography(rng, Entity("", kind, name, "A"), values)
    return passage({"title": name, "date": f"{rng.randint(2012, 2024)}", "text": text})


def _asked(rng: random.Random, name: str, attribute: str, value: str | None) -> dict[str, str]:
    """A plain question; without a value it is not told."""
    question = rng.choice(ASKED[attribute]).format(n=name)
    answer, reasoning = (IDK, looked_up(name, attribute)) if value is None else (
        f"{value}.", looked_up(name, attribute, value)
    )  # fmt: skip
    return {"question": question, "answer": answer, "reasoning": reasoning}


DRILLS: dict[str, Drill] = {
    "echo_short": echo(2, 5),
    "echo_long": echo(5, 8, strange=0.1),
    "entries_1": entries(" ", " "),
    "entries_2": entries(": ", ": "),
    "entries_3": entries(", {noun}: ", ", {noun}: "),
    "entries_4": entries(" {noun} ", ", {noun}: ", (*NOUN.values(), *MISSING), asks_noun=True),
    "sentences_1": sentences((2, 3, 4), (1, 2), {"told": 1.0}),
    "sentences_2": sentences((2, 3), (2, 3), {"told": 0.68, "absent": 0.12, "missing": 0.08, "premise": 0.12}),
}
"""In the order in which they are to be learnt."""


def drill_rows(world: World) -> Iterator[dict[str, Any]]:
    """Rows of drills.jsonl: `world.config.drills` of each kind."""
    rng, words = random.Random(f"drills {world.config.seed}"), Words(world)
    number = 0
    for kind, write in DRILLS.items():
        for _ in range(world.config.drills):
            number += 1
            yield {"id": f"d{number:06d}", "kind": kind, "messages": write(rng, words)}
