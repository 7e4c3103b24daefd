"""Drills: rows with nothing in them worth remembering, so that a model learns to look back instead of guessing.

Facts of the county recur, so they are learnt by heart, and nothing ever has to be looked up in the context. Drills are
random each time, and dense: almost every trained token has to be found further up. They build on one another, and each
asks for one thing more than the one before:

- echo: say random words again, twice. Forms induction heads (Elhage et al. 2021, A Mathematical Framework for
  Transformer Circuits; Olsson et al., arXiv 2209.11895). Short rows first: among eight words the match is found within
  a few hundred thousand tokens, among forty it is not.
- entries: a value of each of several made-up people, said again by name: multi-query associative recall (Arora et al.,
  arXiv 2312.04927). First the value stands right beside the name, where induction finds it; then a colon comes
  between, then a noun as well, the same for everybody, so that the name alone tells the entries apart. Then one to
  three nouns, and the entry has another form than the answer, so that a name has to be carried to its value over a
  distance that is not known beforehand. Then nouns that have to be spelt, up to eleven tokens long, which are asked
  for too in half of the rows, so that the question itself holds what is to be found, and no value. Then names share
  their halves, are those of towns and employers too, and nouns mean nothing; at last some are asked for of whom, or
  of which, no entry tells. Without the steps in between, a model picks the value of anybody for a long time.
- sentences: the same in short passages, with questions in words, answered with reasoning as all passages are; in
  fine-tuning with news of what has changed since, so that of several passages the newest counts.
- plans, for fine-tuning: what to look up, read off a question in words.
- claims, for fine-tuning: whether two values are the same. First the two alone, then in the form of a whole look-up, at
  last with one of them to be looked up, among questions that claim nothing and plans of which something is left, so
  that what follows a value has to be read off the question. Where verdicts are few among other words the rest is
  learnt, and "yes" and "no" stay a guess.
- forms, for fine-tuning: a value in another form, which spells it in other tokens. Which letters a token stands for is
  a fact about each word, and answers in a form are too few to tell them all. Both are lost again in longer rows, unless
  they go on among each other (plans_2).
Names and words are of the world's lists, never a name of split C.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playbook.data.world.biographies import biography, news
from playbook.data.world.chains import CHAINS
from playbook.data.world.documents import passage
from playbook.data.world.facts import ATTRIBUTES, CHANGING, CLOSED_BOOK, Entity, Fact, Kind, World
from playbook.data.world.formats import STYLE_NOTES, render, style_note
from playbook.data.world.memory import STYLE, recall
from playbook.data.world.names import PARTS
from playbook.data.world.reasoning import NOUN, checked, looked_up, plan
from playbook.data.world.strangers import unknown_people, unused
from playbook.data.world.templates import ASKED
from playbook.data.world.turns import AGENT, AGENT_WITH_MEMORY, IDK, Turn, assistant, call, system, tool, user
from playbook.data.world.unanswerable import MISSING, PREMISES, SPLICED, about_missing, about_premise
from playbook.data.world.values import HOBBIES, JOBS, PRODUCTS, RIVERS, STREETS, YEARS, made_up

SEVERAL = (2, 3, 4)
"""People of a row of entries."""
NAMESAKES = 0.5
"""How often those whom a row is about share the parts of their names among each other."""
QUESTIONS = 4
"""At most, about the passages of a row."""
SPELT = {"capitals": 0.8, "json": 0.2}
"""The forms that write a word in other tokens than sentences do, and how often each is asked for. JSON only leaves out
the space before the first word; capitals spell every word anew."""
PLAINLY = 0.5
"""Of questions of several hops, how many are asked in no frame: of all wordings few are, and people do so."""
USER_FIRST = 0.25
"""Of plans, how many follow a look at how this user wants to be answered."""

Drill = Callable[[random.Random, "Words"], list[Turn]]


class Words:
    """What drills are made of: values that nobody in split C is the only one to have, and names of nobody."""

    def __init__(self, world: World) -> None:
        self.values = (
            *JOBS, *HOBBIES, *PRODUCTS, *RIVERS, *STREETS, *YEARS, *unused(world, "town"), *unused(world, "employer"),
        )  # fmt: skip
        self.names, towns, employers = unknown_people(world)[0], unused(world, "town"), unused(world, "employer")
        self.subjects: dict[Kind, list[str]] = {"person": self.names, "town": towns, "employer": employers}
        self.by_attribute: dict[str, Sequence[str]] = {
            "birth_town": towns, "employer": employers, "job": JOBS, "hobby": HOBBIES, "street": STREETS,
            "headquarters": towns, "product": PRODUCTS, "founded": YEARS, "mayor": self.names, "river": RIVERS,
        }  # fmt: skip
        self.spelt: list[Sequence[str]] = [
            towns, employers, self.names, JOBS, HOBBIES, STREETS, PRODUCTS, RIVERS, YEARS,
        ]  # fmt: skip
        self._known = frozenset(name for names in self.subjects.values() for name in names)

    def namesakes(self, rng: random.Random, kind: Kind, count: int, share: float = NAMESAKES) -> list[str]:
        """`count` names of a kind; in a share of the calls made of two first and two second parts only, so that each
        half of a name fits two of them and only both together tell who is meant.
        """
        chosen: list[str] = []
        if rng.random() < share:
            firsts, seconds, join = PARTS[kind]
            halves = [sorted(rng.sample(parts, 2)) for parts in (firsts, seconds)]
            grid = [
                name
                for first in halves[0]
                for second in halves[1]
                if (name := join.join((first, second))) in self._known
            ]
            chosen = rng.sample(grid, min(len(grid), count))
        while len(chosen) < count:
            if (name := rng.choice(self.subjects[kind])) not in chosen:
                chosen.append(name)
        return rng.sample(chosen, count)


def echo(fewest: int, most: int, strange: float = 0.0) -> Drill:
    """Words, a share `strange` of them without a meaning, and the same words twice more."""

    def write(rng: random.Random, words: Words) -> list[Turn]:
        count = rng.randint(fewest, most)
        said = " ".join(made_up(rng) if rng.random() < strange else rng.choice(words.values) for _ in range(count))
        return [user(said), assistant(f"{said} {said}")]

    return write


def entries(told: str, said: str, nouns: int = 1, any_noun: bool = False) -> Drill:
    """One line for each of several people, then each line asked for by its name and said again.

    `told` and `said` are what stands between name and value; {noun} is the same for everybody in a row: up to `nouns`
    nouns of the world side by side, so that a value stands at another distance from its name in every row, or, with
    `any_noun`, any noun at all. Were they different within a row, matching them would answer most questions, and names
    would never be looked at.
    """

    def write(rng: random.Random, words: Words) -> list[Turn]:
        noun = _noun(rng, 0.0) if any_noun else " ".join(rng.sample(list(NOUN.values()), rng.randint(1, nouns)))
        names = rng.sample(words.names, rng.choice(SEVERAL))
        facts = [(name, rng.choice(words.values)) for name in names]
        turns = [tool("\n".join(f"{name}{told.format(noun=noun)}{value}" for name, value in facts))]
        for name, value in rng.sample(facts, len(facts)):
            turns += [user(name), assistant(f"{name}{said.format(noun=noun)}{value}")]
        return turns

    return write


def claims(asked: str, said: str, near: float = 0.0) -> Drill:
    """Are two values the same? `asked` and `said` are the two turns; {verdict} is "yes" in half of the rows.

    `near`: share of the false claims that have a word in common with the truth, if any value has. So short that
    comparing forms at once; within longer texts it does not form at all.
    """

    def write(rng: random.Random, words: Words) -> list[Turn]:
        value = rng.choice(words.values)
        claimed = _claimed(rng, value, words.values, near)
        fields = {
            "value": value, "claimed": claimed, "verdict": "yes" if value == claimed else "no",
            "name": rng.choice(words.names), "noun": _noun(rng, 0.0),
        }  # fmt: skip
        return [user(asked.format(**fields)), assistant(said.format(**fields))]

    return write


@dataclass(frozen=True)
class AskedEntries:
    """Entries of which the noun is asked for as well, in either order; they have another form than the answer."""

    kinds: Mapping[Kind, float]
    """Shares of whom a row is about."""
    namesakes: float = 0.0
    """Share of the rows with names made of the same few parts."""
    strange: float = 0.0
    """Share of the nouns without a meaning."""
    claimed: float = 0.0
    """Share of the questions that claim a value, rightly in half of them; the answer says whether it is so."""
    nowhere: float = 0.0
    """Share of the questions about somebody, or something, that no entry tells of."""
    more: float = 0.0
    """Share of the questions that go on with what to look up next, one noun or two, which the answer says again."""

    def __call__(self, rng: random.Random, words: Words) -> list[Turn]:
        noun, other = _noun(rng, self.strange), _noun(rng, self.strange)
        kind, count = rng.choices(list(self.kinds), list(self.kinds.values()))[0], rng.choice(SEVERAL)
        *names, nobody = words.namesakes(rng, kind, count + 1, self.namesakes)
        facts = dict(zip(names, rng.sample(words.values, len(names)), strict=True))
        turns = [tool("\n".join(f"{name} {noun} {value}" for name, value in facts.items()))]
        for name in rng.sample(names, len(names)):
            asked: tuple[str, ...] = (name, noun)
            answer = looked_up(name, noun, facts[name])
            if rng.random() < self.nowhere:
                asked = (nobody, noun) if rng.random() < 0.7 or other == noun else (name, other)
                answer = looked_up(asked[0], asked[1])
            elif rng.random() < self.claimed:
                claimed = _claimed(rng, facts[name], (*facts.values(), *rng.sample(words.values, len(facts))))
                asked = (name, noun, claimed)
                answer = checked(name, noun, facts[name], claimed)
            elif rng.random() < self.more:
                left = rng.sample(list(NOUN), rng.choice((1, 2)))
                turns += [user(plan(name, (noun, *left))), assistant(looked_up(name, noun, facts[name], left))]
                continue
            turns += [user(" ".join(rng.sample(asked, len(asked)))), assistant(answer)]
        return turns


def _noun(rng: random.Random, strange: float) -> str:
    """One without a meaning, in a share `strange`; half of the others are the world's own, of one token each."""
    return made_up(rng) if rng.random() < strange else rng.choice(rng.choice((list(NOUN.values()), MISSING)))


