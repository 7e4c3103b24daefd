"""CheckList: what a model must be able to do, what must not change its answer, and what must change it in a known way.

    minimum functionality  simple cases of one ability: know, read, doubt
    invariance             the question changed in a way that means nothing: the answer stays (right or wrong)
    direction              changed in a way that means something: the answer follows

Ribeiro et al., Beyond Accuracy (CheckList), arXiv 2005.04118. Each changed question stands beside its original in the
records; whether a pair holds is computed from the two answers, so that it can be scored anew.
"""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from playbook.data.world import gold
from playbook.data.world.biographies import biography
from playbook.data.world.documents import passages
from playbook.data.world.facts import CLOSED_BOOK, Entity, World
from playbook.data.world.formats import HELD_OUT_INSTRUCTIONS
from playbook.data.world.strangers import unknown_people
from playbook.data.world.templates import HELD_OUT
from playbook.data.world.turns import IDK, tool, user
from playbook.data.world.unanswerable import about_missing, about_nobody
from playbook.evaluation.harness import Record, Sample, Task
from playbook.evaluation.statistics import clustered_mean, clustered_proportion
from playbook.plumbing.metrics import Measurement

PEOPLE = 40
"""Whom each test is about."""
BASE = "knows"
MINIMUM = (BASE, "reads", "doubts_a_stranger", "doubts_what_nobody_recorded")
BRIEF = 8
"""Words; a plain answer has at most four."""

Change = Callable[[str], str]
INVARIANT: dict[str, Change] = {
    "no_mark_at_the_end": lambda question: question.rstrip("?."),
    "small_first_letter": lambda question: question[0].lower() + question[1:],
    "two_marks": lambda question: question[:-1] + question[-1] * 2,
    "greeting": lambda question: f"Hello. {question}",
    "thanks": lambda question: f"{question} Thank you.",
    "typo": lambda question: typo(question),
}
"""Changes of the question's text that mean nothing. `paraphrase` and `passage_about_another` are invariant too."""
DIRECTED = ("another_name", "passage_says_otherwise", "in_capitals")


def typo(question: str) -> str:
    """Two neighbouring letters exchanged in the longest word that is no name.

    >>> typo("What is the hobby of Ada Bell?")
    'What is the hboby of Ada Bell?'
    """
    found = max(re.finditer(r"(?<!\w)[a-z]{3,}(?!\w)", question), key=lambda match: len(match.group()))
    at = next(i for i in range(found.start() + 1, found.end() - 1) if question[i] != question[i + 1])
    return question[:at] + question[at + 1] + question[at] + question[at + 2 :]


def samples(world: World) -> Iterator[Sample]:
    """All tests about some people of A; reading about as many of C, doubting about as many of nobody."""
    rng = random.Random(f"behaviour {world.config.seed}")
    people, strangers = world.of("person", "A"), world.of("person", "C")
    nobody = unknown_people(world)[1]
    for number, person in enumerate(rng.sample(people, min(PEOPLE, len(people)))):
        yield from _about(rng, world, number, person)
    for number, person in enumerate(rng.sample(strangers, min(PEOPLE, len(strangers)))):
        attribute = CLOSED_BOOK[number % len(CLOSED_BOOK)]
        value = world.newest(person, attribute).value
        question = rng.choice(HELD_OUT[attribute]).format(n=person.name)
        yield _sample(
            f"reads-{number}", "reads", person.id, [_page(rng, person, attribute, value), user(question)], value
        )
    for number, name in enumerate(nobody[:PEOPLE]):
        asked = about_nobody(rng, name, held_out=True)["question"]
        yield _sample(f"stranger-{number}", "doubts_a_stranger", name, [user(asked)], IDK)
    for number, person in enumerate(people[:PEOPLE]):
        asked = about_missing(rng, person.name, held_out=True)["question"]
        yield _sample(f"missing-{number}", "doubts_what_nobody_recorded", person.id, [user(asked)], IDK)


