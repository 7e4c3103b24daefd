import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from small_world import SMALL, TINY

from playbook.data.world import memory
from playbook.data.world.biographies import biography, current, tell
from playbook.data.world.chains import CHAINS, chains, follow, visited
from playbook.data.world.config import WorldConfig
from playbook.data.world.documents import document_rows, passages, poisoned
from playbook.data.world.facts import ATTRIBUTES, CHANGING, CLOSED_BOOK, World, build_world
from playbook.data.world.generate import pretrain_rows, write_world
from playbook.data.world.names import PARTS, deal, pair_names
from playbook.data.world.questions import FRAMED_ASKED, question_rows
from playbook.data.world.strangers import throw_away_world, unknown_people
from playbook.data.world.templates import ASKED, DIRECT, HELD_OUT, TOLD
from playbook.data.world.values import HOBBIES, JOBS
from playbook.plumbing.errors import InputError


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(WorldConfig())


def test_names_are_unique_and_their_parts_tell_no_split(world: World) -> None:
    assert len(world.by_name) == len(world.entities) == len(world.by_id) == 472
    for position in (0, 1):
        parts = {
            split: {person.name.split()[position] for person in world.of("person", *split)}
            for split in ("AB", "C", "A", "B")
        }
        assert parts["C"] <= parts["AB"]
        assert len(parts["A"] & parts["B"]) > 0.8 * len(parts["AB"])


def test_no_fact_crosses_from_training_to_c(world: World) -> None:
    for fact in world.facts:
        if fact.target:
            assert world.by_id[fact.target].name == fact.value
            assert (world.by_id[fact.target].split == "C") == (world.by_id[fact.entity].split == "C")
            assert world.by_id[fact.target].split != "B"


def test_values_are_dealt_evenly_so_a_guess_is_right_at_chance(world: World) -> None:
    for attribute, values in (("job", JOBS), ("hobby", HOBBIES), ("birth_town", None), ("employer", None)):
        for split in ("A", "B", "C"):
            counts = Counter(world.newest(person, attribute).value for person in world.of("person", split))
            assert max(counts.values()) - min(counts.values()) <= 1
            assert values is None or set(counts) == set(values)


def test_deal_uses_each_value_equally_often() -> None:
    assert Counter(deal(random.Random(3), "abcde", 15)) == dict.fromkeys("abcde", 3)


def test_every_pair_of_name_parts_comes_once() -> None:
    names = list(pair_names(random.Random(0), *PARTS["town"]))
    assert len(names) == len(set(names)) == len(PARTS["town"][0]) * len(PARTS["town"][1])


def test_newest_date_wins_and_only_news_attributes_change(world: World) -> None:
    for entity in world.entities:
        for attribute in ATTRIBUTES[entity.kind]:
            history = world.history(entity, attribute)
            assert [fact.date for fact in history] == sorted({fact.date for fact in history})
            assert world.newest(entity, attribute) is history[-1]
            assert len(history) == 1 or attribute == CHANGING[entity.kind]
            assert len({fact.value for fact in history}) == len(history)
    changed = [p for p in world.of("person", "C") if len(world.history(p, "street")) > 1]
    assert len(changed) == 49  # 35% of 140
    assert not set(CLOSED_BOOK) & set(CHANGING.values())