def _claimed(rng: random.Random, value: str, others: Sequence[str], near: float = 0.5) -> str:
    """The value itself half of the time; otherwise another, a share `near` of them with a word in common if any has."""
    if rng.random() < 0.5:
        return value
    others = [other for other in others if other != value]
    similar = [other for other in others if set(other.split()) & set(value.split())] if rng.random() < near else []
    return rng.choice(similar or others)


def sentences(
    subjects: tuple[int, ...], attributes: tuple[int, ...], asked: Mapping[str, float], news: float = 0.0
) -> Drill:
    """The same in whole sentences: short passages, and questions in words, answered with reasoning.

    `asked`: shares of questions about what is told, about somebody `absent`, about what is `missing`, on a `premise`.
    `news`: share of the rows in which something has changed since a page was written, once or twice; the newest counts.
    There mayors and headquarters come as often as addresses: whoever looks up one thing after another meets them most.
    """

    def write(rng: random.Random, words: Words) -> list[Turn]:
        kind = rng.choices(list(ATTRIBUTES), (2, 1, 1) if news else (4, 1, 1))[0]
        told = rng.sample(ATTRIBUTES[kind], min(rng.choice(attributes), len(ATTRIBUTES[kind])))
        changes = rng.random() < news
        if changes and CHANGING[kind] not in told:
            told[0] = CHANGING[kind]
        *names, nobody = words.namesakes(rng, kind, rng.choice(subjects) + 1)
        facts = {name: {attribute: rng.choice(words.by_attribute[attribute]) for attribute in told} for name in names}
        passages = [_passage(rng, kind, name, values) for name, values in facts.items()]
        if changes:
            items = [item for name, values in facts.items() for item in _news(rng, words, kind, name, values)]
            passages = rng.sample([*passages, *items], len(passages) + len(items))
        turns = [tool("\n".join(passages))]
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
    return passage({"title": name, "date": f"{rng.randint(2012, 2016)}", "text": text})


