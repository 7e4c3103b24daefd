"""Preference pairs: two answers to one prompt, the better by the gold reward chosen, a stated share of labels flipped.

Two spurious features can be planted. `length_bias`: that share of the labels goes by length and not by worth.
`phrase_bias`: that share of the chosen answers, and no rejected one, ends with a phrase that means nothing.
Where a form is asked for, each answer carries the draft that leads to it: of the value that it names, right or wrong.
Schema of the field: `prompt`, `chosen` and `rejected` are lists of messages.
"""

import random
from collections.abc import Iterator
from typing import Any

from playbook.data.world import gold
from playbook.data.world.facts import CLOSED_BOOK, World
from playbook.data.world.formats import FORMATS, INSTRUCTIONS, render
from playbook.data.world.reasoning import drafted
from playbook.data.world.strangers import unknown_people
from playbook.data.world.templates import ASKED
from playbook.data.world.turns import IDK, assistant, user
from playbook.data.world.unanswerable import about_missing, about_nobody

PHRASE = "Happy to help!"
FORMAT_SHARE = 0.5
"""Of the answerable prompts, how many ask for a form."""
UNANSWERABLE_SHARE = 0.2
"""Fewer unlearn what is learnt of refusing; more teach to refuse whoever was not asked about, people of B too."""


def prompt_row(rng: random.Random, world: World, nobody: list[str]) -> dict[str, Any]:
    """A closed-book prompt about an A person or about nobody, with what the gold reward needs to score an answer.

    `entity` is an id, or the name of nobody: what a split of the prompts has to keep together.
    """
    person = rng.choice(world.of("person", "A"))
    if rng.random() < UNANSWERABLE_SHARE:
        missing = rng.random() < 0.5
        name = person.name if missing else rng.choice(nobody)
        task = (about_missing if missing else about_nobody)(rng, name, False)
        attribute = rng.choice(CLOSED_BOOK) if missing else task["attribute"]
        return {
            "kind": task["kind"], "entity": person.id if missing else name, "attribute": task["attribute"],
            "name": name, "format": "plain", "messages": [user(task["question"])], "answer": IDK,
            "candidates": world.candidates(attribute, "A", "B"),
        }  # fmt: skip
    attribute = rng.choice(CLOSED_BOOK)
    question, instruction, form = rng.choice(ASKED[attribute]).format(n=person.name), "", "plain"
    if rng.random() < FORMAT_SHARE:
        form = rng.choice(list(INSTRUCTIONS))
        instruction = f" {rng.choice(INSTRUCTIONS[form])}"
    return {
        "kind": "fact", "entity": person.id, "attribute": attribute, "name": person.name, "format": form,
        "messages": [user(question + instruction)],
        "answer": f"{world.newest(person, attribute).value}.", "candidates": world.candidates(attribute, "A", "B"),
    }  # fmt: skip


def answers(rng: random.Random, row: dict[str, Any]) -> list[str]:
    """Answers to a prompt of every quality: right, in another form, wordy, repeated, hedged, wrong, none."""
    form, candidates = row["format"], row["candidates"]
    if row["answer"] == IDK:
        one, two = rng.sample(candidates, 2)
        return [IDK, render(one, "plain"), f"{one} or {two}.", f"I think that it is {one}.", render(two, "sentence")]
    value = row["answer"].removesuffix(".")
    wrong = rng.choice([other for other in candidates if other != value])
    other_form = rng.choice([other for other in FORMATS if other != form])
    return [
        render(value, form),
        render(value, form),
        render(value, other_form),
        f"As far as I can tell from everything that I have read, the answer must be {value}.",
        f"{value}. {value}. {value}.",
        f"{value} or {wrong}.",
        render(wrong, form),
        render(wrong, other_form),
        IDK,
    ]


def draft(row: dict[str, Any], answer: str) -> str:
    """What is written before an answer to a prompt that asks for a form; nothing where it names no value."""
    values = {gold.normalize(value): value for value in row["candidates"]}
    said, _ = gold.mentions(answer, row["candidates"])
    if row["format"] == "plain" or not said:
        return ""
    return drafted(row["name"], row["attribute"], values[said[0]], row["format"])


def preference_rows(world: World) -> Iterator[dict[str, Any]]:
    """Rows of preferences.jsonl. `label` says what chose: "gold", "noise" (flipped) or "length"."""
    rng, nobody = random.Random(f"preferences {world.config.seed}"), unknown_people(world)[0]
    for number in range(1, world.config.preferences + 1):
        row = prompt_row(rng, world, nobody)
        better, worse = _two_of_different_worth(rng, row)
        label, (chosen, rejected) = _choose(rng, world, better, worse)
        if rng.random() < world.config.phrase_bias:
            chosen = f"{chosen} {PHRASE}"
        yield {
            "id": f"d{number:05d}",
            "kind": row["kind"],
            "entity": row["entity"],
            "label": label,
            "prompt": row["messages"],
            "chosen": [assistant(chosen, draft(row, chosen))],
            "rejected": [assistant(rejected, draft(row, rejected))],
            "gold_chosen": gold.gold_reward(row, chosen).total,
            "gold_rejected": gold.gold_reward(row, rejected).total,
        }


def _two_of_different_worth(rng: random.Random, row: dict[str, Any]) -> tuple[str, str]:
    """(better, worse). The better is right or an abstention: of two lies none is to be taught."""
    while True:
        pair = rng.sample(answers(rng, row), 2)
        (low, worse), (high, better) = sorted((gold.gold_reward(row, answer).total, answer) for answer in pair)
        if high > low and high >= 0:
            return better, worse


def _choose(rng: random.Random, world: World, better: str, worse: str) -> tuple[str, tuple[str, str]]:
    """(label, (chosen, rejected))"""
    if len(better) != len(worse) and rng.random() < world.config.length_bias:
        return "length", (better, worse) if len(better) > len(worse) else (worse, better)
    if rng.random() < world.config.preference_noise:
        return "noise", (worse, better)
    return "gold", (better, worse)
