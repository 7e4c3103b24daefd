import random
import re
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from small_world import SMALL

from playbook.data.audit import strings
from playbook.data.world.chains import CHAINS
from playbook.data.world.drills import DRILLS, Words, claims, drill_rows
from playbook.data.world.facts import CHANGING, World, build_world
from playbook.data.world.formats import render, style_note
from playbook.data.world.names import PARTS
from playbook.data.world.reasoning import NOT_TOLD, NOUN, OTHER, plan
from playbook.data.world.strangers import unknown_people, unused
from playbook.data.world.turns import IDK

Row = dict[str, Any]
DRILLED = replace(SMALL, drills=300)


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(DRILLED)


@pytest.fixture(scope="module")
def rows(world: World) -> list[Row]:
    return list(drill_rows(world))


def entries(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["kind"].startswith("entries")]


def sentences(rows: list[Row]) -> list[Row]:
    """Those with passages; half of sentences_3 has entries, as claims_3."""
    return [row for row in rows if row["kind"].startswith("sentences") and "reasoning_content" in row["messages"][2]]


def name_of(line: str) -> str:
    """The first two words of an entry."""
    return " ".join(re.split(r"[ ,:]+", line)[:2])


def exchanges(row: Row) -> list[tuple[str, Row]]:
    """(question, turn that answers it)"""
    turns = row["messages"][1:]
    return [(asked["content"], answer) for asked, answer in zip(turns[::2], turns[1::2], strict=True)]


def test_the_seed_fixes_the_rows_and_each_kind_has_as_many(world: World, rows: list[Row]) -> None:
    assert list(drill_rows(build_world(DRILLED))) == rows
    assert list(drill_rows(build_world(replace(DRILLED, seed=2)))) != rows
    assert Counter(row["kind"] for row in rows) == dict.fromkeys(DRILLS, 300)
    assert len({row["id"] for row in rows}) == len(rows)


def test_rows_differ(rows: list[Row]) -> None:
    for kind in DRILLS.keys() - {"claims_1", "forms", "plans_2"}:  # so short that they recur
        said = {str(row["messages"]) for row in rows if row["kind"] == kind}
        assert len(said) > 0.95 * 300, kind


def test_no_name_of_c_is_spoken(world: World, rows: list[Row]) -> None:
    text = " ".join(f" {words} " for words in strings(rows)).replace("\n", " . ")
    assert not [entity.name for entity in world.entities if entity.split == "C" and f" {entity.name} " in text]


def test_an_echo_says_its_words_twice(rows: list[Row]) -> None:
    for row in rows:
        if row["kind"].startswith("echo"):
            (asked, answer) = (turn["content"] for turn in row["messages"])
            assert answer == f"{asked} {asked}"


def test_an_entry_is_said_again_with_the_value_that_stands_in_it(rows: list[Row]) -> None:
    for row in entries(rows):
        lines = row["messages"][0]["content"].split("\n")
        assert len(exchanges(row)) == len(lines)
        for question, answer in exchanges(row):
            if row["kind"] == "entries_8":
                continue
            (line,) = [line for line in lines if name_of(line) in question]
            if row["kind"] >= "entries_4":
                said = answer["content"].removeprefix(f"{name_of(line)}, ").partition(": ")[0]
                noun = " ".join(question.replace(name_of(line), "").split()) or said
                if row["kind"] != "entries_5":  # of which there are both
                    assert (question == name_of(line)) == (row["kind"] == "entries_4")
                assert line.startswith(f"{name_of(line)} {noun} ")
                line = line.replace(f" {noun} ", f", {noun}: ", 1)
            assert answer["content"] == line


def test_a_plan_names_whom_the_question_is_about_and_what_each_hop_asks(rows: list[Row]) -> None:
    wordings = {(len(chain.path), plan("", chain.path)): chain for chain in CHAINS}
    kinds: Counter[str] = Counter()
    for row in (row for row in rows if row["kind"] == "plans_1"):
        (_, question, *_, search) = row["messages"]
        name, looked_up = search["tool_call"]["query"], search["reasoning_content"]
        assert name in question["content"]
        assert looked_up.startswith(f"{name}: ")
        rest = looked_up.removeprefix(name)
        if rest.startswith(": said "):
            kinds["premise"] += 1
            assert rest.removeprefix(": said ").partition(",")[0] in question["content"]
        elif rest == plan("", (OTHER,)):
            kinds["missing"] += 1
        else:
            kinds["chain"] += 1
            chain = wordings[rest.count(",") + 1, rest]
            assert question["content"] in {text.format(n=name) for text in chain.asked + chain.plain}
    assert kinds["chain"] > kinds["premise"] > kinds["missing"] > 0


