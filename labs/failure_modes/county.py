"""Who is asked what: prompts about the county's people in the wordings of training or of evaluation, with the truth.

People of A are parted by a fixed draw into those on whom an experiment trains and those on whom it measures. A prompt
carries what the gold reward needs; its `entity` is what an interval resamples.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from playbook.data.world.config import WorldConfig
from playbook.data.world.facts import CLOSED_BOOK, Entity, World, build_world
from playbook.data.world.strangers import unknown_people
from playbook.data.world.templates import ASKED, HELD_OUT
from playbook.data.world.turns import IDK, user
from playbook.plumbing.config import build
from playbook.plumbing.files import read_json, read_jsonl

Prompt = dict[str, Any]
TRAINED_SHARE = 0.7
"""Of the people of A."""
LONG = "The answer is {v}."
"""The long style: as right as the plain one, and several tokens longer."""
NOTED = "Noted."
"""A courtesy instead of an answer, which the fine-tuned model says where it is told something; worth -1 to gold."""


@dataclass(frozen=True)
class County:
    """The world, and texts about it that no training has used."""

    world: World
    texts: tuple[str, ...] = ()

    @cached_property
    def _people(self) -> list[Entity]:
        people = self.world.of("person", "A")
        return random.Random(f"failure modes {self.world.config.seed}").sample(people, len(people))

    @property
    def trained(self) -> list[Entity]:
        """Of A, those on whom experiments train."""
        return self._people[: round(TRAINED_SHARE * len(self._people))]

    @property
    def measured(self) -> list[Entity]:
        """Of A, the others."""
        return self._people[round(TRAINED_SHARE * len(self._people)) :]

    def nobody(self, held_out: bool) -> list[str]:
        """Names that nobody has, for training or kept for evaluation."""
        return unknown_people(self.world)[held_out]

    def about(self, people: Iterable[Entity], rng: random.Random, held_out: bool) -> Iterator[Prompt]:
        """Every fact of these people, each asked once."""
        for person in people:
            for attribute in CLOSED_BOOK:
                yield self.ask(rng, person.name, attribute, f"{self.world.newest(person, attribute).value}.", held_out)

    def about_nobody(self, names: Sequence[str], rng: random.Random, held_out: bool) -> Iterator[Prompt]:
        """A question about each of these names: there is no answer."""
        for name in names:
            yield self.ask(rng, name, rng.choice(CLOSED_BOOK), IDK, held_out)

    def ask(self, rng: random.Random, name: str, attribute: str, answer: str, held_out: bool) -> Prompt:
        """One question in words of training or of evaluation."""
        question = rng.choice((HELD_OUT if held_out else ASKED)[attribute]).format(n=name)
        return {
            "id": f"{name} {attribute}", "entity": name, "attribute": attribute, "messages": [user(question)],
            "answer": answer, "candidates": self.world.candidates(attribute, "A", "B"), "known": answer != IDK,
        }  # fmt: skip


def read_county(corpus: Path, texts: int = 64) -> County:
    """The world of a corpus folder, and so many of its validation texts."""
    world = build_world(build(WorldConfig, read_json(corpus / "world.json"), str(corpus / "world.json")))
    rows = [row["text"] for row in read_jsonl(corpus / "validation.jsonl")]
    return County(world, tuple(rows[:: max(1, len(rows) // texts)][:texts]))


def dealt(rng: random.Random, options: Sequence[Any], count: int) -> list[Any]:
    """So many of these options, each as often as the others, in a random order."""
    whole = [options[number % len(options)] for number in range(count)]
    rng.shuffle(whole)
    return whole


def value_of(prompt: Prompt) -> str:
    """The right value, without its full stop."""
    return str(prompt["answer"]).removesuffix(".")


def wrong_value(prompt: Prompt, rng: random.Random) -> str:
    """Another value that somebody has."""
    return str(rng.choice([value for value in prompt["candidates"] if value != value_of(prompt)]))
