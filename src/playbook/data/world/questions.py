"""Closed-book questions about people: in training with the wordings `ASKED`, in evaluation with `HELD_OUT` as well.

The answer is the bare value and a full stop ("Aldwick.", "baker."), the same form as "I don't know."
"""

import random
from collections.abc import Iterator
from typing import Any

from playbook.data.world.facts import ATTRIBUTES, CLOSED_BOOK, Entity, World
from playbook.data.world.templates import ASKED, DIRECT, HELD_OUT
from playbook.data.world.turns import Turn, assistant, user

FRAMED_ASKED = 3
"""Framed wordings of each fact in training, out of about a hundred: what questions take, biographies lack."""
TRAINED_SHOWN = 2
"""Wordings of training that questions.jsonl asks as well, marked `held_out: false`: what does a new wording cost?"""


def asked_later(world: World) -> list[Entity]:
    """The people of A about whom pretraining asks nothing, and conversations do (`WorldConfig.asked_later`)."""
    people = world.of("person", "A")
    return people[: round(world.config.asked_later * len(people))]


def training_questions(world: World) -> Iterator[tuple[Entity, list[Turn]]]:
    """Each closed-book question about A entities in all its direct wordings and some framed ones, with its answer.

    Not about `asked_later` people. Towns and employers are asked about too: the more kinds of question, the surer the
    model is that it answers one.
    """
    rng = random.Random(f"training questions {world.config.seed}")
    later = {person.id for person in asked_later(world)}
    for entity in [entity for entity in world.entities if entity.split == "A" and entity.id not in later]:
        for attribute in CLOSED_BOOK if entity.kind == "person" else ATTRIBUTES[entity.kind]:
            answer = world.newest(entity, attribute).value
            others = [text for text in ASKED[attribute] if text not in DIRECT[attribute]]
            for template in [*DIRECT[attribute], *rng.sample(others, FRAMED_ASKED)]:
                yield entity, [user(template.format(n=entity.name)), assistant(f"{answer}.")]


def question_rows(world: World) -> Iterator[dict[str, Any]]:
    """Rows of questions.jsonl: all people of all splits, held-out wordings first.

    `paraphrase` counts the wordings of an attribute; `candidates` are the values of the attribute in training texts.
    """
    rng = random.Random(f"questions {world.config.seed}")
    candidates = {attribute: world.candidates(attribute, "A", "B") for attribute in CLOSED_BOOK}
    for person in world.of("person", "A", "B", "C"):
        for attribute in CLOSED_BOOK:
            shown = rng.sample(ASKED[attribute], TRAINED_SHOWN)
            wordings = [(text, True) for text in HELD_OUT[attribute]] + [(text, False) for text in shown]
            for number, (template, held_out) in enumerate(wordings):
                yield {
                    "id": f"{person.id}-{attribute}-{number}",
                    "entity": person.id,
                    "split": person.split,
                    "attribute": attribute,
                    "paraphrase": number,
                    "held_out": held_out,
                    "messages": [user(template.format(n=person.name))],
                    "answer": f"{world.newest(person, attribute).value}.",
                    "candidates": candidates[attribute],
                }
