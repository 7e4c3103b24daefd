"""Preference pairs as batches: rows 2i and 2i + 1 of a batch are the chosen and the rejected answer to one prompt.

Only what somebody who labels would see is encoded: prompt, both answers, and the row's own `margin` if it has one. What
the world knows beside them (`gold_chosen`, `gold_rejected`, `label`) stays out, so no model here can learn from it.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from playbook.data.batches import Batch
from playbook.data.preference_source import check_pair
from playbook.data.schemas import check_preference, checked_rows
from playbook.data.world.gold import is_abstention
from playbook.plumbing.errors import InputError
from playbook.text.chat import encode_chat, encode_prompt
from playbook.text.special_tokens import PAD_ID
from playbook.text.tokenizer import Tokenizer

Row = Mapping[str, Any]
ALIKE = 8
"""Batches' worth of pairs among which those of about the same length are put together."""


@dataclass(frozen=True)
class Answer:
    """Ids of a prompt and an answer, END included, and where the answer's own words begin to count."""

    ids: tuple[int, ...]
    counts: tuple[bool, ...]
    """Which ids the assistant wrote in answer to the prompt."""


@dataclass(frozen=True)
class Pair:
    """An encoded preference."""

    chosen: Answer
    rejected: Answer
    margin: float = 0.0
    """How clear the preference was, in units of reward; for the loss of a reward model."""
    abstains: tuple[bool, bool] = (False, False)
    """Which of the answers only says that it does not know; for the zero of a reward model."""
    reference: tuple[float, float] = (0.0, 0.0)
    """The reference model's log-probabilities of both answers; for DPO."""


@dataclass(frozen=True)
class PairBatch(Batch):
    """A batch of answers, chosen and rejected in turn."""

    ends: Int[Tensor, " batch"]
    """Where each row's last token, END, stands among `inputs`."""
    reference: Float[Tensor, " batch"]
    margins: Float[Tensor, " pairs"]
    abstains: Bool[Tensor, " batch"]

    def to(self, device: torch.device | str) -> "PairBatch":
        """The same batch on another device."""
        return PairBatch(*(getattr(self, field.name).to(device) for field in fields(self)))


def read_pairs(path: Path) -> list[Row]:
    """The rows of preferences.jsonl, none where the data has none; a bad row raises `InputError` with its line."""
    if not path.stat().st_size:
        return []
    rows = list[Row]()
    for where, row in checked_rows(path, check_preference):
        check_pair(row, where)
        rows.append(row)
    return rows


def split_rows(rows: Sequence[Row], held_out: float) -> tuple[list[Row], list[Row]]:
    """(to train on, held out): by a hash of whom or what a row is about, so nobody is on both sides.

    A row without `entity` goes by its prompt. The split stays the same when rows are added.
    """
    sides: tuple[list[Row], list[Row]] = ([], [])
    for row in rows:
        digest = hashlib.sha256(topic(row).encode()).digest()
        sides[int.from_bytes(digest[:4], "big") < held_out * 2**32].append(row)
    return sides


def topic(row: Row) -> str:
    """What a row is about: its entity, else its prompt."""
    return str(row.get("entity") or row["prompt"])


def without_reasoning(row: Row) -> Row:
    """The pair as a judge sees it, who is shown what was said and not what led to it."""
    sides = {
        key: [{name: part for name, part in turn.items() if name != "reasoning_content"} for turn in row[key]]
        for key in ("chosen", "rejected")
    }
    return {**row, **sides}


def encode_pair(row: Row, tokenizer: Tokenizer, context: int) -> Pair:
    """Encode both sides; one that is longer than `context` raises `InputError`."""
    sides = [encode_answer(row["prompt"], row[key], tokenizer, context) for key in ("chosen", "rejected")]
    chosen, rejected = (is_abstention(str(row[key][-1].get("content", ""))) for key in ("chosen", "rejected"))
    return Pair(sides[0], sides[1], float(row.get("margin", 0.0)), (chosen, rejected))


def encode_answer(
    prompt: Sequence[dict[str, Any]], answer: Sequence[dict[str, Any]], tokenizer: Tokenizer, context: int
) -> Answer:
    """Prompt and answer by the chat template, applied once to both; what counts is what the assistant wrote after the
    prompt. Longer than `context` raises `InputError`: cut, it would lose its END or its question.
    """
    asked = len(encode_prompt(prompt, tokenizer))
    whole = encode_chat([*prompt, *answer], tokenizer)
    if len(whole.ids) > context:
        got = f"{len(whole.ids)} tokens, {asked} of them the prompt {str(prompt[-1].get('content'))[:60]!r}"
        raise InputError("preferences", f"prompt and answer of at most {context} tokens", got, "raise sft.context")
    counts = (taught and place >= asked for place, taught in enumerate(whole.loss_mask))
    return Answer(tuple(whole.ids), tuple(counts))


