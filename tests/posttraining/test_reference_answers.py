"""Reference answers: the model's own, and what led to it, as a turn between prompt and judged answer."""

from collections.abc import Sequence

import pytest
from posttraining.made_up import ROWS, TOKENIZER, model

from playbook.posttraining import reference_answers
from playbook.posttraining.pairs import encode_pair
from playbook.posttraining.reference_answers import with_reference_answers
from playbook.text.chat import encode_content, encode_prompt
from playbook.text.special_tokens import END_THINK, THINK


def test_what_the_model_says_and_what_led_to_it_follow_the_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [ROWS[0], ROWS[7], ROWS[1]]  # two about a, one about b
    draft = [TOKENIZER.id_of(THINK), *encode_content("bad", TOKENIZER), TOKENIZER.id_of(END_THINK)]
    said = {"a?": encode_content("a.", TOKENIZER), "b?": [*draft, *encode_content("b.", TOKENIZER)]}
    by_prompt = {tuple(encode_prompt([{"role": "user", "content": key}], TOKENIZER)): ids for key, ids in said.items()}
    asked: list[int] = []

    def generate(_: object, prompts: Sequence[Sequence[int]], *__: object) -> list[list[int]]:
        asked.append(len(prompts))
        return [by_prompt[tuple(prompt)] for prompt in prompts]

    monkeypatch.setattr(reference_answers, "generate", generate)
    guided = with_reference_answers(rows, model(), TOKENIZER)
    assert asked == [2]  # each prompt once
    assert [row["prompt"][-1] for row in guided] == [
        {"role": "tool", "content": text} for text in ("a.", "bad\nb.", "a.")
    ]
    for row, whole in zip(rows, guided, strict=True):
        assert whole["prompt"][:-1] == row["prompt"]
        assert (whole["chosen"], whole["rejected"]) == (row["chosen"], row["rejected"])


def test_what_the_model_said_itself_is_no_part_of_the_judged_answer() -> None:
    row = {**ROWS[0], "prompt": [*ROWS[0]["prompt"], {"role": "tool", "content": "a."}]}
    plain, guided = encode_pair(ROWS[0], TOKENIZER, 32), encode_pair(row, TOKENIZER, 32)
    assert len(guided.chosen.ids) > len(plain.chosen.ids)
    assert sum(guided.chosen.counts) == sum(plain.chosen.counts)
