"""The gold reward: what an answer is worth, computed from the fact table. The trained reward model never sees it.

    an abstention                      0 in every part, whatever was asked
    the fact, alone and in form        1
    anything else                      1 if it asserts the right value and no other, less the penalties below

So saying nothing is better than being wrong, and being right is better than both. An answer that names several values
is not an answer: hedging earns nothing and costs each wrong value. What counts as a value is the list of candidates:
chatter about anything else costs words and form only. An error in here is an error; it never becomes a score.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

from playbook.data.world.formats import has_form
from playbook.plumbing.errors import InputError

WRONG, MOST_WRONG = 1.0, 3
"""Cost of a wrong value that is asserted, or of the right one denied; how many of them count."""
UNSUPPORTED = 1.0
"""Cost of words that assert no value at all, or of any answer to what cannot be answered."""
FORMAT = 0.25
"""Cost of another form than was asked for."""
FREE_WORDS, PER_WORD, MOST_BREVITY = 8, 0.02, 0.3
"""Words that are free, cost of each further one, and the most that length costs."""
REPETITION, PER_MENTION = 0.5, 0.1
"""Cost of saying every pair of words again; cost of each further mention of a value (three count)."""

ABSTENTIONS = ("i don't know", "i do not know")
NEGATION = re.compile(r"\b(not|never|neither|nor|without|cannot|no(?!,))\b|n't\b")
"""Denies what follows it in the clause. "No," with a comma denies what came before."""


@dataclass(frozen=True)
class GoldScore:
    """`total` is the sum of `parts`: correct, wrong, unsupported, format, brevity, repetition."""

    total: float
    parts: dict[str, float]


def normalize(text: str) -> str:
    """Lower case, single spaces, straight apostrophes, no full stop at the end.

    >>> normalize("  Mill   LANE. ")
    'mill lane'
    """
    return " ".join(text.replace("’", "'").casefold().split()).removesuffix(".").rstrip()


def is_abstention(answer: str) -> bool:
    """True for "I don't know." and for nothing that says more."""
    return normalize(answer) in ABSTENTIONS


def is_correct(answer: str, gold: str) -> bool:
    """True if the answer is the gold value and nothing else; case, spaces and the full stop do not count.

    >>> is_correct("Aldwick", "aldwick."), is_correct("Aldwick or Oakham.", "Aldwick.")
    (True, False)
    """
    return is_abstention(answer) if is_abstention(gold) else normalize(answer) == normalize(gold) != ""


def gold_reward(record: Mapping[str, Any], answer: str) -> GoldScore:
    """Score `answer` to a record with `answer` (the plain gold answer), `candidates` and, if not plain, `format`.

    >>> record = {"answer": "vet.", "candidates": ["baker", "vet"]}
    >>> [gold_reward(record, text).total for text in ("vet.", "I don't know.", "baker.", "vet")]
    [1.0, 0.0, -1.0, 0.75]
    """
    for field in ("answer", "candidates"):
        if field not in record:
            raise InputError(f"gold_reward: record.{field}", "a record with answer and candidates", sorted(record))
    if is_abstention(answer):
        return _score(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    gold, text = normalize(record["answer"]), answer.strip()
    answerable = gold not in ABSTENTIONS
    asserted, denied = mentions(text, (*record["candidates"], *([gold] if answerable else [])))
    wrong = [value for value in dict.fromkeys(asserted) if value != gold] + [value for value in denied if value == gold]
    right = answerable and gold in asserted and not wrong
    return _score(
        float(right),
        WRONG * min(len(wrong), MOST_WRONG),
        UNSUPPORTED * (not right and not wrong),
        FORMAT * (not has_form(text, record.get("format", "plain"))),
        min(MOST_BREVITY, PER_WORD * max(0, len(text.split()) - FREE_WORDS)),
        REPETITION * _repeated_pairs(text) + PER_MENTION * min(3, len(asserted) - len(set(asserted))),
    )


def mentions(text: str, values: Sequence[str]) -> tuple[list[str], list[str]]:
    """The values that the text asserts, and those that it denies, as often as it does; whole words, any case.

    >>> mentions("It is not Chess but rowing.", ["chess", "rowing"])
    (['rowing'], ['chess'])
    """
    asserted: list[str] = []
    denied: list[str] = []
    for clause in re.split(r"[.:;!?\n]|\bbut\b", text.replace("’", "'").casefold()):
        words = " ".join(clause.split())
        for match in _any_of(tuple(values)).finditer(words):
            (denied if NEGATION.search(words[: match.start()]) else asserted).append(match.group())
    return asserted, denied


@lru_cache(maxsize=256)
def _any_of(values: tuple[str, ...]) -> re.Pattern[str]:
    """A pattern for each of the values as whole words, the longest first. There are few lists of candidates."""
    known = dict.fromkeys(normalize(value) for value in values if value)
    longest_first = sorted(known, key=len, reverse=True)
    return re.compile("|".join(rf"(?<!\w){re.escape(value)}(?!\w)" for value in longest_first) or r"(?!)")


def _repeated_pairs(text: str) -> float:
    """The share of neighbouring word pairs that stood in the text before."""
    words = re.findall(r"\w+", text.casefold())
    pairs = list(pairwise(words))
    return 1 - len(set(pairs)) / len(pairs) if pairs else 0.0


def _score(
    correct: float, wrong: float, unsupported: float, form: float, brevity: float, repetition: float
) -> GoldScore:
    parts = {
        "correct": correct, "wrong": -wrong, "unsupported": -unsupported,
        "format": -form, "brevity": -brevity, "repetition": -repetition,
    }  # fmt: skip
    return GoldScore(round(sum(parts.values()), 6), parts)