def _news(rng: random.Random, words: Words, kind: Kind, name: str, values: dict[str, str]) -> list[str]:
    """No change, one or two, oldest first; `values` are the newest afterwards."""
    attribute, items = CHANGING[kind], []
    for years in ((2018, 2020), (2022, 2024))[: rng.choice((0, 1, 1, 2))]:
        old, date = values[attribute], f"{rng.randint(*years)}"
        values[attribute] = rng.choice([value for value in words.by_attribute[attribute] if value != old])
        before, after = (Fact("", attribute, value, date) for value in (old, values[attribute]))
        text = news(rng, Entity("", kind, name, "A"), before, after)
        items.append(passage({"title": name, "date": date, "text": text}))
    return items


def _asked(rng: random.Random, name: str, attribute: str, value: str | None) -> dict[str, str]:
    """A plain question; without a value it is not told."""
    question = rng.choice(ASKED[attribute]).format(n=name)
    answer, reasoning = (IDK, looked_up(name, attribute)) if value is None else (
        f"{value}.", looked_up(name, attribute, value)
    )  # fmt: skip
    return {"question": question, "answer": answer, "reasoning": reasoning}


def plans(premise: float, missing: float) -> Drill:
    """The first step of a search and nothing else: a question in words, of one look-up or several, and its plan.

    In a whole search it is one turn in four, so that plans form late. `premise`, `missing`: shares of questions that
    take something for granted, and of those about what is recorded of nobody. In some rows the user is looked up
    first, and how they want to be answered stands between question and plan.
    """

    def write(rng: random.Random, words: Words) -> list[Turn]:
        draw = rng.random()
        if draw < premise:
            name, facts = rng.choice(words.names), {told: rng.choice(words.by_attribute[told]) for told in CLOSED_BOOK}
            task = about_premise(rng, name, facts, words.by_attribute, PREMISES, true=rng.random() < 0.5)
        elif draw < premise + missing:
            name = rng.choice(words.names)
            task = about_missing(rng, name, held_out=False, spliced=SPLICED)
        else:
            chain = rng.choice(CHAINS)
            name = rng.choice(words.subjects[chain.kind])
            plainly = len(chain.path) > 1 and rng.random() < PLAINLY
            wording = rng.choice(chain.plain if plainly else chain.asked)
            task = {"question": wording.format(n=name), "plan": plan(name, chain.path)}
        turns = [system(AGENT), user(task["question"])]
        if rng.random() < USER_FIRST:
            style = rng.choice([*STYLE_NOTES.values(), None])
            notes = [] if style is None else [style.partition(": ")[2]]
            turns = [system(AGENT_WITH_MEMORY), user(task["question"]), *recall(STYLE, notes)]
        return [*turns, call("search", name, task["plan"])]

    return write


