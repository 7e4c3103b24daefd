"""Token file -> training batches. The seed fixes the sequence of batches; `state` and `load_state` continue it exactly.

`WindowBatches` cuts one long text into windows; `PackedDocuments` lays whole documents side by side in rows;
`open_stream` chooses between them.
Both go through the file epoch by epoch: an epoch's order is drawn from (seed, epoch), so a cursor of two integers is
the whole state. `validation_windows` and `validation_documents` go through a file once, in order.
Knows nothing of the model or the loss; weights say which targets count.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from playbook.data.packing import Rows, cut, lay_out, pack
from playbook.data.token_file import TokenFile
from playbook.plumbing.errors import InputError
from playbook.text.special_tokens import PAD_ID

Positions = NDArray[np.int64]
"""[rows, context + 1]: where in the file each token of a row stands; -1 is padding."""


@dataclass(frozen=True)
class Batch:
    """Rows of tokens on the CPU; `targets` are `inputs` one token later."""

    inputs: Int[Tensor, "batch time"]
    targets: Int[Tensor, "batch time"]
    weights: Float[Tensor, "batch time"]
    """1 where the target counts; 0 where it is padding, masked, or in another document than its input."""
    documents: Int[Tensor, "batch time"]
    """Which document of its row the input belongs to, from 0 in each row; -1 for padding. For masking attention."""

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch on another device."""
        return Batch(*(getattr(self, field.name).to(device) for field in fields(self)))