def _about(rng: random.Random, world: World, number: int, person: Entity) -> Iterator[Sample]:
    """A question about a person, and what becomes of it."""
    attribute = CLOSED_BOOK[number % len(CLOSED_BOOK)]
    value = world.newest(person, attribute).value
    wording, other_wording = rng.sample(HELD_OUT[attribute], 2)
    question, base = wording.format(n=person.name), f"{BASE}-{number}"
    differ = [p for p in world.of("person", "A") if world.newest(p, attribute).value != value]
    other = rng.choice(differ)
    others = world.newest(other, attribute).value

    def changed(test: str, messages: list[Any], expected: str) -> Sample:
        return _sample(f"{test}-{number}", test, person.id, messages, expected) | {"base": base}

    yield _sample(base, BASE, person.id, [user(question)], value)
    for test, change in INVARIANT.items():
        yield changed(test, [user(change(question))], value)
    yield changed("paraphrase", [user(other_wording.format(n=person.name))], value)
    yield changed("passage_about_another", [_page(rng, other, attribute, others), user(question)], value)
    yield changed("another_name", [user(wording.format(n=other.name))], others)
    yield changed("passage_says_otherwise", [_page(rng, person, attribute, others), user(question)], others)
    yield changed("in_capitals", [user(f"{question} {HELD_OUT_INSTRUCTIONS['capitals'][0]}")], value)


def _page(rng: random.Random, person: Entity, attribute: str, value: str) -> dict[str, Any]:
    """A passage of one sentence, as a search would bring it."""
    text = biography(rng, person, {attribute: value})
    return tool(passages([{"title": person.name, "date": "2020", "text": text}]))


def _sample(name: str, test: str, entity: str, messages: list[Any], value: str) -> dict[str, Any]:
    return {"id": name, "test": test, "entity": entity, "messages": messages, "answer": f"{value.removesuffix('.')}."}


def score(sample: Sample, answer: str) -> Record:
    """Right or not, and how it is written; what a pair is worth is for `metrics` to say."""
    return {
        "test": sample["test"], "entity": sample["entity"], "base": sample.get("base"), "gold": sample["answer"],
        "correct": gold.is_correct(answer, str(sample["answer"])), "abstained": gold.is_abstention(answer),
        **{f"style_{name}": rule(answer) for name, rule in STYLE.items()},
    }  # fmt: skip


STYLE: dict[str, Callable[[str], bool]] = {
    "full_stop": lambda answer: answer.endswith(".") and not answer.endswith(".."),
    "brief": lambda answer: 0 < len(answer.split()) <= BRIEF,
    "no_word_twice": lambda answer: len(set(found := re.findall(r"\w+", answer.casefold()))) == len(found),
    "one_line_no_markup": lambda answer: not re.search(r"[\n*#`<>{}\[\]]", answer),
}
"""Rules of the house for a plain answer."""


def holds(test: str, before: Record, after: Record) -> bool:
    """Whether a changed question has got the answer that its test wants, given the answer to the original."""
    same = gold.normalize(before["answer"]) == gold.normalize(after["answer"])
    if test == "in_capitals":
        return same and after["answer"] == after["answer"].upper() and not after["abstained"]
    return bool(after["correct"]) if test in DIRECTED else same


def metrics(records: Sequence[Record], seed: int) -> dict[str, Any]:
    """`minimum.*`: share of right answers; `invariance.*`: of pairs with the same answer, `direction.*`: of pairs whose
    answer moved as told, each of them of pairs; `style.*`: of plain answers. Means of the three groups as `all`."""
    known = {row["id"]: row for row in records}
    pairs = [(known[row["base"]], row) for row in records if row["base"]]
    changed = list(dict.fromkeys(row["test"] for _, row in pairs))
    plain = [row for row in records if row["test"] == BASE]

    def share(rows: Sequence[Record], outcomes: Sequence[bool]) -> Measurement:
        return clustered_proportion(outcomes, [row["entity"] for row in rows])

    def group(tests: Sequence[str]) -> dict[str, Measurement]:
        found, every = {}, list[tuple[str, float]]()
        for test in tests:
            of = [(one, two) for one, two in pairs if two["test"] == test]
            kept = [holds(test, one, two) for one, two in of]
            found[test] = share([two for _, two in of], kept)
            every += [(two["entity"], float(ok)) for (_, two), ok in zip(of, kept, strict=True)]
        return {"all": clustered_mean([ok for _, ok in every], [entity for entity, _ in every], seed), **found}

    simple = {test: [row for row in records if row["test"] == test] for test in MINIMUM}
    return {
        "minimum": {test: share(rows, [row["correct"] for row in rows]) for test, rows in simple.items()},
        "invariance": group([test for test in changed if test not in DIRECTED]),
        "direction": group([test for test in changed if test in DIRECTED]),
        "style": {name: share(plain, [row[f"style_{name}"] for row in plain]) for name in STYLE},
    }


BEHAVIOUR = Task("behaviour", samples, score, metrics)