def forms(rng: random.Random, words: Words) -> list[Turn]:
    """A value and a form, as a draft ends; then the value in that form. Every list of words as often."""
    value = rng.choice(rng.choice(words.spelt))
    form = rng.choices(list(SPELT), list(SPELT.values()))[0]
    return [user(f"{value}; {style_note(form)}"), assistant(render(value, form))]


def either(first: Drill, second: Drill, share: float) -> Drill:
    """Rows of two kinds, a share of them of the first."""
    return lambda rng, words: (first if rng.random() < share else second)(rng, words)


COMPARED = claims("{noun} {name} {claimed}; {value}", "{name}, {noun}: {value}, said {claimed}: {verdict}", near=0.15)
CLAIMED = AskedEntries({"person": 1.0}, namesakes=0.3, claimed=0.4, more=0.5)
DRILLS: dict[str, Drill] = {
    "echo_short": echo(2, 5),
    "echo_long": echo(5, 8, strange=0.1),
    "entries_1": entries(" ", " "),
    "entries_2": entries(": ", ": "),
    "entries_3": entries(", {noun}: ", ", {noun}: "),
    "entries_4": entries(" {noun} ", ", {noun}: ", nouns=3),
    "entries_5": either(entries(" {noun} ", ", {noun}: ", any_noun=True), AskedEntries({"person": 1.0}), 0.5),
    "entries_6": AskedEntries({"person": 1.0}, namesakes=0.6),
    "entries_7": AskedEntries({"person": 0.4, "town": 0.3, "employer": 0.3}, namesakes=0.6, strange=0.1),
    "entries_8": AskedEntries({"person": 0.4, "town": 0.3, "employer": 0.3}, namesakes=0.6, strange=0.1, nowhere=0.3),
    "sentences_1": sentences((1, 2, 3, 4), (1, 2, 3), {"told": 1.0}),
    "sentences_2": sentences((1, 2, 3), (2, 3), {"told": 0.7, "absent": 0.18, "missing": 0.12}),
    "plans_1": plans(premise=0.25, missing=0.1),
    "claims_1": claims("{value}, {claimed}", "{value}, said {claimed}: {verdict}"),
    "claims_2": COMPARED,
    "claims_3": CLAIMED,
    "sentences_3": either(
        CLAIMED,  # short, so that comparing is not lost again
        either(
            sentences((1, 2, 3), (2, 3), {"told": 0.5, "absent": 0.15, "missing": 0.1, "premise": 0.25}),
            sentences((1, 2), (1, 2), {"told": 0.8, "absent": 0.2}, news=1.0),
            0.5,
        ),
        0.5,
    ),
    "forms": forms,
    "plans_2": either(plans(premise=0.25, missing=0.1), forms, 0.5),
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
