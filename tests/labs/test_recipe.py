"""The study of the ladder: its tasks can be answered by name alone, and its verdicts follow the intervals."""

from typing import Any

import pytest
from small_world import SMALL

from labs.recipe.report import judge
from labs.recipe.rungs import RUNGS, rung_rows, rungs_standing
from playbook.data.world.facts import CLOSED_BOOK, World, build_world
from playbook.data.world.turns import Turn, assistant
from playbook.evaluation.short_passages import SHORT, share, short_tasks
from playbook.evaluation.skills import Record, Task, converse
from playbook.model.gpt import GPTMini, ModelConfig
from playbook.plumbing.config import read_yaml
from playbook.plumbing.metrics import Measurement
from playbook.plumbing.paths import ROOT
from playbook.text.tokenizer import TokenizerConfig, train_tokenizer

ROWS = 30


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(SMALL)


@pytest.fixture(scope="module")
def tasks(world: World) -> list[Task]:
    return list(short_tasks(world, ROWS))


def answered(tasks: list[Task], world: World, line: int) -> list[Record]:
    """By somebody who says the value in the passage `line`, or (-1) in the one about whom the question asks."""
    known = {fact.value for fact in world.facts if fact.attribute in CLOSED_BOOK}

    def answer(talk: list[Turn]) -> Turn:
        passages, question = talk[0]["content"].split("\n"), talk[1]["content"]
        about = [text for text in passages if text.partition(",")[0] in question]
        text = passages[line] if line >= 0 else about[0]
        return assistant(f"{max((value for value in known if value in text.partition(': ')[2]), key=len)}.")

    return converse(tasks, world, lambda talks: [answer(talk) for talk in talks])


def test_the_name_tells_which_passage_and_nothing_else_does(world: World, tasks: list[Task]) -> None:
    assert len(tasks) == ROWS * len(SHORT)
    for task in tasks:
        lines = task["messages"][0]["content"].split("\n")
        assert len(lines) == SHORT[task["kind"]]
        (line,) = [line for line in lines if task["answer"].removesuffix(".") in line.partition(": ")[2]]
        assert line.partition(",")[0] in task["messages"][1]["content"]
        assert all(world.by_name[text.partition(",")[0]].split == "C" for text in lines)


def test_who_takes_the_first_passage_is_right_in_one_of_three(world: World, tasks: list[Task]) -> None:
    named, first = answered(tasks, world, -1), answered(tasks, world, 0)
    assert [share(named, kind).value for kind in SHORT] == [1, 1]
    assert share(first, "short_1").value == 1
    assert 0.05 < share(first, "short_3").value < 0.65  # three standard deviations


@pytest.mark.parametrize(
    ("theirs", "verdict"),
    [((0.1, 0.3), "PASS"), ((0.1, 0.65), "INCONCLUSIVE"), ((0.85, 0.95), "FAIL")],
)
def test_a_verdict_needs_intervals_that_are_apart(theirs: tuple[float, float], verdict: str) -> None:
    def arm(low: float, high: float) -> dict[str, Any]:
        return {"short_3": Measurement((low + high) / 2, (low, high), 70).to_json()}

    assert judge(arm(0.6, 0.8), arm(*theirs)) == verdict


def test_a_rung_stands_where_the_model_says_the_value_that_is_looked_up(world: World) -> None:
    tokenizer = train_tokenizer(TokenizerConfig("bpe", 300), ["Ada Bell, job: vet said told"] * 9)
    rows = rung_rows(world, tokenizer, 3)
    assert {row.kind for row in rows} == set(RUNGS)
    for row in rows:
        said = tokenizer.decode(row.ids)
        for place in row.values:
            assert tokenizer.decode(row.ids[:place]).endswith(":")  # what comes next is the value
        assert len(row.values) <= said.count(": ")
    model = GPTMini(ModelConfig(context=16, layers=1, width=16, heads=2), tokenizer.vocab_size).eval()
    assert all(found.value < 0.5 for found in rungs_standing(model, rows).values())


def test_fine_tuning_is_that_of_the_main_chain() -> None:
    ours, chain = (read_yaml(ROOT / path) for path in ("labs/recipe/params.yaml", "params.yaml"))
    assert ours["fine_tuning"] == chain["sft"]
    assert list(read_yaml(ROOT / "labs/recipe/dvc.yaml")["stages"]["budgets"]["matrix"]["budget"]) == [*ours["budgets"]]