def test_half_of_the_rows_with_premises_are_short(rows: list[Row]) -> None:
    assert 100 < sum(row["kind"] == "sentences_3" for row in sentences(rows)) < 200


@pytest.mark.parametrize("kind", ["claims_3", "entries_8"])
def test_a_claim_is_judged_by_the_entry_and_what_no_entry_tells_of_is_not_told(kind: str, rows: list[Row]) -> None:
    outcomes: Counter[str] = Counter()
    for row in (row for row in rows if row["kind"] == kind):
        told = {name_of(line): line for line in row["messages"][0]["content"].split("\n")}
        for question, answer in exchanges(row):
            name, _, rest = answer["content"].partition(", ")
            noun, _, said = rest.partition(": ")
            said, _, left = said.partition("; ")
            value, _, claim = said.partition(", said ")
            assert name in question
            assert noun in question
            if left:
                outcomes["more"] += 1
                assert question == f"{name}: {noun}, {left}"
            if value == NOT_TOLD:
                outcomes["not told"] += 1
                assert not told.get(name, "").startswith(f"{name} {noun} ")
                continue
            assert told[name] == f"{name} {noun} {value}"
            if claim:
                claimed, _, verdict = claim.rpartition(": ")
                assert claimed in question
                assert verdict == ("yes" if claimed == value else "no")
                outcomes[verdict] += 1
            elif not left:
                outcomes["told"] += 1
    assert set(outcomes) == {"told"} | ({"not told"} if kind == "entries_8" else {"yes", "no", "more"})


def test_two_values_are_compared_and_half_of_them_are_the_same(rows: list[Row]) -> None:
    verdicts: Counter[str] = Counter()
    for row in (row for row in rows if row["kind"] == "claims_1"):
        asked, answer = (turn["content"] for turn in row["messages"])
        said, _, verdict = answer.rpartition(": ")
        value, _, claimed = said.partition(", said ")
        assert asked == f"{value}, {claimed}"
        assert verdict == ("yes" if value == claimed else "no")
        verdicts[verdict] += 1
    assert 100 < verdicts["yes"] < 200


def test_a_look_up_is_said_again_with_its_verdict(rows: list[Row]) -> None:
    compared = [row for row in rows if row["kind"] == "claims_2"]
    assert len(compared) == 300
    for row in compared:
        asked, answer = (turn["content"] for turn in row["messages"])
        found, _, claim = answer.partition(", said ")
        claimed, _, verdict = claim.rpartition(": ")
        where, _, value = found.partition(": ")
        name, _, noun = where.partition(", ")
        assert asked == f"{noun} {name} {claimed}; {value}"
        assert verdict == ("yes" if value == claimed else "no")


def test_a_false_claim_sometimes_shares_a_word_with_the_truth(world: World) -> None:
    words, shares = Words(world), {}
    for near in (0.0, 1.0):
        write = claims("{value}, {claimed}", "{verdict}", near)
        turns = [write(random.Random(seed), words) for seed in range(300)]
        false = [asked["content"].split(", ") for asked, answer in turns if answer["content"] == "no"]
        shared = [bool(set(value.split()) & set(claimed.split())) for value, claimed in false]
        shares[near] = sum(shared) / len(shared)
    assert shares[0.0] < 0.2 < 0.4 < shares[1.0]


def test_all_people_of_a_row_have_the_same_noun_so_only_the_name_tells(rows: list[Row]) -> None:
    for row in entries(rows):
        lines = row["messages"][0]["content"].split("\n")
        assert len({name_of(line) for line in lines}) == len(lines) >= 2
        if row["kind"] == "entries_3":
            assert len({line.partition(", ")[2].partition(": ")[0] for line in lines}) == 1


