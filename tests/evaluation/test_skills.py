"""The bench on answerers that are known: one that cannot fail, one with a trick, one that never dares."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from small_world import SMALL

from playbook.data.world.documents import NOTHING_FOUND
from playbook.data.world.facts import World
from playbook.data.world.generate import write_world
from playbook.data.world.gold import is_abstention, mentions
from playbook.data.world.turns import IDK, Turn, assistant, call
from playbook.evaluation.closed_book import EvaluateConfig
from playbook.evaluation.skills import (
    EXACT,
    MISTAKES,
    MOST_CALLS,
    UNANSWERABLE,
    Answerer,
    Task,
    converse,
    mistake,
    model_answerer,
    read_bench,
    reading_tasks,
    skill_metrics,
)
from playbook.model.gpt import GPTMini, ModelConfig
from playbook.plumbing.errors import InputError
from playbook.plumbing.metrics import walk_measurements, write_metrics
from playbook.text.tokenizer import CharTokenizer

Bench = tuple[World, list[Task]]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    corpus = tmp_path_factory.mktemp("corpus")
    write_world(replace(SMALL, people_c=60), corpus)  # so many that some are namesakes
    return read_bench(corpus)


def of(tasks: Sequence[Task], kind: str) -> list[Task]:
    return [task for task in tasks if task["kind"] == kind]


def scripted(tasks: Sequence[Task], reply: Callable[[Task, list[Turn]], Turn]) -> Answerer:
    """Answers by knowing which task a conversation began as."""
    known = {json.dumps(task["messages"]): task for task in tasks}
    return lambda talks: [reply(known[json.dumps(talk[:2])], talk) for talk in talks]


def perfect(task: Task, talk: list[Turn]) -> Turn:
    calls = sum("tool_call" in turn for turn in talk)
    return call("search", task["path"][calls]) if calls < len(task["path"]) else assistant(task["answer"])


def measured(bench: Bench, answerer: Answerer) -> dict[str, float]:
    """Every metric by its dotted name."""
    world, tasks = bench
    values: dict[str, float] = {}
    for name, found in skill_metrics(converse(tasks, world, answerer)).items():
        parts = {f"{name}.{key}": part for key, part in found.items()} if isinstance(found, dict) else {name: found}
        values |= {key: part.value for key, part in parts.items()}
    return values


def test_who_reads_searches_and_doubts_rightly_scores_one(bench: Bench) -> None:
    value = measured(bench, scripted(bench[1], perfect))
    zero = {"read_3_chosen_other", "false_answer_rate", "false_refusal_rate"}
    zero |= {f"false_answer_by_kind.{kind}" for kind in UNANSWERABLE}
    zero |= {f"read_3_mistakes.{kind}" for kind in MISTAKES}
    assert {name for name, share in value.items() if share == 0} == zero
    assert {name for name, share in value.items() if share == 1} == set(value) - zero
    names = {f"read_3_by_position.{place}" for place in (1, 2, 3)} | {"known_facts.A", "known_facts.B"}
    assert names | {"read_3_by_namesake.yes", "read_3_by_namesake.no", *EXACT} == set(value) - zero


def test_who_always_reads_the_first_passage_is_found_out(bench: Bench) -> None:
    world, tasks = bench

    def first_passage(task: Task, talk: list[Turn]) -> Turn:
        if talk[0]["role"] != "tool":
            return assistant("")
        page = talk[0]["content"].split("\n")[0]
        values = [fact.value for fact in world.facts if fact.attribute == task["attribute"]]
        return assistant(f"{mentions(page, values)[0][0]}.")

    value = measured(bench, scripted(tasks, first_passage))
    assert value["read_1"] == value["read_3_by_position.1"] == 1
    assert value["read_3_by_position.2"] == value["read_3_by_position.3"] == 0
    for kind in ("read_3", "shuffled", "swapped_names", "other_person"):
        assert 0.2 < value[kind] < 0.47  # four standard deviations
    assert value["read_3_chosen_other"] == pytest.approx(1 - value["read_3"])


def test_who_ignores_names_fails_where_they_are_exchanged(bench: Bench) -> None:
    tasks = bench[1]
    by_heart = {task["id"].rpartition("-")[2]: task["answer"] for task in of(tasks, "read_3")}

    def stubborn(task: Task, talk: list[Turn]) -> Turn:
        return assistant(by_heart[task["id"].rpartition("-")[2]]) if "position" in task else perfect(task, talk)

    value = measured(bench, scripted(tasks, stubborn))
    assert value["read_3"] == value["shuffled"] == 1
    assert value["swapped_names"] == value["other_person"] == 0


def test_who_never_dares_answers_nothing_falsely_and_refuses_everything(bench: Bench) -> None:
    value = measured(bench, lambda talks: [assistant(IDK) for _ in talks])
    assert value["false_refusal_rate"] == 1
    assert {name for name, share in value.items() if share} == {"false_refusal_rate", "read_3_mistakes.name"}


def test_a_mistake_is_put_down_to_the_first_step_that_fails() -> None:
    asked = {"name": "Ada Bell", "attribute": "street", "others": ["Mill Lane"], "correct": False}
    written = {
        "Ada Fox, address: Mill Lane": "name",
        "": "name",
        "Ada Bell, hobby: chess": "noun",
        "Ada Bell, address: Mill Lane": "passage",
        "Ada Bell, address: not told": "refused",
        "Ada Bell, address: Park Mill": "value",
    }
    assert {text: mistake({**asked, "reasoning": text}) for text in written} == written
    assert set(written.values()) == set(MISTAKES)
    assert mistake({**asked, "reasoning": "", "correct": True}) is None


def test_swapped_rows_hold_the_answer_of_the_other_under_the_subjects_name(bench: Bench) -> None:
    world, tasks = bench
    for plain, swapped in zip(of(tasks, "read_3"), of(tasks, "swapped_names"), strict=True):
        assert plain["messages"][1] == swapped["messages"][1]
        assert swapped["answer"] != plain["answer"]
        assert swapped["answer"].removesuffix(".") in plain["others"]
        before, after = (task["messages"][0]["content"].split("\n") for task in (plain, swapped))
        name, value = world.by_id[plain["entity"]].name, swapped["answer"].removesuffix(".")
        page = after[swapped["position"] - 1]
        assert page.startswith(f"{name}, ")
        assert value in page
        assert name not in "\n".join(after).replace(page, "")
        mine = after[plain["position"] - 1].partition(",")[0]
        assert before[swapped["position"] - 1].startswith(f"{mine}, ")
        assert mine not in page
        pronouns = {"she", "her"} if world.by_name[name].pronoun == "he" else {"he", "him", "his"}
        assert not pronouns & set(page.casefold().split())


def test_pages_of_a_row_are_the_same_in_each_variant(bench: Bench) -> None:
    _, tasks = bench
    kinds = ("read_3", "shuffled", "other_person", "read_1")
    for plain, shuffled, asked, single in zip(*(of(tasks, kind) for kind in kinds), strict=True):
        pages, others, same, one = (t["messages"][0]["content"].split("\n") for t in (plain, shuffled, asked, single))
        assert pages != others
        assert sorted(pages) == sorted(others)
        assert pages == same
        assert one == [pages[plain["position"] - 1]]
        assert asked["messages"][1] != plain["messages"][1]
        assert len({plain["answer"].removesuffix("."), *plain["others"]}) == 3


@pytest.mark.parametrize("kind", ["read_3", "shuffled", "swapped_names", "other_person"])
def test_no_answer_stands_in_a_fixed_place(bench: Bench, kind: str) -> None:
    places = Counter(task["position"] for task in of(bench[1], kind))
    assert set(places) == {1, 2, 3}
    assert max(places.values()) < 0.47 * sum(places.values())


def test_the_right_passage_of_a_search_stands_in_no_fixed_place(bench: Bench) -> None:
    world, tasks = bench
    places: Counter[int] = Counter()

    def watching(task: Task, talk: list[Turn]) -> Turn:
        if len(talk) > 2:
            lines = talk[-1]["content"].split("\n")
            name = talk[-2]["tool_call"]["query"]
            places.update([i for i, line in enumerate(lines) if line.startswith(f"{name}, ")][:1])
        return perfect(task, talk)

    converse(of(tasks, "hops_1"), world, scripted(tasks, watching))
    assert min(places[0], places[1], places[2]) > 0


def test_unknown_names_find_nothing_or_a_namesake(bench: Bench) -> None:
    world, tasks = bench
    unknown = of(tasks, "unknown_entity")
    for task, row in zip(unknown, converse(unknown, world, scripted(tasks, perfect)), strict=True):
        found = row["prompt"].rpartition("tool: ")[2]
        title, (name,) = found.partition(",")[0], task["path"]
        assert name not in world.by_name
        assert found == NOTHING_FOUND or (title != name and set(title.split()) & set(name.split()))
    assert {task["found_instead"] is None for task in unknown} == {True, False}


def test_calls_without_end_are_cut_and_wrong(bench: Bench) -> None:
    world, tasks = bench
    rows = converse(of(tasks, "hops_3"), world, lambda talks: [call("search", "Nobody Atall") for _ in talks])
    assert {row["prompt"].count(NOTHING_FOUND) for row in rows} == {MOST_CALLS}
    assert not any(row["correct"] or row["abstained"] for row in rows)


@pytest.mark.parametrize("strays", [True, False])
def test_a_full_context_is_the_models_fault_only_off_the_path(bench: Bench, strays: bool) -> None:
    world, tasks = bench
    hops = of(tasks, "hops_2")
    search = scripted(hops, lambda task, _: call("search", "Nobody Atall" if strays else task["path"][0]))

    def full_after_a_search(talks: Sequence[list[Turn]]) -> Sequence[Turn | None]:
        return search(talks) if len(talks[0]) == 2 else [None] * len(talks)

    if strays:
        assert {row["answer"] for row in converse(hops, world, full_after_a_search)} == {""}
    else:
        with pytest.raises(InputError, match=r"sft\.context"):
            converse(hops, world, full_after_a_search)


def test_tasks_are_the_same_for_the_same_world_and_answers_about_c(bench: Bench) -> None:
    world, tasks = bench
    assert list(reading_tasks(world)) == [task for task in tasks if "position" in task]
    about = {task["entity"] for task in tasks if task["kind"] not in ("known_facts", "unknown_entity")}
    assert {world.by_id[name].split for name in about} == {"C"}
    assert all(is_abstention(task["answer"]) == (task["kind"] in UNANSWERABLE) for task in tasks)


def test_a_real_model_gives_metrics_that_keep_the_contract(bench: Bench, tmp_path: Path) -> None:
    world, tasks = bench
    some = [task for kind in {task["kind"] for task in tasks} for task in of(tasks, kind)[:6]]
    tokenizer = CharTokenizer(map(chr, [10, *range(32, 127)]))
    model = GPTMini(ModelConfig(context=2048, layers=1, width=28, heads=2), tokenizer.vocab_size).eval()
    config = EvaluateConfig(batch_size=16, max_new_tokens=3)
    records = converse(some, world, model_answerer(model, tokenizer, config))
    assert all(row["prompt"] and {"kind", "answer", "gold"} <= set(row) for row in records)
    write_metrics(tmp_path / "recipe.json", skill_metrics(records), {})
    assert dict(walk_measurements(json.loads((tmp_path / "recipe.json").read_text())))["read_1"].value == 0
    short = GPTMini(ModelConfig(context=64, layers=1, width=28, heads=2), tokenizer.vocab_size).eval()
    with pytest.raises(InputError, match=r"sft\.context"):
        converse(some, world, model_answerer(short, tokenizer, config))
