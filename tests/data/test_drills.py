from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from small_world import SMALL

from playbook.data.audit import strings
from playbook.data.world.drills import DRILLS, NOUNS, drill_rows
from playbook.data.world.facts import World, build_world
from playbook.data.world.names import PEOPLE
from playbook.data.world.strangers import unknown_people

Row = dict[str, Any]
DRILLED = replace(SMALL, drills=300)


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(DRILLED)


@pytest.fixture(scope="module")
def rows(world: World) -> list[Row]:
    return list(drill_rows(world))


def entries(row: Row) -> list[tuple[str, list[str]]]:
    """(name, words that follow) of each person of a register."""
    lines = [line.split() for line in row["messages"][0]["content"].split("\n")]
    return [(" ".join(words[:2]), words[2:]) for words in lines]


def registers(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["kind"].startswith("register")]


def test_the_seed_fixes_the_rows_and_each_kind_has_as_many(world: World, rows: list[Row]) -> None:
    assert list(drill_rows(build_world(DRILLED))) == rows
    assert list(drill_rows(build_world(replace(DRILLED, seed=2)))) != rows
    assert Counter(row["kind"] for row in rows) == dict.fromkeys(DRILLS, 300)
    assert len({row["id"] for row in rows}) == len(rows)


def test_rows_differ(rows: list[Row]) -> None:
    for kind in DRILLS:
        texts = {row["messages"][0]["content"] for row in rows if row["kind"] == kind}
        assert len(texts) > 0.95 * 300, kind


def test_no_name_of_c_is_spoken(world: World, rows: list[Row]) -> None:
    text = " ".join(f" {words} " for words in strings(rows)).replace("\n", " . ")
    assert not [entity.name for entity in world.entities if entity.split == "C" and f" {entity.name} " in text]


def test_every_answer_stands_in_the_context(rows: list[Row]) -> None:
    for row in rows:
        first, *_ = (turn["content"] for turn in row["messages"])
        answers = [turn["content"] for turn in row["messages"] if turn["role"] == "assistant"]
        assert answers
        if row["kind"].startswith("echo"):
            assert answers == [f"{first} {first}"]
        else:
            assert all(f" {answer} " in f" {first} ".replace("\n", " ") for answer in answers)


def test_the_answer_is_what_stands_behind_the_noun_in_the_entry_of_the_name(rows: list[Row]) -> None:
    for row in registers(rows):
        told = dict(entries(row))
        for question, answer in zip(row["messages"][1::2], row["messages"][2::2], strict=True):
            (name,) = [name for name in told if name in question["content"]]
            (noun,) = [noun for noun in NOUNS if noun in question["content"].replace(name, "").split()]
            after = " ".join(told[name][told[name].index(noun) + 1 :])
            assert f"{after} ".startswith(f"{answer['content']} ")


def test_all_people_of_a_register_have_the_same_nouns_so_only_the_name_tells(rows: list[Row]) -> None:
    for row in registers(rows):
        people = entries(row)
        assert len({name for name, _ in people}) == len(people) >= 2
        nouns = [frozenset(noun for noun in NOUNS if noun in words) for _, words in people]
        assert len(set(nouns)) == 1, row
        assert len(nouns[0]) in ((2, 3) if row["kind"] == "register_3" else (1,))


def test_half_of_the_names_share_a_part_with_another(rows: list[Row]) -> None:
    sharing = total = 0
    for row in registers(rows):
        parts = [set(name.split()) for name, _ in entries(row)]
        shared = [any(one & other for other in parts if other is not one) for one in parts]
        sharing, total = sharing + sum(shared), total + len(shared)
    assert 0.5 < sharing / total < 0.8  # half of those after the first share with the first, which then shares as well


def test_names_are_of_nobody(world: World, rows: list[Row]) -> None:
    training, _ = unknown_people(world)
    assert {name for row in registers(rows) for name, _ in entries(row)} <= set(training)
    assert all(len(name.split()) == len(PEOPLE[:2]) for name in training)