def test_a_sentence_is_read_by_name_and_attribute_or_it_is_not_told(rows: list[Row]) -> None:
    outcomes: Counter[str] = Counter()
    for row in sentences(rows):
        texts = {name: " ".join(lines) for name, lines in passages_of(row).items()}
        for question, answer in exchanges(row):
            name = answer["reasoning_content"].partition(", ")[0]
            last, _, claimed = answer["reasoning_content"].rpartition("; ")[2].partition(", said ")
            value, denied = last.rpartition(": ")[2], claimed.endswith(": no")
            assert name in question
            if value == NOT_TOLD:
                outcomes["absent" if name not in texts else "missing"] += 1
                assert answer["content"] == IDK
                continue
            outcomes["premise" if denied else "told"] += 1
            assert value in texts[name]
            assert claimed.removesuffix(": no") in question
            assert answer["content"] == (IDK if denied else f"{value}.")
    assert set(outcomes) == {"absent", "missing", "premise", "told"}
    assert outcomes["told"] > outcomes.total() / 2


def passages_of(row: Row) -> dict[str, list[str]]:
    """Title -> its passages, oldest first."""
    found: dict[str, list[str]] = {}
    for line in sorted(row["messages"][0]["content"].split("\n"), key=lambda line: re.findall(r"[0-9]{4}", line)[0]):
        title, _, text = line.partition(", ")
        found.setdefault(title, []).append(text)
    return found


def test_of_what_has_changed_the_newest_counts(rows: list[Row]) -> None:
    changing, changed = {NOUN[attribute] for attribute in CHANGING.values()}, 0
    for row in sentences(rows):
        told = passages_of(row)
        for _, answer in exchanges(row):
            name, _, rest = answer["reasoning_content"].partition(", ")
            noun, _, value = rest.partition(": ")
            if noun in changing and value != NOT_TOLD and len(told[name]) > 1 and ";" not in value:
                changed += 1
                assert value in told[name][-1]
                assert f"no longer {value}" not in told[name][-1]
    assert changed > 20


def test_a_value_is_written_in_other_tokens_and_every_kind_of_value_is(world: World, rows: list[Row]) -> None:
    kinds, asked = set(), set()
    by_attribute = Words(world).by_attribute
    for question, answer in (row["messages"] for row in rows if row["kind"] == "forms"):
        value, _, note = question["content"].partition("; ")
        form = next(form for form in ("capitals", "json") if note == style_note(form))
        assert answer["content"] == render(value, form)
        kinds |= {attribute for attribute, values in by_attribute.items() if value in values}
        asked.add(form)
    assert kinds == set(by_attribute)
    assert asked == {"capitals", "json"}


@pytest.mark.parametrize("kind", ["entries_6", "entries_7", "sentences_1"])
def test_at_times_neither_half_of_a_name_tells_who_is_meant(kind: str, rows: list[Row]) -> None:
    grids = 0
    for row in rows:
        if row["kind"] == kind:
            names = [name_of(line).split() for line in row["messages"][0]["content"].split("\n")]
            grids += len(names) == 4 and all(len({name[half] for name in names}) == 2 for half in (0, 1))
    assert grids


def test_names_are_of_nobody(world: World, rows: list[Row]) -> None:
    training, _ = unknown_people(world)
    nobody = {*training, *unused(world, "town"), *unused(world, "employer")}
    names = {name_of(line) for row in entries(rows) for line in row["messages"][0]["content"].split("\n")}
    assert names <= nobody
    assert not names <= set(training)
    assert all(len(name.split()) == len(PARTS["person"][:2]) for name in training)


def test_questions_of_several_hops_are_often_asked_in_no_frame(rows: list[Row]) -> None:
    several = [row for row in rows if row["kind"] == "plans_1" and "," in row["messages"][-1]["reasoning_content"]]
    wordings = {text for chain in CHAINS if len(chain.path) > 1 for text in chain.plain}
    plain = [
        row for row in several
        if row["messages"][1]["content"].replace(row["messages"][-1]["tool_call"]["query"], "{n}") in wordings
    ]  # fmt: skip
    assert len(plain) > 0.3 * len(several)


def test_plans_go_on_among_forms(rows: list[Row]) -> None:
    mixed = [row for row in rows if row["kind"] == "plans_2"]
    assert 100 < sum("tool_call" in row["messages"][-1] for row in mixed) < 200
