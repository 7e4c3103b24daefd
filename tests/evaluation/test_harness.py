import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pytest
from small_world import TINY

from playbook.data.world.facts import World, build_world
from playbook.data.world.turns import user
from playbook.evaluation.closed_book import EvaluateConfig
from playbook.evaluation.harness import Messages, Sample, Task, checkpoint_solver, record, rescored, solve
from playbook.evaluation.statistics import proportion
from playbook.evaluation.tasks import TASKS, file_task
from playbook.model.gpt import GPTMini, ModelConfig
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import write_json
from playbook.plumbing.metrics import walk_measurements, write_metrics
from playbook.text.chat import encode_prompt
from playbook.text.tokenizer import CharTokenizer

WORLD = build_world(TINY)
ECHO = Task(
    "echo",
    lambda world: [{"id": str(i), "messages": [user(f"Say {i}.")], "answer": str(i)} for i in range(7)],
    lambda sample, answer: {"correct": answer == sample["answer"]},
    lambda records, seed: {"correct": proportion([row["correct"] for row in records])},
)


def test_a_solver_sees_the_messages_and_nothing_else_and_the_score_is_made_from_records() -> None:
    def says(conversations: Sequence[Messages]) -> list[str]:
        assert all(list(turn) == ["role", "content"] for talk in conversations for turn in talk)
        return [talk[-1]["content"].split()[1].rstrip(".") for talk in conversations]

    samples = list(ECHO.samples(WORLD))
    records = solve(ECHO, samples, says)
    assert [row["answer"] for row in records] == [str(i) for i in range(7)]
    assert ECHO.metrics(records, 1)["correct"].value == 1
    stricter = Task(ECHO.name, ECHO.samples, lambda sample, answer: {"correct": False}, ECHO.metrics)
    assert not any(row["correct"] for row in rescored(stricter, samples, records))
    with pytest.raises(InputError, match="no such sample"):
        rescored(ECHO, samples[1:], records)
    with pytest.raises(InputError, match="twice"):
        solve(ECHO, [samples[0], samples[0]], says)


def test_a_checkpoint_answers_in_the_order_of_the_samples_and_by_nothing_where_there_is_no_room() -> None:
    tokenizer = CharTokenizer(map(chr, [10, *range(32, 127)]))
    model = GPTMini(ModelConfig(context=96, layers=1, width=28, heads=2, zero_init=False), tokenizer.vocab_size).eval()
    asked = [[user("a" * n)] for n in (30, 5, 400, 12)]
    config = EvaluateConfig(batch_size=2, max_new_tokens=6)
    together = checkpoint_solver(model, tokenizer, config)(asked)
    assert together[2] == ""
    alone = [checkpoint_solver(model, tokenizer, config)([talk])[0] for talk in asked]
    assert together == alone
    assert len(encode_prompt(asked[0], tokenizer)) < 58


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("answer", ["", "I don't know.", "baker.", '{"answer": ', "x\ny* [1]" * 9])
def test_any_text_can_be_scored_and_the_metrics_written(name: str, answer: str, tmp_path: Path) -> None:
    task = TASKS[name]
    samples = list(task.samples(WORLD))
    assert samples == list(task.samples(WORLD))
    records = [record(task, sample, answer) for sample in samples]
    json.dumps(records)
    write_metrics(tmp_path / "m.json", task.metrics(records, 1), {})
    assert list(walk_measurements(json.loads((tmp_path / "m.json").read_text())))


@pytest.mark.parametrize("name", ["closed_book", "forms"])
def test_who_knows_everything_is_right(name: str) -> None:
    task = TASKS[name]
    samples = list(task.samples(WORLD))
    records = [
        record(task, sample, str(sample["answer"])) for sample in samples if sample.get("format") in (None, "plain")
    ]
    assert all(row["correct"] for row in records)


def test_a_task_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "own.jsonl").write_text(
        '{"id": "a", "prompt": "2 + 2?", "answer": "4."}\n'
        '{"id": "b", "messages": [{"role": "user", "content": "3?"}], "answer": "3."}\n'
    )
    task = file_task(tmp_path / "own.jsonl")
    records = solve(task, list(task.samples(WORLD)), lambda talks: ["4", "5"])
    assert [row["correct"] for row in records] == [True, False]
    (tmp_path / "own.jsonl").write_text('{"id": "a", "prompt": "2 + 2?"}\n')
    with pytest.raises(InputError, match=r"own\.jsonl:1"):
        list(task.samples(WORLD))


def corpus_of(folder: Path, world: World = WORLD) -> Path:
    write_json(folder / "world.json", asdict(world.config))
    return folder


def test_samples_are_about_their_world(tmp_path: Path) -> None:
    names = {person.id for person in WORLD.of("person", "A", "B", "C")}
    sample: Sample
    for sample in TASKS["instructions"].samples(WORLD):
        assert sample["entity"] in names
