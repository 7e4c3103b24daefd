"""Questions to records to numbers, with a scripted model where the answers matter, a real one where the wiring does."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from playbook.evaluation import closed_book
from playbook.evaluation.closed_book import (
    EvaluateConfig,
    answer_questions,
    closed_book_metrics,
    read_questions,
    record,
    rescore,
)
from playbook.model.gpt import GPTMini, ModelConfig
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import write_jsonl
from playbook.plumbing.metrics import is_measurement, read_metrics, walk_measurements, write_metrics
from playbook.text.chat import encode_prompt
from playbook.text.special_tokens import END, END_THINK, THINK
from playbook.text.tokenizer import CharTokenizer

JOBS = ["baker", "miller", "vet"]
TOKENIZER = CharTokenizer("abcdefghijklmnopqrstuvwxyzIA' .?0123456789")


def question(split: str, number: int, paraphrase: int = 0, job: str = "vet") -> dict[str, Any]:
    wordings = ("what does {} do?", "a job {} has?")
    return {
        "id": f"{split}{number}-job-{paraphrase}",
        "entity": f"{split}{number}",
        "split": split,
        "attribute": "job",
        "paraphrase": paraphrase,
        "held_out": paraphrase == 0,
        "messages": [{"role": "user", "content": wordings[paraphrase].format(f"{split.lower()}{number}")}],
        "answer": f"{job}.",
        "candidates": JOBS,
    }


def world(people: int = 12) -> list[dict[str, Any]]:
    return [
        question(split, number, paraphrase, JOBS[number % 3])
        for split in "ABC"
        for number in range(people)
        for paraphrase in (0, 1)
    ]


def model(context: int = 64) -> GPTMini:
    return GPTMini(ModelConfig(context=context, layers=1, width=28, heads=2), TOKENIZER.vocab_size).eval()


def script(monkeypatch: pytest.MonkeyPatch, answers: dict[str, str]) -> list[int]:
    """Make the model say these words to these contents, "baker." to others; returns the sizes of its batches."""
    sizes: list[int] = []
    said = {tuple(encode_prompt([{"role": "user", "content": asked}], TOKENIZER)): a for asked, a in answers.items()}

    def generate(_: object, prompts: Sequence[Sequence[int]], *__: object) -> list[list[int]]:
        sizes.append(len(prompts))
        return [TOKENIZER.encode(" " + said.get(tuple(prompt), "baker.")) for prompt in prompts]

    monkeypatch.setattr(closed_book, "generate", generate)
    return sizes


def test_every_question_gets_its_own_answer_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    questions = [question("A", 100), question("A", 7, paraphrase=1), question("B", 3, job="baker")]  # lengths differ
    sizes = script(monkeypatch, {"what does a100 do?": "vet.", "a job a7 has?": "I don't know."})
    records = answer_questions(questions, model(), TOKENIZER, EvaluateConfig(batch_size=2))
    assert sizes == [2, 1]
    assert [row["id"] for row in records] == ["A100-job-0", "A7-job-1", "B3-job-0"]
    assert [row["answer"] for row in records] == ["vet.", "I don't know.", "baker."]
    assert [(row["correct"], row["abstained"]) for row in records] == [(True, False), (False, True), (True, False)]
    assert [row["gold_reward"] for row in records] == [1, 0, 1]
    assert [row["tokens"] for row in records] == [5, 14, 7]  # with the space before
    assert records[0]["prompt"] == "what does a100 do?"


def test_reasoning_is_counted_and_is_no_part_of_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [TOKENIZER.id_of(THINK), *TOKENIZER.encode(" a vet"), TOKENIZER.id_of(END_THINK), *TOKENIZER.encode(" vet.")]
    monkeypatch.setattr(closed_book, "generate", lambda *_: [ids])
    (row,) = answer_questions([question("A", 1)], model(), TOKENIZER, EvaluateConfig())
    assert (row["answer"], row["tokens"]) == ("vet.", 13)


def test_a_real_model_gives_records_whatever_it_says() -> None:
    questions = world(people=2)
    config = EvaluateConfig(batch_size=5, max_new_tokens=6)
    one = model()
    records = answer_questions(questions, one, TOKENIZER, config)
    assert [row["id"] for row in records] == [row["id"] for row in questions]
    assert all(0 <= row["tokens"] <= 6 for row in records)
    assert records == answer_questions(questions, one, TOKENIZER, config)
    closed_book_metrics(records, seed=1)


def test_an_answer_ends_where_the_context_ends() -> None:
    questions = [question("A", 1)]
    longest = len(encode_prompt(questions[0]["messages"], TOKENIZER))
    (row,) = answer_questions(questions, model(context=longest + 2), TOKENIZER, EvaluateConfig())
    assert row["tokens"] <= 2
    with pytest.raises(InputError, match="context"):
        answer_questions(questions, model(context=longest), TOKENIZER, EvaluateConfig())


def test_an_empty_answer_is_wrong_and_no_abstention() -> None:
    row = record(question("A", 1), "", 0)
    assert (row["correct"], row["abstained"], row["tokens"]) == (False, False, 0)


def perfect_reader() -> list[dict[str, Any]]:
    """Knows A and B in new words, B not in the trained ones; says "baker" to everything about C."""
    records = []
    for row in world():
        known = row["split"] == "A" or (row["split"] == "B" and row["held_out"])
        records.append(record(row, row["answer"] if known else "baker.", tokens=3))
    return records


def test_numbers_by_hand() -> None:
    metrics = closed_book_metrics(perfect_reader(), seed=1)
    value = {name: m.value for name, m in walk_measurements(_as_json(metrics))}
    assert value["closed_book.A"] == value["closed_book.B"] == 1
    assert value["closed_book.C"] == pytest.approx(4 / 12, abs=1e-5)
    assert value["closed_book_seen_words.B"] == pytest.approx(4 / 12, abs=1e-5)
    assert value["closed_book_by_attribute.C.job"] == value["closed_book.C"]
    # "baker" of 12 people, 4 of them bakers: a baker's answer fits 3 of 11 others, another's 4 of 11
    assert value["closed_book_chance.C"] == pytest.approx((4 * 3 + 8 * 4) / (12 * 11), abs=1e-5)
    assert value["hallucination_rate"] == pytest.approx(8 / 36, abs=1e-5)
    assert value["hallucination_rate_by_split.C"] == pytest.approx(8 / 12, abs=1e-5)
    assert value["abstention_rate.C"] == 0
    # A and C always agree with themselves; the 8 of B who are no bakers change their answer
    assert value["consistency"] == pytest.approx(28 / 36, abs=1e-5)
    assert value["completion_length"] == 3
    assert value["gold_reward"] == pytest.approx((24 + 4 - 8) / 36, abs=1e-5)
    assert value["distinct_2"] == pytest.approx(3 / 36, abs=1e-5)  # "baker .", "miller .", "vet ."


def _as_json(metrics: dict[str, Any]) -> dict[str, Any]:
    return {k: _as_json(v) if isinstance(v, dict) else v.to_json() for k, v in metrics.items()}


def test_strangers_at_chance_hold_zero_and_the_contract_is_kept(tmp_path: Path) -> None:
    write_metrics(tmp_path / "base.json", closed_book_metrics(perfect_reader(), seed=1), {})
    tree = read_metrics(tmp_path / "base.json")
    low, high = tree["closed_book_above_chance"]["C"]["ci95"]
    assert low <= 0 <= high
    assert tree["closed_book_above_chance"]["A"]["ci95"][0] > 0
    for name in ("gold_reward", "hallucination_rate", "consistency", "completion_length", "distinct_2"):
        assert is_measurement(tree[name]), name
    assert tree["closed_book"]["A"] == {"value": 1.0, "ci95": [0.757506, 1.0], "n": 12}


def test_without_held_out_words_the_others_count() -> None:
    seen = [row for row in perfect_reader() if not row["held_out"]]
    assert closed_book_metrics(seen, seed=1)["closed_book"]["B"].value == pytest.approx(1 / 3)


def test_abstaining_is_neither_right_nor_made_up() -> None:
    metrics = closed_book_metrics([record(row, "I don't know.", 5) for row in world()], seed=1)
    assert metrics["hallucination_rate"].value == 0
    assert metrics["abstention_rate"]["A"].value == 1
    assert metrics["closed_book"]["A"].value == 0
    assert metrics["gold_reward"].value == 0


def test_rescoring_needs_no_model() -> None:
    records = perfect_reader()
    old = [{**row, "correct": False, "gold_reward": -9.0} for row in records]
    assert rescore(old, world()) == records
    with pytest.raises(InputError, match="A0-job-0"):
        rescore(old, world()[1:])


def test_no_records_is_our_fault() -> None:
    with pytest.raises(ValueError, match="no records"):
        closed_book_metrics([], seed=1)


def test_questions_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    write_jsonl(path, world(people=1))
    assert len(read_questions(path)) == 6
    bad = question("A", 1)
    del bad["answer"]
    for rows, complaint in (([bad], "answer"), ([question("A", 1)] * 2, "A1-job-0"), ([], "empty")):
        write_jsonl(path, rows)
        with pytest.raises(InputError, match=complaint):
            read_questions(path)


def test_the_stop_token_is_end(monkeypatch: pytest.MonkeyPatch) -> None:
    stops: list[Sequence[int]] = []

    def generate(
        _: object, prompts: Sequence[Sequence[int]], __: object, stop: Sequence[int], ___: int
    ) -> list[list[int]]:
        stops.append(stop)
        return [[] for _ in prompts]

    monkeypatch.setattr(closed_book, "generate", generate)
    answer_questions([question("A", 1)], model(), TOKENIZER, EvaluateConfig())
    assert stops == [[TOKENIZER.id_of(END)]]


@pytest.mark.parametrize("field", ["batch_size", "max_new_tokens", "samples"])
def test_config_refuses_zero(field: str) -> None:
    with pytest.raises(InputError, match=field):
        EvaluateConfig(**{field: 0})