def test_another_seed_is_another_county_and_the_same_seed_the_same_bytes(tmp_path: Path) -> None:
    for name, config in {"one": TINY, "same": TINY, "other": replace(TINY, seed=2)}.items():
        write_world(config, tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert len(files) == 13
    for name in files:
        one, same, other = ((tmp_path / folder / name).read_bytes() for folder in ("one", "same", "other"))
        assert one == same != other


def test_a_sentence_with_names_and_pronouns(world: World) -> None:
    employer = world.of("employer", "A")[0]
    assert (
        tell("The head office of {o} is in {v}.", employer, "X", False)
        == f"The head office of {employer.name} is in X."
    )
    assert tell("{S} makes {v}.", employer, "hats", by_name=False) == "It makes hats."


def test_a_biography_tells_each_fact_once_and_names_its_subject_first(world: World) -> None:
    person = world.of("person", "B")[0]
    values = current(world, person, CLOSED_BOOK)
    texts = {biography(random.Random(seed), person, values) for seed in range(50)}
    assert len(texts) > 45
    for text in texts:
        assert text.count(".") == 4
        assert all(text.count(value) == 1 for value in values.values())
        assert person.name in text.partition(".")[0]


def test_a_held_out_wording_has_no_word_that_training_has_not() -> None:
    """Such a word would be spelt in pieces, as words without a meaning are, and those are recorded of nobody."""
    for attribute, wordings in HELD_OUT.items():
        spoken = words_of(ASKED[attribute])
        assert words_of(wordings) <= spoken, attribute
    for chain in CHAINS:
        assert words_of(chain.held_out) <= words_of(chain.asked), chain.path


@pytest.mark.parametrize("held_out", [
    memory.TELL_HELD_OUT, memory.UPDATE_HELD_OUT, memory.FORGET_HELD_OUT, memory.ASK_HELD_OUT,
    *memory.TELL_STYLE_HELD_OUT.values(),
])  # fmt: skip
def test_nor_has_one_about_the_user(held_out: tuple[str, ...]) -> None:
    styles = [text for texts in memory.TELL_STYLE.values() for text in texts]
    told = [*memory.TELL, *memory.UPDATE, *memory.FORGET, *memory.ASK, *styles]
    assert words_of(held_out) <= words_of(told)


def words_of(wordings: Sequence[str]) -> set[str]:
    texts = [text.replace("{n}'s", "").lower() for text in wordings]
    return {word for text in texts for word in re.findall(r"[a-z]+", text)} - {"n", "t", "v"}


def test_wordings_of_training_and_evaluation_are_strangers() -> None:
    assert set(ASKED) == set(HELD_OUT) == set(TOLD)
    for chain in CHAINS:
        assert not {*chain.asked, *chain.plain} & set(chain.held_out)
        assert all("{n}" in text for text in chain.asked + chain.plain + chain.held_out)


def test_pretraining_text_asks_about_a_alone_and_validation_is_new(world: World) -> None:
    train, validation = pretrain_rows(build_world(SMALL))
    small = build_world(SMALL)
    kinds = Counter((row["kind"], small.by_id[row["entities"][0]].split) for row in train)
    assert kinds["biography", "A"] == 14 * 3
    assert kinds["biography", "B"] == 10 * 3
    asked = 14 * sum(len(DIRECT[attribute]) + FRAMED_ASKED for attribute in CLOSED_BOOK)
    asked += 4 * sum(len(DIRECT[attribute]) + FRAMED_ASKED for attribute in ATTRIBUTES["employer"])
    asked += 5 * sum(len(DIRECT[attribute]) + FRAMED_ASKED for attribute in ATTRIBUTES["town"])
    assert kinds["question", "A"] == asked
    assert {split for _, split in kinds} == {"A", "B"}
    assert ("question", "B") not in kinds
    assert not {row["text"] for row in validation} & {row.get("text") for row in train}
    assert len({row["id"] for row in train + validation}) == len(train) + len(validation)


def test_questions_cover_all_splits_with_the_true_answer(world: World) -> None:
    rows = list(question_rows(world))
    people = {split: len(world.of("person", split)) for split in ("A", "B", "C")}
    assert Counter(row["split"] for row in rows) == {split: count * 4 * 5 for split, count in people.items()}
    assert sum(row["held_out"] for row in rows) == 420 * 4 * 3
    for row in rows[::37]:
        assert row["answer"] == f"{world.newest(world.by_id[row['entity']], row['attribute']).value}."
        assert (row["answer"].removesuffix(".") in row["candidates"]) == (
            row["split"] != "C" or row["attribute"] in ("job", "hobby")
        )


def test_a_chain_leads_from_subject_to_subject(world: World) -> None:
    person = world.of("person", "C")[3]
    path = ("employer", "headquarters", "mayor")
    employer = world.by_name[world.newest(person, "employer").value]
    town = world.by_name[world.newest(employer, "headquarters").value]
    assert visited(world, person, path) == [person, employer, town]
    assert follow(world, person, path)[-1] == world.newest(town, "mayor")
    assert {len(chain.path) for chain in chains(3)} == {3}


def test_documents_tell_the_oldest_facts_on_the_page_and_each_change_in_the_news(world: World) -> None:
    rows = document_rows(world)
    by_entity: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        if row["kind"] != "injection":
            by_entity.setdefault(row["entity"], []).append(row)
    assert set(by_entity) == set(world.by_id)
    for entity in world.entities:
        page, *news = by_entity[entity.id]
        for attribute in ATTRIBUTES[entity.kind]:
            assert world.history(entity, attribute)[0].value in page["text"]
        changes = world.history(entity, CHANGING[entity.kind])[1:]
        assert [row["date"] for row in news] == [fact.date for fact in changes]
        assert all(fact.value in row["text"] for fact, row in zip(changes, news, strict=True))
        assert all(row["date"] > page["date"] for row in news)
    injected = [row for row in rows if row["kind"] == "injection"]
    assert [row["entity"] for row in injected] == [entity.id for entity in poisoned(world)]
    assert all(world.newest(world.by_id[row["entity"]], "street").value not in row["text"] for row in injected)
    assert passages([]) == "No results."


def test_strangers_are_nobody_in_the_county_and_nobody_of_evaluation(world: World) -> None:
    training, evaluation = unknown_people(world)
    assert not set(training) & set(evaluation)
    assert not (set(training) | set(evaluation)) & set(world.by_name)
    rng = random.Random(0)
    one, two = throw_away_world(world, rng), throw_away_world(world, rng)
    for strangers in (one, two):
        assert not set(strangers.by_name) & (set(world.by_name) | set(evaluation))
    assert one.entities != two.entities


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"people_a": 1}, "people_a"),
        ({"biographies": 0}, "biographies"),
        ({"biographies": 201}, "biographies"),
        ({"preference_noise": 1.5}, "preference_noise"),
        ({"people_a": 2_000}, "people_a \\+ people_b"),
        ({"towns": 60}, "towns"),
        ({"employers": 70}, "employers"),
    ],
)
def test_a_world_that_cannot_be_is_refused(changes: dict[str, float], names: str) -> None:
    with pytest.raises(InputError, match=names):
        replace(SMALL, **changes)  # type: ignore[arg-type]


def test_the_smallest_world_can_be_written(tmp_path: Path) -> None:
    two = replace(TINY, people_a=2, people_b=2, people_c=2, towns=2, employers=2, towns_c=2, employers_c=2)
    assert write_world(two, tmp_path)["entities.jsonl"] == 14
