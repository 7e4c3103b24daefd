"""Which documents share a row. Numbers only, no tokens.

Packing whole documents into rows is bin packing (compare Krell et al. 2021, arXiv 2107.02027). Here a row takes
documents in the order in which they come, as long as one of average length would fit behind them, and is then closed by
the pair, among the next few hundred, that leaves the least room. Closing alone would use up the lengths that fit well
and be left with those that do not; taking most documents as they come keeps the mixture of lengths, and rows random.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LOOK_AHEAD = 256
"""Documents to choose from. 15,000 of 40 ± 12 tokens in rows of 129: less than 0.1% padding, in about 0.1 s."""


@dataclass(frozen=True)
class Pieces:
    """Stretches of the token file: documents, or parts of documents that are too long for a row."""

    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """Row r holds `pieces[bounds[r]:bounds[r + 1]]`, side by side."""

    pieces: NDArray[np.int64]
    bounds: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.bounds) - 1


def cut(starts: NDArray[np.int64], lengths: NDArray[np.int64], context: int) -> Pieces:
    """Cut documents that are longer than context + 1 tokens.

    A piece begins with the last token of the piece before: every token of a document except its first is a target
    exactly once. Documents of one token have no target and are left out.

    >>> cut(np.array([0, 3]), np.array([3, 6]), context=4)
    Pieces(starts=array([0, 3, 7]), lengths=array([3, 5, 2]))
    """
    number = -(-(lengths - 1) // context)
    document = np.repeat(np.arange(len(lengths)), number)
    part = np.arange(len(document)) - np.repeat(np.cumsum(number) - number, number)
    left = lengths[document] - part * context
    return Pieces(starts[document] + part * context, np.minimum(left, context + 1))


def pack(lengths: NDArray[np.int64], width: int) -> Rows:
    """Put pieces of 1 to `width` tokens into rows of `width`, each piece in exactly one.

    >>> rows = pack(np.array([3, 4, 1, 2]), width=5)
    >>> rows.pieces, rows.bounds
    (array([0, 3, 1, 2]), array([0, 2, 4]))
    """
    rows = list(_rows(lengths.tolist(), width))
    pieces = np.array([piece for row in rows for piece in row], dtype=np.int64)
    return Rows(pieces, np.cumsum([0, *map(len, rows)]))


def lay_out(
    pieces: Pieces, rows: Rows, first: int, last: int, width: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows first to last - 1, [rows, width] twice: where each token stands in the file, and its document in the row.

    Both are -1 for padding. No loop: `np.repeat` spreads the pieces out.

    >>> pieces = Pieces(starts=np.array([70, 80]), lengths=np.array([2, 1]))
    >>> lay_out(pieces, Rows(pieces=np.array([1, 0]), bounds=np.array([0, 2])), 0, 1, width=4)
    (array([[80, 70, 71, -1]]), array([[ 0,  1,  1, -1]]))
    """
    positions = np.full((last - first) * width, -1)
    documents = np.full((last - first) * width, -1)
    begin, end = rows.bounds[first], rows.bounds[last]
    chosen = rows.pieces[begin:end]
    lengths = pieces.lengths[chosen]
    per_row = np.diff(rows.bounds[first : last + 1])
    row = np.repeat(np.arange(last - first), per_row)
    before = np.cumsum(lengths) - lengths  # tokens laid out before each piece, over all rows
    rank = np.arange(len(chosen)) - np.repeat(rows.bounds[first:last] - begin, per_row)
    left = before - before[rows.bounds[first:last] - begin][row]  # its column
    within = np.arange(lengths.sum()) - np.repeat(before, lengths)
    at = np.repeat(row * width + left, lengths) + within
    positions[at] = np.repeat(pieces.starts[chosen], lengths) + within
    documents[at] = np.repeat(rank, lengths)
    return positions.reshape(-1, width), documents.reshape(-1, width)


def _rows(lengths: list[int], width: int) -> Iterator[list[int]]:
    waiting: list[deque[int]] = [deque() for _ in range(width + 1)]  # by length, oldest first
    number = np.zeros(width + 1, dtype=np.int64)  # how many of each length wait
    taken = np.zeros(len(lengths) + 1, dtype=bool)
    average = sum(lengths) / max(1, len(lengths))
    oldest = ahead = placed = 0

    def take(length: int) -> int:
        piece = waiting[length].popleft()
        number[length] -= 1
        taken[piece] = True
        return piece

    while placed < len(lengths):
        for piece in range(ahead, min(placed + LOOK_AHEAD, len(lengths))):
            waiting[lengths[piece]].append(piece)
            number[lengths[piece]] += 1
        ahead = min(placed + LOOK_AHEAD, len(lengths))
        row: list[int] = []
        room = width
        while oldest < ahead and (not row or lengths[oldest] + average <= room):
            room -= lengths[oldest]
            row.append(take(lengths[oldest]))
            while taken[oldest]:
                oldest += 1
        while number[: room + 1].any():
            for length in _best_pair(number[: room + 1]):
                row.append(take(length))
                room -= length
        while taken[oldest]:
            oldest += 1
        placed += len(row)
        yield row


def _best_pair(number: NDArray[np.int64]) -> list[int]:
    """The two lengths that together fill a room of len(number) - 1 best, or the one if no two fit."""
    room = len(number) - 1
    first = np.flatnonzero(number)
    longest = np.maximum.accumulate(np.where(number, np.arange(room + 1), 0))  # the longest that fits into each room
    second = longest[room - first]
    second[(second == first) & (number[first] == 1)] = 0  # there is no other of this length
    best = int((first + second).argmax())
    return [int(length) for length in (first[best], second[best]) if length]
