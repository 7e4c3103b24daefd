"""Which rungs of the ladder stand: new rows of its drills, the model given all that comes before a value.

Of each value that stands in the row: is its first token the likeliest, after the right name and the right noun? A rung
that is climbed by taking away the one below shows here and nowhere else; the loss of the drill that is being trained
tells nothing of the others.
"""

import random
import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch

from playbook.data.world.drills import DRILLS, Words
from playbook.data.world.facts import World
from playbook.data.world.reasoning import NOT_TOLD
from playbook.evaluation.statistics import clustered_proportion
from playbook.model.gpt import GPTMini
from playbook.plumbing.metrics import Measurement
from playbook.text.chat import encode_chat
from playbook.text.special_tokens import USER
from playbook.text.tokenizer import Tokenizer

RUNGS = ("entries_3", "entries_4", "entries_5", "entries_6", "sentences_1")
LOOKED_UP = re.compile(r"(?:[^,:]+, [^:]+: )(?P<value>[^;]+?)(?:, said .*|;.*)?$")
"""`Ada Bell, job: vet, said baker: no`."""


@dataclass(frozen=True)
class Row:
    """A drill's ids, and where a value begins in them."""

    kind: str
    ids: list[int]
    values: list[int]


def rung_rows(world: World, tokenizer: Tokenizer, rows: int) -> list[Row]:
    """`rows` of each rung about more than one name, made anew: of another random state than those in training."""
    words, found = Words(world), list[Row]()
    for kind in RUNGS:
        rng, made = random.Random(f"rungs {kind} {world.config.seed}"), 0
        while made < rows:
            turns = DRILLS[kind](rng, words)
            row = Row(kind, encode_chat(turns, tokenizer).ids, [])
            if "\n" in turns[0]["content"] and mark_values(row, turns, tokenizer):
                found.append(row)
                made += 1
    return found


def mark_values(row: Row, turns: Sequence[dict[str, str]], tokenizer: Tokenizer) -> bool:
    """Note where the assistant says a value; is there any?"""
    pieces = [tokenizer.decode([token]) for token in row.ids]
    text, starts = "".join(pieces), list(accumulate(map(len, pieces), initial=0))
    cursor = text.index(USER)
    for turn in turns[1:]:
        if turn["role"] == "assistant":
            said = turn.get("reasoning_content") or turn["content"]
            at = text.index(said, cursor)
            cursor = at + len(said)
            found = LOOKED_UP.match(said)
            if found is not None and found["value"] != NOT_TOLD:
                space = at + found.start("value") - 1  # with which a word's token begins
                row.values.append(bisect_left(starts, space))
    return bool(row.values)


@torch.no_grad()
def rungs_standing(model: GPTMini, rows: Sequence[Row]) -> dict[str, Measurement]:
    """Of each rung, the share of values that would have been said; clustered by row."""
    hits: dict[str, list[bool]] = {kind: [] for kind in RUNGS}
    clusters: dict[str, list[int]] = {kind: [] for kind in RUNGS}
    for number, row in enumerate(rows):
        likeliest = model(torch.tensor([row.ids], device=model.token_embedding.weight.device))[0].argmax(-1).tolist()
        for place in row.values:
            hits[row.kind].append(likeliest[place - 1] == row.ids[place])
            clusters[row.kind].append(number)
    return {kind: clustered_proportion(hits[kind], clusters[kind]) for kind in RUNGS if hits[kind]}
