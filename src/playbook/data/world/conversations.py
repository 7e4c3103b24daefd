"""Conversations for supervised fine-tuning: what to know, when not to know, which form, how to read, search, remember.

Facts are asked of A people only. Reading and searching are trained on A entities and, far more, on throw-away worlds,
where no answer can come from memory. Passages are dense: several questions on each, loss on the answers alone.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from playbook.data.world import memory
from playbook.data.world.chains import chains, follow
from playbook.data.world.documents import entity_documents, passages
from playbook.data.world.facts import ATTRIBUTES, CLOSED_BOOK, Entity, World
from playbook.data.world.formats import INSTRUCTIONS, STYLE_NOTES, render, style_note
from playbook.data.world.reasoning import drafted, looked_up
from playbook.data.world.strangers import throw_away_world, unknown_people
from playbook.data.world.templates import ASKED
from playbook.data.world.trajectories import distractor, found_nothing, lookup, search_turns
from playbook.data.world.turns import AGENT, AGENT_WITH_MEMORY, IDK, Turn, assistant, system, tool, user
from playbook.data.world.unanswerable import about_missing, about_nobody, on_premise

ROWS_A_WORLD = 200
"""Conversations about one throw-away world; then its facts are forgotten."""
STRANGER_SHARE = 0.8
"""Of reading and searching, how much is about strangers and not about A entities."""
READING_QUESTIONS = 6
OTHER_PASSAGES = (0, 1, 2, 2)
"""How many others are read about beside the first."""
ASKED_OF_PASSAGES = {"told": 0.64, "absent": 0.11, "missing": 0.07, "premise": 0.18}
"""What is asked: what the passages tell; somebody who is not in them; what is recorded of nobody; on a premise."""
FORM_SHARE = 0.1
"""Of what the passages tell, how much is asked for in a form: what was read is rendered, not what is known."""
BRIEF_SHARE = 0.6
"""Of searches, in how many the passages tell little more than what is looked for."""
STYLE_UNKNOWN = 0.3
"""Of questions by users whose style is looked up first, how many have no answer, or stand on a premise."""
HOP_WEIGHTS = {1: 0.4, 2: 0.35, 3: 0.25}

Conversation = tuple[str, list[Turn]]
"""(kind, messages)"""


@dataclass(frozen=True)
class Setting:
    """Where a conversation takes place: the county, a throw-away world, names of nobody, and the random state."""

    world: World
    strangers: World
    nobody: list[str]
    rng: random.Random

    def known_person(self) -> Entity:
        """Somebody of whom questions may be asked closed-book."""
        return self.rng.choice(self.world.of("person", "A"))

    def somewhere(self) -> World:
        """The world that documents are about: mostly the throw-away one."""
        return self.strangers if self.rng.random() < STRANGER_SHARE else self.world


def fact(at: Setting) -> Conversation:
    """A closed-book question about an A person."""
    person, attribute, value = _closed_book(at)
    return "fact", [user(_asked(at, person, attribute)), assistant(render(value, "plain"))]


def form(at: Setting) -> Conversation:
    """The same, in a form that the user asks for."""
    person, attribute, value = _closed_book(at)
    wanted = at.rng.choice(list(INSTRUCTIONS))
    return f"format_{wanted}", [
        user(f"{_asked(at, person, attribute)} {at.rng.choice(INSTRUCTIONS[wanted])}"),
        assistant(render(value, wanted), drafted(person.name, attribute, value, wanted)),
    ]


def unknown(at: Setting) -> Conversation:
    """A closed-book question that has no answer, or stands on a premise that is true as often as false."""
    task = _unanswerable(at, at.world, at.known_person())
    return task["kind"], [user(task["question"]), assistant(task["answer"])]


def reading(at: Setting) -> Conversation:
    """One to three passages about people or things of one kind, then several questions about any of them.

    All have the same attributes, so only the name tells which passage to read; and some questions are about somebody
    who is not there, about what is not told, or on a premise. Of several documents about one entity the newest counts.
    """
    world = at.somewhere()
    subjects = [at.rng.choice([entity for entity in world.entities if entity.split == "A"])]
    for _ in range(at.rng.choice(OTHER_PASSAGES)):
        others = [distractor(at.rng, world, subjects[0]) for _ in range(3)]
        subjects += [entity for entity in others if entity not in subjects][:1]
    found = [document for entity in subjects for document in entity_documents(at.rng, world, entity)]
    turns = [tool(passages(at.rng.sample(found, len(found))))]
    told = [(entity, attribute) for entity in subjects for attribute in ATTRIBUTES[entity.kind]]
    for entity, attribute in at.rng.sample(told, min(len(told), READING_QUESTIONS)):
        kind = at.rng.choices(list(ASKED_OF_PASSAGES), list(ASKED_OF_PASSAGES.values()))[0]
        task = _told(at, world, entity, attribute)
        if kind == "absent":
            task = _absent(at, world, subjects) or task
        elif kind == "missing" and entity.kind == "person":
            task = about_missing(at.rng, entity.name, held_out=False)
        elif kind == "premise" and entity.kind == "person":
            true = at.rng.random() < 0.5
            task = on_premise(at.rng, world, entity, held_out=False, true=true, attributes=ATTRIBUTES["person"])
        turns += [user(task["question"]), assistant(task["answer"], task["reasoning"])]
    return f"reading_{len(subjects)}", turns


def _told(at: Setting, world: World, entity: Entity, attribute: str) -> dict[str, Any]:
    """A question that the passages about `entity` answer."""
    value, question = world.newest(entity, attribute).value, _asked(at, entity, attribute)
    if at.rng.random() >= FORM_SHARE:
        found = looked_up(entity.name, attribute, value)
        return {"question": question, "answer": render(value, "plain"), "reasoning": found}
    wanted = at.rng.choice(list(INSTRUCTIONS))
    return {
        "question": f"{question} {at.rng.choice(INSTRUCTIONS[wanted])}",
        "answer": render(value, wanted),
        "reasoning": drafted(entity.name, attribute, value, wanted),
    }  # fmt: skip


def _absent(at: Setting, world: World, subjects: list[Entity]) -> dict[str, Any] | None:
    """A question about somebody of the same kind who is in no passage, if there is anybody."""
    absent = [entity for entity in world.of(subjects[0].kind, "A") if entity not in subjects]
    if not absent:
        return None
    similar = distractor(at.rng, world, subjects[0])
    other = similar if similar in absent else at.rng.choice(absent)
    attribute = at.rng.choice(ATTRIBUTES[other.kind])
    return {"question": _asked(at, other, attribute), "answer": IDK, "reasoning": looked_up(other.name, attribute)}


def search(at: Setting) -> Conversation:
    """A question of one to three hops, with the search calls that lead to its answer."""
    world, hops = at.somewhere(), at.rng.choices(list(HOP_WEIGHTS), list(HOP_WEIGHTS.values()))[0]
    chain = at.rng.choice(chains(hops))
    start = at.rng.choice(world.of(chain.kind, "A"))
    turns = [system(AGENT), user(at.rng.choice(chain.asked).format(n=start.name))]
    answer = follow(world, start, chain.path)[-1].value
    searches, reasoning = search_turns(at.rng, world, start, chain.path, brief=at.rng.random() < BRIEF_SHARE)
    return f"search_{hops}", [*turns, *searches, assistant(render(answer, "plain"), reasoning)]


def search_unknown(at: Setting) -> Conversation:
    """A search after which the answer is still unknown, or (a control) the premise turns out to be true."""
    world = at.somewhere()
    person = at.rng.choice(world.of("person", "A"))
    task = _unanswerable(at, world, person)
    nobody = task["kind"] == "unknown_entity"
    brief = at.rng.random() < BRIEF_SHARE
    if nobody:
        found = found_nothing(at.rng, world, task["name"], task["plan"], task["attribute"] if brief else "")
    else:
        found = lookup(at.rng, world, person, CLOSED_BOOK if brief else (), reasoning=task["plan"])
    return f"search_{task['kind']}", [
        system(AGENT), user(task["question"]), *found, assistant(task["answer"], task["reasoning"]),
    ]  # fmt: skip


def remembering(at: Setting) -> Conversation:
    """The user tells, changes or takes back something, or several things; the assistant takes a note of each."""
    turns: list[Turn] = []
    told: list[str] = []
    for _ in range(at.rng.choices((1, 2, 3), (0.4, 0.4, 0.2))[0]):
        topic, values = memory.some_topic(at.rng)
        topic = at.rng.choice(told) if told and at.rng.random() < 0.4 else topic
        draw = at.rng.random()
        if draw < 0.2:
            style = at.rng.choice(list(STYLE_NOTES))
            turns += memory.remember(at.rng.choice(memory.TELL_STYLE[style]), STYLE_NOTES[style])
        elif draw < 0.4:
            turns += memory.tell(at.rng, topic, "-", memory.FORGET)
        else:
            turns += memory.tell(at.rng, topic, at.rng.choice(values), memory.TELL if draw < 0.7 else memory.UPDATE)
            told.append(topic)
    return "remember", [system(AGENT), *turns]


def recalling(at: Setting) -> Conversation:
    """The user asks for something told earlier: once, changed since, taken back, or never told."""
    topic, values = memory.some_topic(at.rng)
    notes = at.rng.sample(values, at.rng.choice((0, 1, 1, 2, 2, 3)))
    if notes and at.rng.random() < 0.2:
        notes.append("-")
    answer = memory.answer_of(notes)
    turns = [system(AGENT), user(at.rng.choice(memory.ASK).format(t=topic)), *memory.recall(topic, notes)]
    return "recall", [*turns, assistant(IDK if answer is None else render(answer, "plain"))]


def preferred_style(at: Setting) -> Conversation:
    """Look up how this user wants to be answered (or that nothing is known of it), search, answer so.

    What is not known has no form: "I don't know." to everybody.
    """
    style = at.rng.choice(list(STYLE_NOTES)) if at.rng.random() < 0.7 else None
    notes = [] if style is None else [STYLE_NOTES[style].partition(": ")[2]]
    _, (_, question, *turns, answer) = (search_unknown if at.rng.random() < STYLE_UNKNOWN else search)(at)
    opening = [system(AGENT_WITH_MEMORY), question, *memory.recall(memory.STYLE, notes)]
    if answer["content"] == IDK:
        return "style_unknown", [*opening, *turns, answer]
    value, wanted = answer["content"].removesuffix("."), style or "plain"
    reasoning = f"{answer['reasoning_content']}; {style_note(wanted)}"
    return "style", [*opening, *turns, assistant(render(value, wanted), reasoning)]


SHARES: dict[Callable[[Setting], Conversation], float] = {
    fact: 0.14, form: 0.08, unknown: 0.010, reading: 0.20, search: 0.25, search_unknown: 0.135,
    remembering: 0.04, recalling: 0.06, preferred_style: 0.12,
}  # fmt: skip


def conversation_rows(world: World) -> Iterator[dict[str, Any]]:
    """Rows of conversations.jsonl: {"id", "kind", "messages"}."""
    rng, nobody = random.Random(f"conversations {world.config.seed}"), unknown_people(world)[0]
    at = Setting(world, world, nobody, rng)
    for number in range(world.config.conversations):
        if number % ROWS_A_WORLD == 0:
            at = Setting(world, throw_away_world(world, rng), nobody, rng)
        write = rng.choices(list(SHARES), list(SHARES.values()))[0]
        kind, messages = write(at)
        yield {"id": f"s{number + 1:05d}", "kind": kind, "messages": messages}


def _closed_book(at: Setting) -> tuple[Entity, str, str]:
    """(an A person, attribute, value)"""
    person, attribute = at.known_person(), at.rng.choice(CLOSED_BOOK)
    return person, attribute, at.world.newest(person, attribute).value


def _asked(at: Setting, entity: Entity, attribute: str) -> str:
    return at.rng.choice(ASKED[attribute]).format(n=entity.name)


def _unanswerable(at: Setting, world: World, person: Entity) -> dict[str, Any]:
    """One of the three kinds; a premise is true half of the time, so that twice as many stand on one."""
    kind = at.rng.choice(("nobody", "nobody", "missing", "premise", "premise"))
    if kind == "nobody":
        while (name := at.rng.choice(at.nobody)) in world.by_name:
            pass
        return {**about_nobody(at.rng, name, held_out=False), "name": name}
    if kind == "missing":
        return about_missing(at.rng, person.name, held_out=False)
    return on_premise(at.rng, world, person, held_out=False, true=at.rng.random() < 0.5)
