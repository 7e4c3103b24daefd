"""Instructions whose following a few lines of Python can verify, trained ones and ones that no training has seen.

    Which town was Ada Bell born in? Write in capitals.              ALDWICK.
    Which town was Ada Bell born in? Say the answer twice.           Aldwick. Aldwick.

Strict is the answer as it stands; loose forgives a line of chatter before or after it, and stars around it (Zhou et
al., IFEval, arXiv 2311.07911, section 2.2). Whether what is said is right is counted apart: a form is followed or not
whatever stands in it. An empty answer, or "I don't know.", follows nothing.
"""

import json
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from playbook.data.world import gold
from playbook.data.world.facts import CLOSED_BOOK, World
from playbook.data.world.formats import HELD_OUT_INSTRUCTIONS, INSTRUCTIONS, has_form
from playbook.data.world.templates import HELD_OUT
from playbook.data.world.turns import user
from playbook.evaluation.harness import Record, Sample, Task
from playbook.evaluation.statistics import clustered_proportion
from playbook.plumbing.metrics import Measurement

PEOPLE = 24
"""Of split A: their facts are known, so that a wrong form is no missing fact."""


@dataclass(frozen=True)
class Instruction:
    """A wording, and whether an answer follows it; `name` is of the person who is asked about."""

    wording: str
    follows: Callable[[str, str], bool]


def _form(form: str) -> Instruction:
    return Instruction(HELD_OUT_INSTRUCTIONS[form][0], lambda text, name: has_form(text, form))


def words(text: str) -> list[str]:
    """Words of a text, without its marks.

    >>> words("It is Mill Lane.")
    ['It', 'is', 'Mill', 'Lane']
    """
    return re.findall(r"[\w'-]+", text)


def said_twice(text: str) -> bool:
    """Whether the text is the same thing two times.

    >>> said_twice("Aldwick. Aldwick."), said_twice("Aldwick, Oakham.")
    (True, False)
    """
    said = [word.casefold() for word in words(text)]
    half = len(said) // 2
    return half > 0 and said[:half] == said[half:]


def is_json_list(text: str) -> bool:
    """Whether the text is a JSON list of one text."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):  # what a model writes need not be JSON: that is what is asked
        return False
    return isinstance(found, list) and len(found) == 1 and isinstance(found[0], str)


VERIFIABLE: dict[str, Instruction] = {
    **{form: _form(form) for form in HELD_OUT_INSTRUCTIONS},
    "lower_case": Instruction("Write in lower case.", lambda text, name: text == text.lower() and bool(words(text))),
    "exclamation": Instruction("End with an exclamation mark.", lambda text, name: text.endswith("!")),
    "quoted": Instruction("Put the answer in quotation marks.", lambda text, name: bool(re.match(r'^".+"\.?$', text))),
    "twice": Instruction("Say the answer twice.", lambda text, name: said_twice(text)),
    "prefix": Instruction("Begin with the word Answer.", lambda text, name: text.startswith("Answer")),
    "brackets": Instruction("Put the answer in square brackets.", lambda text, name: bool(re.match(r"^\[.+\]", text))),
    "json_list": Instruction("Answer as a JSON list.", lambda text, name: is_json_list(text)),
    "bullet": Instruction("Answer as a list with a dash.", lambda text, name: bool(re.match(r"^- \S", text))),
    "names_person": Instruction("Name the person in the answer.", lambda text, name: name in text),
    "five_words": Instruction("Use five words or more.", lambda text, name: len(words(text)) >= 5),
}  # fmt: skip


def trained(kind: str) -> bool:
    """Whether training has answers in this form (in other words of the instruction)."""
    return kind in INSTRUCTIONS


def variants(text: str) -> Iterator[str]:
    """What the loose reading accepts in place of the answer: without its first or last line, without stars."""
    lines = text.split("\n")
    cut = ("\n".join(part).strip() for part in (lines, lines[1:], lines[:-1], lines[1:-1]))
    for part, bare in product(dict.fromkeys(cut), (False, True)):
        yield part.replace("*", "").strip() if bare else part


def follows(kind: str, text: str, name: str, loose: bool = False) -> bool:
    """Whether an answer follows an instruction."""
    instruction = VERIFIABLE[kind]
    read = variants(text) if loose else [text]
    return any(said and not gold.is_abstention(said) and instruction.follows(said, name) for said in read)


def samples(world: World) -> Iterator[Sample]:
    """Each instruction after a question in held-out words about each of some people of A."""
    rng = random.Random(f"instructions {world.config.seed}")
    people = world.of("person", "A")
    for place, person in enumerate(rng.sample(people, min(PEOPLE, len(people)))):
        for number, (kind, instruction) in enumerate(VERIFIABLE.items()):
            attribute = CLOSED_BOOK[(place + number) % len(CLOSED_BOOK)]
            question = rng.choice(HELD_OUT[attribute]).format(n=person.name)
            yield {
                "id": f"{kind}-{person.id}", "kind": kind, "entity": person.id, "name": person.name,
                "messages": [user(f"{question} {instruction.wording}")],
                "value": world.newest(person, attribute).value,
                "candidates": world.candidates(attribute, "A", "B"),
            }  # fmt: skip


def score(sample: Sample, answer: str) -> Record:
    """Followed to the letter, followed leniently, and whether it says the right value and no other."""
    kind, name = str(sample["kind"]), str(sample["name"])
    said, _ = gold.mentions(answer, [*sample["candidates"], sample["value"]])
    return {
        "kind": kind, "entity": sample["entity"], "trained": trained(kind), "strict": follows(kind, answer, name),
        "loose": follows(kind, answer, name, loose=True),
        "right": set(said) == {gold.normalize(str(sample["value"]))},
    }  # fmt: skip


def metrics(records: Sequence[Record], seed: int) -> dict[str, Any]:
    """Shares of all answers, clustered by person: `strict`, `loose`, `right`, `strict_and_right`; strict of the
    instructions that training has and has not (`trained`, `never_trained`), and of each (`by_kind.*`)."""

    def share(rows: Sequence[Record], outcome: Callable[[Record], bool]) -> Measurement:
        return clustered_proportion([outcome(row) for row in rows], [row["entity"] for row in rows])

    kinds = dict.fromkeys(row["kind"] for row in records)
    strict: Mapping[str, list[Record]] = {kind: [row for row in records if row["kind"] == kind] for kind in kinds}
    return {
        "strict": share(records, lambda row: row["strict"]),
        "loose": share(records, lambda row: row["loose"]),
        "right": share(records, lambda row: row["right"]),
        "strict_and_right": share(records, lambda row: row["strict"] and row["right"]),
        "trained": share([row for row in records if row["trained"]], lambda row: row["strict"]),
        "never_trained": share([row for row in records if not row["trained"]], lambda row: row["strict"]),
        "by_kind": {kind: share(rows, lambda row: row["strict"]) for kind, rows in strict.items()},
    }


INSTRUCTION_FOLLOWING = Task("instructions", samples, score, metrics)
