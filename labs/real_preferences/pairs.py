"""The pairs as this lab uses them: split by a hash, and cut so that they fit."""

import hashlib
import random
from collections.abc import Mapping, Sequence
from typing import Any

from playbook.posttraining.pairs import Pair, encode_answer
from playbook.text.chat import encode_chat
from playbook.text.tokenizer import Tokenizer

Row = Mapping[str, Any]


def split(rows: Sequence[Row], trained: int) -> tuple[list[Row], list[Row]]:
    """(so many to train on, the rest held out), in the order of a hash of the first thing that was said.

    Dialogues that begin alike stand next to each other, so at most one beginning can be on both sides; its rows are
    then left out of training.
    """
    ordered = sorted(
        rows, key=lambda row: (_hash(row["prompt"][0]["content"]), _hash(repr((row["chosen"], row["rejected"]))))
    )
    held_out = ordered[trained:]
    seen = {row["prompt"][0]["content"] for row in held_out}
    return [row for row in ordered[:trained] if row["prompt"][0]["content"] not in seen], held_out


def fitted(row: Row, tokenizer: Tokenizer, context: int) -> Pair | None:
    """The pair with as many of its last turns as fit beside the longer answer; None where not even one does."""
    for first in range(0, len(row["prompt"]), 2):  # so that the user still begins
        prompt = row["prompt"][first:]
        if max(len(encode_chat([*prompt, *row[side]], tokenizer).ids) for side in ("chosen", "rejected")) <= context:
            chosen, rejected = (encode_answer(prompt, row[side], tokenizer, context) for side in ("chosen", "rejected"))
            return Pair(chosen, rejected)
    return None


def length(row: Row, side: str) -> int:
    """Characters of an answer."""
    return len(str(row[side][-1]["content"]))


def coin(pairs: Sequence[Pair], seed: int) -> list[Pair]:
    """The same pairs with labels by a coin: the negative control."""
    rng = random.Random(f"coin {seed}")
    return [pair if rng.random() < 0.5 else Pair(pair.rejected, pair.chosen) for pair in pairs]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
