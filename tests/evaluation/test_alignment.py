"""Prompts for post-training: held out, the same each time; and numbers from records alone."""

from typing import Any

import pytest
from small_world import SMALL

from playbook.data.world.facts import build_world
from playbook.data.world.formats import render
from playbook.data.world.rl_prompts import rl_prompt_rows
from playbook.data.world.strangers import unknown_people
from playbook.data.world.wordings import held_out_pattern, sentences
from playbook.evaluation.alignment import (
    alignment_metrics,
    differences,
    form_prompts,
    kl_to_reference,
    unanswerable_prompts,
)
from playbook.evaluation.closed_book import EvaluateConfig, record
from playbook.model.gpt import GPTMini, ModelConfig
from playbook.text.tokenizer import TokenizerConfig, train_tokenizer

WORLD = build_world(SMALL)
PROMPTS = [*form_prompts(WORLD), *unanswerable_prompts(WORLD)]


def test_prompts_are_in_held_out_words_about_names_that_no_training_uses() -> None:
    pattern = held_out_pattern()
    for prompt in PROMPTS:
        if prompt["kind"] in ("form", "missing_attribute"):
            assert pattern.fullmatch(sentences(prompt["messages"][0]["content"])[-1])
    nobody = {prompt["entity"] for prompt in PROMPTS if prompt["kind"] == "unknown_entity"}
    trained, kept = unknown_people(WORLD)
    assert nobody == set(kept)
    assert not nobody & set(trained)


def test_no_prompt_is_one_of_training() -> None:
    trained = {row["messages"][-1]["content"] for row in rl_prompt_rows(WORLD)}
    assert not trained & {prompt["messages"][-1]["content"] for prompt in PROMPTS}


def answered(right: bool) -> list[dict[str, Any]]:
    rows = []
    for prompt in PROMPTS:
        value = prompt["answer"].removesuffix(".")
        wrong = next(other for other in prompt["candidates"] if other != value)
        good = prompt["answer"] if prompt["split"] == "nobody" else render(value, prompt["format"])
        row = record(prompt, good if right else f"It is {wrong}, I think.", 5 if right else 9)
        rows.append(row | {"kind": prompt["kind"], "format": prompt["format"]})
    question = WORLD.of("person", "A")[0]
    asked = {
        "id": "q", "entity": question.id, "split": "A", "attribute": "job", "paraphrase": 0, "held_out": True,
        "messages": PROMPTS[0]["messages"], "answer": "vet.", "candidates": ["vet", "baker"],
    }  # fmt: skip
    return [*rows, record(asked, "vet." if right else "baker.", 2) | {"kind": "question", "format": "plain"}]


def test_all_right_and_all_wrong() -> None:
    good, bad = answered(True), answered(False)
    worth = {row["id"]: row["gold_reward"] for row in bad}
    metrics = alignment_metrics(good, worth, 1)
    assert metrics["instruction_following"].value == metrics["instructed_and_right"].value == 1.0
    assert metrics["abstention_by_kind"]["unknown_entity"].value == 1.0
    assert metrics["style"].value == metrics["win_rate_vs_sft"].value == 1.0
    assert metrics["gold_reward_by_kind"]["form"].value == 1.0
    same = alignment_metrics(bad, worth, 1)
    assert same["win_rate_vs_sft"].value == 0.5
    assert same["instruction_following"].value == 0.0


def test_differences_are_new_minus_old() -> None:
    change = differences(answered(False), answered(True), 1)
    assert change["gold_reward"].ci95[0] > 0
    assert change["hallucination_rate"].value == -1.0
    assert change["instruction_following"].value == change["abstention"].value == 1.0
    assert change["completion_length"].value < 0
    assert change["closed_book_A"].value == 1.0


def test_a_model_is_at_no_distance_from_itself_and_at_some_from_another() -> None:
    texts = [prompt["messages"][0]["content"] for prompt in PROMPTS]
    tokenizer = train_tokenizer(TokenizerConfig("bpe", 320), texts)
    config = ModelConfig(context=96, layers=1, width=28, heads=2)
    one, two = (GPTMini(config, tokenizer.vocab_size).eval() for _ in range(2))
    two.head.initialise(0.5)
    settings = EvaluateConfig(max_new_tokens=4)
    assert kl_to_reference(PROMPTS[:12], one, one, tokenizer, settings).value == pytest.approx(0, abs=1e-6)
    assert kl_to_reference(PROMPTS[:12], two, one, tokenizer, settings).value > 0.1