class BatchStream(ABC):
    """An endless, resumable iterator of batches. Subclasses say what an epoch's rows are."""

    def __init__(self, file: TokenFile, context: int, batch: int, seed: int) -> None:
        _check_sizes(file, context, batch)
        self.file, self.context, self.batch, self.seed = file, context, batch, seed
        self.epoch = 0
        self.row = 0
        """Rows of this epoch already given out."""
        self._planned: int | None = None

    @abstractmethod
    def _plan(self, generator: np.random.Generator) -> int:
        """Draw an epoch's rows; returns how many there are."""

    @abstractmethod
    def _rows(self, first: int, last: int) -> tuple[Positions, NDArray[np.int64]]:
        """Rows first to last - 1 of the planned epoch: positions and documents."""

    def __iter__(self) -> "BatchStream":
        return self

    def __next__(self) -> Batch:
        return self.take(self.batch)

    def take(self, rows: int) -> Batch:
        """The next `rows` rows. Always so many: the last of an epoch go together with the first of the next."""
        chunks, missing = [], rows
        while missing:
            total = self._ensure_plan()
            last = min(self.row + missing, total)
            chunks.append(self._rows(self.row, last))
            missing -= last - self.row
            self.row = last
            if last == total:
                self.epoch, self.row = self.epoch + 1, 0
        positions, documents = (np.concatenate(parts) for parts in zip(*chunks, strict=True))
        return _gather(self.file, positions, documents)

    def rows_in_epoch(self) -> int:
        """How many rows the current epoch has (the number may differ a little between epochs)."""
        return self._ensure_plan()

    def state(self) -> dict[str, Any]:
        """The cursor, ready for JSON, with what it is a cursor into."""
        return {**self._identity(), "epoch": self.epoch, "row": self.row}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from `state()` of a stream over the same file with the same settings; otherwise `InputError`."""
        for key, mine in self._identity().items():
            if state.get(key) != mine:
                raise InputError(f"data cursor: {key}", repr(mine), repr(state.get(key)), "start the training anew")
        self.epoch, self.row = int(state["epoch"]), int(state["row"])

    def _identity(self) -> dict[str, Any]:
        settings = {"kind": type(self).__name__, "context": self.context, "batch": self.batch, "seed": self.seed}
        return {**settings, "file": self.file.header.checksum.hex()}

    def _ensure_plan(self) -> int:
        if self._planned != self.epoch:
            self._total = self._plan(np.random.default_rng([self.seed, self.epoch]))
            self._planned = self.epoch
        return self._total


class WindowBatches(BatchStream):
    """Windows of one long text. Each epoch cuts it anew from a random offset; the order is random too."""

    def _plan(self, generator: np.random.Generator) -> int:
        count = self.file.header.tokens
        offset = generator.integers(0, min(self.context, count - self.context))
        windows = (count - 1 - offset) // self.context
        self._starts = offset + self.context * generator.permutation(windows)
        return int(windows)

    def _rows(self, first: int, last: int) -> tuple[Positions, NDArray[np.int64]]:
        positions = self._starts[first:last, None] + np.arange(self.context + 1)
        return positions, _documents_of(self.file, positions)


class PackedDocuments(BatchStream):
    """Documents side by side in rows of context + 1 tokens, newly shuffled and packed each epoch.

    A document is cut only if it is longer than a row; the room left in a row is padding.
    """

    def __init__(self, file: TokenFile, context: int, batch: int, seed: int) -> None:
        super().__init__(file, context, batch, seed)
        self._pieces = cut(file.starts, file.lengths(), context)

    def _plan(self, generator: np.random.Generator) -> int:
        order = generator.permutation(len(self._pieces.lengths))
        rows = pack(self._pieces.lengths[order], self.context + 1)
        self._packed = Rows(order[rows.pieces], rows.bounds)
        return len(rows)

    def _rows(self, first: int, last: int) -> tuple[Positions, NDArray[np.int64]]:
        return lay_out(self._pieces, self._packed, first, last, self.context + 1)


def open_stream(file: TokenFile, context: int, batch: int, seed: int) -> BatchStream:
    """Training batches in the way that fits the file: windows of one long text, or packed documents."""
    stream = WindowBatches if file.header.documents == 1 else PackedDocuments
    return stream(file, context, batch, seed)


def open_validation(file: TokenFile, context: int, batch: int) -> Iterator[Batch]:
    """Once through a file, likewise. Every token that carries loss counts exactly once."""
    once = validation_windows if file.header.documents == 1 else validation_documents
    return once(file, context, batch)


def validation_windows(file: TokenFile, context: int, batch: int) -> Iterator[Batch]:
    """Once through a long text: every token is a target exactly once, except the very first. Last window: padded."""
    _check_sizes(file, context, batch)
    starts = np.arange(0, file.header.tokens - 1, context)
    for first in range(0, len(starts), batch):
        positions = starts[first : first + batch, None] + np.arange(context + 1)
        positions[positions >= file.header.tokens] = -1
        yield _gather(file, positions, _documents_of(file, positions))


def validation_documents(file: TokenFile, context: int, batch: int) -> Iterator[Batch]:
    """Once through a file of documents, packed whole as in training.

    Every token of a document is a target exactly once, except the document's first.
    """
    _check_sizes(file, context, batch)
    pieces = cut(file.starts, file.lengths(), context)
    rows = pack(pieces.lengths, context + 1)
    for first in range(0, len(rows), batch):
        last = min(first + batch, len(rows))
        yield _gather(file, *lay_out(pieces, rows, first, last, context + 1))


def _check_sizes(file: TokenFile, context: int, batch: int) -> None:
    if context < 1:
        raise InputError("context", "at least 1 token", context)
    if batch < 1:
        raise InputError("batch", "at least 1 row", batch)
    longest = int(file.lengths().max())
    if longest < 2 or (file.header.documents == 1 and file.header.tokens <= context):
        got = f"{file.header.tokens} tokens, the longest document {longest}"
        raise InputError(
            file.path, f"more tokens than the context of {context}", got, "lower the context, or use more text"
        )


def _gather(file: TokenFile, positions: Positions, documents: NDArray[np.int64]) -> Batch:
    """Look the tokens up, and weigh the targets."""
    real = positions >= 0
    tokens = np.where(real, file.ids[positions], PAD_ID).astype(np.int64)
    weights = real[:, 1:] & (documents[:, 1:] == documents[:, :-1])
    if file.loss_mask is not None:
        weights &= file.loss_mask[positions[:, 1:]] == 1
    whole = torch.from_numpy(tokens)
    return Batch(
        whole[:, :-1].contiguous(),
        whole[:, 1:].contiguous(),
        torch.from_numpy(weights.astype(np.float32)),
        torch.from_numpy(np.ascontiguousarray(documents[:, :-1])),
    )


def _documents_of(file: TokenFile, positions: Positions) -> NDArray[np.int64]:
    """Which document of its row each token belongs to."""
    index = np.searchsorted(file.starts, positions, side="right") - 1
    return np.where(positions >= 0, index - index[:, :1], -1)