def with_reference(pairs: Sequence[Pair], logps: Sequence[float]) -> list[Pair]:
    """The pairs with the reference's log-probabilities, two of them a pair."""
    two = zip(logps[::2], logps[1::2], strict=True)
    return [replace(pair, reference=both) for pair, both in zip(pairs, two, strict=True)]


def collate(pairs: Sequence[Pair]) -> PairBatch:
    """Rows padded on the right to the longest; padding counts nowhere and nothing real looks at it."""
    rows = [side for pair in pairs for side in (pair.chosen, pair.rejected)]
    width = max(len(row.ids) for row in rows)
    ids = np.full((len(rows), width + 1), PAD_ID, dtype=np.int64)
    counts = np.zeros((len(rows), width + 1), dtype=np.float32)
    for number, row in enumerate(rows):
        ids[number, : len(row.ids)] = row.ids
        counts[number, : len(row.ids)] = row.counts
    lengths = np.array([len(row.ids) for row in rows])
    whole = torch.from_numpy(ids)
    return PairBatch(
        whole[:, :-1].contiguous(),
        whole[:, 1:].contiguous(),
        torch.from_numpy(counts[:, 1:].copy()),
        torch.from_numpy(np.where(np.arange(width) < lengths[:, None], 0, -1)),
        torch.from_numpy(lengths - 1),
        torch.tensor([logp for pair in pairs for logp in pair.reference]),
        torch.tensor([pair.margin for pair in pairs]),
        torch.tensor([abstains for pair in pairs for abstains in pair.abstains]),
    )


def scored(
    pairs: Sequence[Pair], batch: int, score: Callable[[PairBatch], Float[Tensor, " answers"]]
) -> Float[Tensor, "pairs 2"]:
    """What `score` says of every answer, chosen and rejected, on the CPU, in the order of the pairs.

    `batch` pairs of about the same length go together, or half of a batch would be padding.
    """
    order = sorted(range(len(pairs)), key=lambda place: _length(pairs[place]))
    found = torch.empty(len(pairs), 2)
    for start in range(0, len(order), batch):
        places = order[start : start + batch]
        found[places] = score(collate([pairs[place] for place in places])).float().cpu().view(-1, 2)
    return found


def _length(pair: Pair) -> int:
    """Tokens of the longer answer, with its prompt."""
    return max(len(pair.chosen.ids), len(pair.rejected.ids))


class PairBatches:
    """An endless, resumable stream of batches of `batch` pairs; each epoch has its own order, drawn from the seed.

    The few pairs that fill no batch of an epoch, each time others, wait for the next one.
    """

    def __init__(self, pairs: Sequence[Pair], batch: int, seed: int) -> None:
        if not 1 <= batch <= len(pairs):
            raise InputError("batch", f"from 1 to the {len(pairs)} pairs", batch)
        self.pairs, self.batch, self.seed = pairs, batch, seed
        self.epoch, self.given = len(pairs) // batch * batch, 0
        self._order: tuple[int, Any] = (-1, None)

    def __iter__(self) -> "PairBatches":
        return self

    def __next__(self) -> PairBatch:
        chosen = [self._at(self.given + i) for i in range(self.batch)]
        self.given += self.batch
        return collate([self.pairs[i] for i in chosen])

    def upcoming(self, batches: int) -> list[int]:
        """Which pairs stand in the next `batches` batches, in ascending order."""
        return sorted({self._at(self.given + i) for i in range(batches * self.batch)})

    def _at(self, place: int) -> int:
        epoch, row = divmod(place, self.epoch)
        if self._order[0] != epoch:
            self._order = epoch, self._shuffled(np.random.default_rng([self.seed, epoch]))
        return int(self._order[1][row])

    def _shuffled(self, rng: np.random.Generator) -> list[int]:
        """A random order in which neighbours are of about the same length, or half of a batch would be padding."""
        order, batches = rng.permutation(len(self.pairs))[: self.epoch], list[list[int]]()
        for start in range(0, len(order), self.batch * ALIKE):
            window = sorted(
                order[start : start + self.batch * ALIKE].tolist(), key=lambda place: _length(self.pairs[place])
            )
            parts = [window[at : at + self.batch] for at in range(0, len(window), self.batch)]
            batches += [parts[place] for place in rng.permutation(len(parts))]
        return [pair for part in batches for pair in part]

    def state(self) -> dict[str, Any]:
        """The cursor, with what it is a cursor into."""
        return {"pairs": len(self.pairs), "seed": self.seed, "batch": self.batch, "given": self.given}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from `state()` of a stream over the same pairs; otherwise `InputError`."""
        mine = self.state()
        for key in ("pairs", "seed", "batch"):
            if state.get(key) != mine[key]:
                raise InputError(f"data cursor: {key}", repr(mine[key]), repr(state.get(key)), "start anew")
        self.given = int(state["given"])
