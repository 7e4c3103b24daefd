"""Pairs and a model for the tests of training on preferences: the right answer ends with the letter of the question."""

from typing import Any

from playbook.model.gpt import GPTMini, ModelConfig
from playbook.posttraining.pairs import Pair, encode_pair
from playbook.text.tokenizer import CharTokenizer

TOKENIZER = CharTokenizer("abcdef .?")
CONFIG = ModelConfig(context=32, layers=2, width=28, heads=2)


def model() -> GPTMini:
    return GPTMini(CONFIG, TOKENIZER.vocab_size)


def row(letter: str, right: str, wrong: str) -> dict[str, Any]:
    return {
        "id": f"{letter}{right}{wrong}",
        "entity": letter,
        "prompt": [{"role": "user", "content": f"{letter}?"}],
        "chosen": [{"role": "assistant", "content": right}],
        "rejected": [{"role": "assistant", "content": wrong}],
    }


ROWS = [row(a, f"{a}.", f"{b}.") for a in "abcdef" for b in "abcdef" if a != b]


def pairs(rows: list[dict[str, Any]] = ROWS) -> list[Pair]:
    return [encode_pair(one, TOKENIZER, 32) for one in rows]
