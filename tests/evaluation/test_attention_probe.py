"""The probe finds the right tokens, and a model whose heads are known is told from one that looks nowhere."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from small_world import SMALL

from playbook.data.world.generate import write_world
from playbook.data.world.reasoning import NOUN
from playbook.evaluation import attention_probe
from playbook.evaluation.attention_probe import STEPS, Reading, prepare, probe
from playbook.evaluation.skills import Task, read_bench
from playbook.model.gpt import GPTMini, ModelConfig
from playbook.plumbing.metrics import read_metrics, walk_measurements, write_metrics
from playbook.text.tokenizer import CharTokenizer, Tokenizer, TokenizerConfig, train_tokenizer


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> list[Task]:
    corpus = tmp_path_factory.mktemp("corpus")
    write_world(SMALL, corpus)
    return [task for task in read_bench(corpus)[1] if task["kind"] == "read_3"][:8]


@pytest.fixture(scope="module", params=["char", "bpe"])
def tokenizer(request: pytest.FixtureRequest, tasks: list[Task]) -> Tokenizer:
    texts = [turn["content"] for task in tasks for turn in task["messages"]]
    letters = "".join(sorted({letter for text in (*texts, *NOUN.values()) for letter in f" {text}"}))
    bpe = TokenizerConfig("bpe", 400)
    return CharTokenizer(letters) if request.param == "char" else train_tokenizer(bpe, [f" {text}" for text in texts])


def spelled(reading: Reading, tokens: list[int]) -> str:
    return "".join(reading.pieces[token] for token in tokens)


def test_each_step_looks_from_and_at_the_tokens_that_it_says(tasks: list[Task], tokenizer: Tokenizer) -> None:
    for task in tasks:
        reading, value = prepare(task, tokenizer), task["answer"].removesuffix(".")
        lines = task["messages"][0]["content"].split("\n")
        copy, bind, read = (reading.looks[step] for step in STEPS)
        assert reading.pieces[copy.query] == "<|think|>"
        assert spelled(reading, copy.right).strip() == task["name"]
        assert min(copy.right) > max(copy.wrong)
        mentioned = spelled(reading, bind.right)
        assert mentioned.replace(task["name"], "").strip() == ""
        assert mentioned.count(task["name"]) >= 1
        assert "".join(reading.pieces[bind.query :]).strip().startswith(value)
        assert all(token < bind.query for token in [*bind.right, *bind.wrong])
        assert "".join(reading.pieces).endswith(f"{task['name']}, {NOUN[task['attribute']]}:")
        assert read.query == len(reading.ids) - 1
        assert read.right == [bind.query]
        assert len(read.wrong) == len(lines) - 1


def test_looking_everywhere_alike_is_measured_as_that(tasks: list[Task], tokenizer: Tokenizer) -> None:
    model = GPTMini(ModelConfig(context=64, layers=1, width=8, heads=2), tokenizer.vocab_size).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()  # all scores alike
    metrics, picture = probe(tasks, model, tokenizer, seed=1)
    readings = [prepare(task, tokenizer) for task in tasks[1::2]]
    for step, looked in metrics["attention"].items():
        looks = [reading.looks[step] for reading in readings]
        for side in ("right", "wrong"):
            even = [len(getattr(look, side)) / (look.query + 1) for look in looks]
            assert looked[side].value == pytest.approx(sum(even) / len(even), abs=1e-4)
    assert [panel["step"] for panel in picture["panels"]] == list(STEPS)
    assert all(len(panel["weights"]) == len(picture["pieces"]) for panel in picture["panels"])


def test_the_head_is_chosen_on_other_tasks_than_it_is_measured_on(
    tasks: list[Task], tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One head looks right on the tasks of the choice and nowhere else; so it is chosen, and found out."""
    readings = [prepare(task, tokenizer) for task in tasks]

    def maps() -> Iterator[torch.Tensor]:
        for number, reading in enumerate(readings):
            size = len(reading.ids)
            made = torch.zeros(1, 2, size, size)
            for look in reading.looks.values():
                made[0, number % 2, look.query, look.right[0]] = 1.0
            yield made
        yield torch.zeros(1, 2, len(readings[0].ids), len(readings[0].ids))

    made = maps()
    monkeypatch.setattr(attention_probe, "attention_maps", lambda model, ids: next(made))
    metrics, picture = probe(tasks, GPTMini(ModelConfig(context=8, layers=1, width=8, heads=2), 8), tokenizer, seed=1)
    assert {panel["head"] for panel in picture["panels"]} == {1}
    assert all(looked["right"].value == 0 for looked in metrics["attention"].values())


def test_the_metrics_can_be_written(tasks: list[Task], tokenizer: Tokenizer, tmp_path: Path) -> None:
    model = GPTMini(ModelConfig(context=64, layers=1, width=8, heads=2), tokenizer.vocab_size).eval()
    metrics, _ = probe(tasks, model, tokenizer, seed=1)
    write_metrics(tmp_path / "recipe.json", metrics, {})
    assert len(list(walk_measurements(read_metrics(tmp_path / "recipe.json")))) == 2 * len(STEPS)
