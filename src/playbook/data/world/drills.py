"""Drills: rows with nothing in them worth remembering, so that a model learns to look back instead of guessing.

Facts of the county recur, so they are learnt by heart, and nothing ever has to be looked up in the context. Drills are
random each time, and dense: almost every trained token has to be found further up. They build on one another:

- echo: say random words again, twice. Forms induction heads (Elhage et al. 2021, A Mathematical Framework for
  Transformer Circuits; Olsson et al., arXiv 2209.11895). Short rows first: among eight words the match is found within
  a few hundred thousand tokens, among forty it is not.
- register: entries of made-up people, then a value is asked by name and noun: multi-query associative recall (Arora et
  al., arXiv 2312.04927). Small words between name, noun and value, more from level to level, teach that an entry's
  name reaches further than its neighbours. Half of the people share a first or last name with another.

Names and words are of the world's lists, never a name of split C.
"""

import random
from collections.abc import Callable, Iterator
from typing import Any

from playbook.data.world.facts import World
from playbook.data.world.names import EMPLOYERS, TOWNS
from playbook.data.world.strangers import unknown_people, unused
from playbook.data.world.turns import Turn, assistant, tool, user
from playbook.data.world.values import HOBBIES, JOBS, PRODUCTS, RIVERS, STREETS, YEARS

NOUNS = ("address", "birthplace", "employer", "hobby", "job", "mayor", "product", "river")
SMALL_WORDS = (
    "a", "as", "at", "by", "for", "from", "has", "her", "his", "in", "is", "its", "of", "on", "the", "to", "was",
    "with",
)  # fmt: skip
NAMESAKES = 0.5
"""How often a person of a register shares a part of the name with the first one."""
QUESTIONS = 6
"""At most, about one register."""

Drill = Callable[[random.Random, "Words"], list[Turn]]


class Words:
    """What drills are made of: values that nobody in split C is the only one to have, and names of nobody."""

    def __init__(self, world: World) -> None:
        self.values = (
            *JOBS, *HOBBIES, *PRODUCTS, *RIVERS, *STREETS, *YEARS, *unused(world, TOWNS), *unused(world, EMPLOYERS),
        )  # fmt: skip
        self.names = unknown_people(world)[0]
        self.namesakes: dict[str, list[str]] = {}
        for name in self.names:
            for part in name.split():
                self.namesakes.setdefault(part, []).append(name)

    def people(self, rng: random.Random, count: int) -> list[str]:
        """`count` names in random order."""
        chosen = [rng.choice(self.names)]
        while len(chosen) < count:
            pool = self.namesakes[rng.choice(chosen[0].split())] if rng.random() < NAMESAKES else self.names
            if (name := rng.choice(pool)) not in chosen:
                chosen.append(name)
        return rng.sample(chosen, count)


def echo(fewest: int, most: int) -> Drill:
    """Words, and the same words twice more."""

    def write(rng: random.Random, words: Words) -> list[Turn]:
        said = " ".join(rng.choice(words.values) for _ in range(rng.randint(fewest, most)))
        return [user(said), assistant(f"{said} {said}")]

    return write


def register(people: tuple[int, ...], nouns: tuple[int, ...], small_words: int) -> Drill:
    """Entries of several people, all with the same nouns, and a question about each value.

    Were the nouns different, matching them would answer most questions, and names would never be looked at.
    """

    def write(rng: random.Random, words: Words) -> list[Turn]:
        def filler(most: int) -> list[str]:
            return rng.choices(SMALL_WORDS, k=rng.randint(0, most))

        lines, facts, asked = [], [], rng.sample(NOUNS, rng.choice(nouns))
        for name in words.people(rng, rng.choice(people)):
            line = [name]
            for noun in rng.sample(asked, len(asked)):
                value = rng.choice(words.values)
                line += [*filler(small_words), noun, value]
                facts.append((name, noun, value))
            lines.append(" ".join(line))
        turns = [tool("\n".join(lines))]
        for name, noun, value in rng.sample(facts, min(len(facts), QUESTIONS)):
            first, last = rng.sample((name, noun), 2)
            question = [*filler(1), first, *filler(2), last] if small_words else [first, last]
            turns += [user(" ".join(question)), assistant(value)]
        return turns

    return write


DRILLS: dict[str, Drill] = {
    "echo_short": echo(2, 5),
    "echo_long": echo(5, 8),
    "register_1": register((2, 3, 4), (1,), small_words=0),
    "register_2": register((2, 3, 4), (1,), small_words=3),
    "register_3": register((2, 3), (2,), small_words=2),
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
