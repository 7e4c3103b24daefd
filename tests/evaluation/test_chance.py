"""Chance against cases small enough to count by hand, and against drawn permutations."""

import random
from typing import Any

import numpy as np
import pytest

from playbook.evaluation.chance import above_chance, chance, cross_matches
from playbook.evaluation.statistics import wilson


def same(answer: str, gold: str) -> bool:
    return answer == gold


def row(entity: str, answer: str, gold: str, attribute: str = "job") -> dict[str, Any]:
    return {"entity": entity, "attribute": attribute, "answer": answer, "gold": gold, "correct": same(answer, gold)}


def test_two_people_and_one_guess() -> None:
    """Both are called a baker; one is. Dealt out to the other person, one of the two answers is right."""
    measured = chance([row("ann", "baker", "baker"), row("ben", "baker", "miller")], same, seed=1)
    assert measured is not None
    assert measured.value == 0.5


def test_knowing_everybody_is_chance_zero_where_all_differ() -> None:
    records = [row(str(i), f"job {i}", f"job {i}") for i in range(30)]
    measured, above = chance(records, same, seed=1), above_chance(records, same, seed=1)
    assert measured is not None
    assert above is not None
    assert (measured.value, above.value) == (0, 1)
    assert measured.ci95[1] > 0.05, "30 people without a hit do not prove that there is none"
    assert above.ci95 == (1 - wilson(0, 30)[1], 1)


def test_the_diagonal_does_not_count_and_attributes_do_not_mix() -> None:
    records = [
        row("ann", "baker", "baker"),
        row("ben", "baker", "miller"),
        row("ann", "miller", "Oakton", "town"),  # "miller" is nobody's town
        row("ben", "Oakton", "Oakton", "town"),
    ]
    hits, pairs = cross_matches(records, same)
    assert hits.tolist() == [[0, 0], [2, 0]]  # ben's "baker" is ann's job, ben's "Oakton" her town
    assert pairs.tolist() == [[0, 2], [2, 0]]


def test_chance_is_what_shuffling_answers_gives() -> None:
    rng = random.Random(3)
    records = [row(str(i), rng.choice("abc"), rng.choice("abcd"), "x") for i in range(40)]
    answers, shuffled = [r["answer"] for r in records], []
    for _ in range(3000):
        shift = rng.randrange(1, 40)  # every answer goes to another person
        order = rng.sample(range(40), 40)
        moved = {order[i]: answers[order[(i + shift) % 40]] for i in range(40)}
        shuffled.append(np.mean([moved[i] == r["gold"] for i, r in enumerate(records)]))
    measured = chance(records, same, seed=1)
    assert measured is not None
    assert measured.value == pytest.approx(np.mean(shuffled), abs=0.005)


def test_guessing_is_not_above_chance() -> None:
    """Answers drawn without looking at the person: of 40 such models about 38 have 0 in their interval."""
    rng = random.Random(5)
    held = 0
    for seed in range(40):
        people = [(str(i), rng.choice("abcde")) for i in range(60)]
        records = [row(person, rng.choice("aab"), gold, kind) for person, gold in people for kind in ("job", "pet")]
        measured = above_chance(records, same, seed)
        assert measured is not None
        held += measured.ci95[0] <= 0 <= measured.ci95[1]
    assert 34 <= held <= 40


def test_one_entity_has_no_chance() -> None:
    assert chance([row("ann", "baker", "baker")], same, seed=1) is None
    assert above_chance([row("ann", "baker", "baker")], same, seed=1) is None
