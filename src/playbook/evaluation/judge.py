"""Judging two answers by a judge that may be biased: both orders are asked, ties are allowed, verdicts are kept.

A judge is asked twice, the second time with the answers exchanged. Only a verdict that survives the exchange counts;
else the pair is a tie and the judge was inconsistent (Zheng et al., arXiv 2306.05685, section 3.4). A verdict is kept
under a digest of all that the judge saw, so that a rerun asks nothing and gives the same.

Knows no model: a judge is any function of two texts. Whether it can be trusted, `judge_card.py` tells.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from playbook.data.world.gold import gold_reward
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import read_jsonl, write_jsonl

Verdict = Literal["first", "second", "tie"]
SWAPPED: dict[Verdict, Verdict] = {"first": "second", "second": "first", "tie": "tie"}

PAIRWISE = """Two assistants have answered a question. Say which answer is better.
Right facts count most; then the form that was asked for; then brevity. Neither the order of the answers nor their
length is a merit. An answer that admits not to know is better than a wrong one.

Question: {question}

Answer 1: {first}

Answer 2: {second}

Reply with one word on the first line: 1, 2 or tie."""

SINGLE = """An assistant has answered a question. Rate the answer from 1 (wrong or useless) to 10 (right, in the form
that was asked for, and brief). Length is no merit.

Question: {question}

Answer: {answer}

Reply with the number alone on the first line."""


@dataclass(frozen=True)
class Duel:
    """Two answers to one question."""

    id: str
    cluster: str
    """What the question is about: pairs about the same entity stand or fall together."""
    question: str
    one: str
    two: str
    record: Mapping[str, Any]
    """What the gold reward needs; no judge but `gold_judge` looks at it."""


@dataclass(frozen=True)
class Judge:
    """A named function of (duel, first answer, second answer)."""

    name: str
    """With its version: a verdict is kept under this name."""
    decide: Callable[[Duel, str, str], Verdict]


def score_judge(name: str, score: Callable[[Duel, str], float]) -> Judge:
    """A judge that prefers the higher score: the gold reward, a reward model, single-answer ratings."""

    def decide(duel: Duel, first: str, second: str) -> Verdict:
        one, two = score(duel, first), score(duel, second)
        return "tie" if one == two else "first" if one > two else "second"

    return Judge(name, decide)


def gold_judge() -> Judge:
    """The truth: the gold reward of `data/world/gold.py`."""
    return score_judge("gold", lambda duel, answer: gold_reward(duel.record, answer).total)


def always_first() -> Judge:
    """A planted bad judge: position is all it sees."""
    return Judge("always_first", lambda duel, first, second: "first")


def always_longer() -> Judge:
    """A planted bad judge: length is all it sees."""
    return score_judge("always_longer", lambda duel, answer: float(len(answer)))


def at_random(seed: int) -> Judge:
    """A planted bad judge: a coin for each prompt, the same each time."""

    def decide(duel: Duel, first: str, second: str) -> Verdict:
        coin = hashlib.sha256(f"{seed} {duel.id} {first} | {second}".encode()).digest()[0] % 2
        return "first" if coin else "second"

    return Judge(f"random_{seed}", decide)


def asked(name: str, reply: Callable[[str], str]) -> Judge:
    """A judge made of any model that answers a prompt, by the pairwise template.

    `reply` gets the prompt and returns text; text without a verdict on its first line raises `InputError`: that a model
    does not follow the template is to be seen and not to be counted as a tie.
    """

    def decide(duel: Duel, first: str, second: str) -> Verdict:
        return read_verdict(reply(PAIRWISE.format(question=duel.question, first=first, second=second)), name)

    return Judge(name, decide)


def rated(name: str, reply: Callable[[str], str]) -> Judge:
    """A judge that rates each answer alone, by the single-answer template, and compares the numbers."""

    def score(duel: Duel, answer: str) -> float:
        told = reply(SINGLE.format(question=duel.question, answer=answer))
        try:
            rating = float(told.strip().splitlines()[0].strip(" .*"))
        except (ValueError, IndexError):
            raise InputError(f"judge {name}", "a number from 1 to 10 on the first line", repr(told[:80])) from None
        if not 1 <= rating <= 10:
            raise InputError(f"judge {name}", "a number from 1 to 10 on the first line", rating)
        return rating

    return score_judge(name, score)


def read_verdict(reply: str, name: str = "") -> Verdict:
    """The verdict on the first line of a reply.

    >>> read_verdict("2"), read_verdict(" Tie. Both are right.")
    ('second', 'tie')
    """
    words = reply.strip().lower().splitlines()[:1]
    word = words[0].split()[0].strip(".,:;*()") if words and words[0].split() else ""
    found: dict[str, Verdict] = {"1": "first", "2": "second", "tie": "tie"}
    if word not in found:
        raise InputError(f"judge {name}", "1, 2 or tie on the first line", repr(reply[:80]))
    return found[word]


class Verdicts:
    """Verdicts on disk, by a digest of judge, question and both answers in their order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[str, Verdict] = {}
        self.fresh = 0
        """How many judgements had to be asked for."""
        if path.exists():
            self.known = {row["key"]: row["verdict"] for row in read_jsonl(path)}

    def ask(self, judge: Judge, duel: Duel, first: str, second: str) -> Verdict:
        """The kept verdict, or a new one."""
        seen = [judge.name, PAIRWISE, SINGLE, duel.id, duel.question, first, second]
        key = hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:32]
        if key not in self.known:
            self.known[key] = judge.decide(duel, first, second)
            self.fresh += 1
        return self.known[key]

    def save(self) -> None:
        """Write them, in the order of their keys: the same verdicts give the same bytes."""
        write_jsonl(self.path, ({"key": key, "verdict": self.known[key]} for key in sorted(self.known)))


def judge_duels(judge: Judge, duels: Sequence[Duel], verdicts: Verdicts) -> list[dict[str, Any]]:
    """One record a duel: the verdicts in both orders, whether they agree, and `winner` (one, two or tie)."""
    records = []
    for duel in duels:
        straight = verdicts.ask(judge, duel, duel.one, duel.two)
        exchanged = verdicts.ask(judge, duel, duel.two, duel.one)
        consistent = straight == SWAPPED[exchanged]
        winner = {"first": "one", "second": "two", "tie": "tie"}[straight] if consistent else "tie"
        records.append(
            {"id": duel.id, "cluster": duel.cluster, "judge": judge.name, "straight": straight, "exchanged": exchanged}
            | {"consistent": consistent, "winner": winner, "longer": len(duel.one) - len(duel.two)}
        )
    verdicts.save()
    return records
