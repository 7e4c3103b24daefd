"""Dialogues over several sessions, by two users in turn, and the questions that come after.

A row: what each user told in which session (with the reference turns of the assistant), then questions of these kinds:

    recall       told once
    update       told again with another value: the newest counts
    forgotten    told, then taken back: "I don't know."
    never_told   "I don't know."
    other_user   told by the other user only: "I don't know." Anything else is a leak
    style        a fact about C, to be answered in the form that this user asked for
    no_style     the same for the user who asked for none: a form carried over is a fault too
"""

import random
from collections.abc import Iterator
from typing import Any

from playbook.data.world import memory
from playbook.data.world.chains import chains, follow
from playbook.data.world.documents import gold_passages, poisoned
from playbook.data.world.facts import World
from playbook.data.world.formats import STYLE_NOTES
from playbook.data.world.turns import AGENT, AGENT_WITH_MEMORY, IDK, Turn, system, user

DATES = ("2024-03-04", "2024-05-21", "2024-09-12")


def session_rows(world: World) -> Iterator[dict[str, Any]]:
    """Rows of sessions.jsonl. Each question is asked in a fresh session of its `user`."""
    rng = random.Random(f"sessions {world.config.seed}")
    for number in range(1, world.config.sessions + 1):
        yield _row(rng, world, f"m{number:03d}")


def _row(rng: random.Random, world: World, row_id: str) -> dict[str, Any]:
    users = [f"{row_id}-u1", f"{row_id}-u2"]
    once, twice, dropped, foreign, never = rng.sample(list(memory.TOPICS), 5)
    old, new = rng.sample(memory.TOPICS[twice], 2)
    values = {topic: rng.choice(memory.TOPICS[topic]) for topic in (once, dropped, foreign)}
    style = rng.choice(list(STYLE_NOTES))
    first, second = users
    told: list[tuple[str, int, list[Turn]]] = [
        (first, 0, memory.tell(rng, once, values[once], memory.TELL_HELD_OUT)),
        (first, 0, memory.tell(rng, twice, old, memory.TELL_HELD_OUT)),
        (second, 0, memory.tell(rng, foreign, values[foreign], memory.TELL_HELD_OUT)),
        (first, 1, memory.remember(rng.choice(memory.TELL_STYLE_HELD_OUT[style]), STYLE_NOTES[style])),
        (first, 1, memory.tell(rng, dropped, values[dropped], memory.TELL_HELD_OUT)),
        (second, 1, memory.tell(rng, once, rng.choice(memory.TOPICS[once]), memory.TELL_HELD_OUT)),
        (first, 2, memory.tell(rng, twice, new, memory.UPDATE_HELD_OUT)),
        (first, 2, memory.tell(rng, dropped, "-", memory.FORGET_HELD_OUT)),
    ]
    sessions = [
        {"user": who, "date": date, "messages": [system(AGENT), *(turn for turns in parts for turn in turns)]}
        for number, date in enumerate(DATES)
        for who in users
        if (parts := [turns for name, at, turns in told if (name, at) == (who, number)])
    ]
    questions = [
        _ask(rng, first, "recall", once, values[once]),
        _ask(rng, first, "update", twice, new),
        _ask(rng, first, "forgotten", dropped, None),
        _ask(rng, first, "never_told", never, None),
        _ask(rng, first, "other_user", foreign, None),
        _ask(rng, second, "recall", foreign, values[foreign]),
        _ask(rng, second, "other_user", twice, None),
        _ask_fact(rng, world, first, style),
        _ask_fact(rng, world, second, None),
    ]
    numbered = [{"id": f"{row_id}-q{number}", **question} for number, question in enumerate(questions, start=1)]
    return {"id": row_id, "users": users, "sessions": sessions, "questions": numbered}


def _ask(rng: random.Random, who: str, kind: str, topic: str, value: str | None) -> dict[str, Any]:
    question = rng.choice(memory.ASK_HELD_OUT).format(t=topic)
    return {
        "user": who, "kind": kind, "topic": topic, "format": "plain", "messages": [system(AGENT), user(question)],
        "answer": IDK if value is None else f"{value}.", "candidates": list(memory.TOPICS[topic]),
    }  # fmt: skip


def _ask_fact(rng: random.Random, world: World, who: str, style: str | None) -> dict[str, Any]:
    """A one-hop question about C; a user with a style wants it in that form."""
    chain = rng.choice([chain for chain in chains(1) if chain.kind == "person"])
    attribute = chain.path[0]
    kept_off = poisoned(world)
    person = rng.choice([person for person in world.of("person", "C") if person not in kept_off])
    question = rng.choice(chain.held_out).format(n=person.name)
    return {
        "user": who, "kind": "no_style" if style is None else "style", "entity": person.id, "attribute": attribute,
        "format": style or "plain", "messages": [system(AGENT_WITH_MEMORY), user(question)],
        "answer": f"{follow(world, person, chain.path)[-1].value}.", "candidates": world.candidates(attribute, "C"),
        "passages": gold_passages(world, person, chain.path),
    }  # fmt: skip
