import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbook.data.packing import cut, pack

WIDTH = 23


@given(st.lists(st.integers(1, WIDTH), max_size=80))
def test_every_piece_lies_in_one_row_and_no_row_overflows(lengths: list[int]) -> None:
    rows = pack(np.array(lengths, dtype=np.int64), WIDTH)
    assert sorted(rows.pieces.tolist()) == list(range(len(lengths)))
    filled = [sum(lengths[p] for p in rows.pieces[a:b]) for a, b in zip(rows.bounds, rows.bounds[1:], strict=False)]
    assert all(0 < tokens <= WIDTH for tokens in filled)
    assert len(rows) == len(filled)


def test_a_row_is_closed_by_the_pair_that_fits() -> None:
    rows = pack(np.array([11, 10, 9, 8, 4, 4]), 23)  # 11 first; no average document behind 11 + 10; 8 + 4 fills it
    assert sorted(rows.pieces[: rows.bounds[1]].tolist()) == [0, 3, 4]
    assert len(rows) == 2


def test_a_length_of_which_one_is_left_is_not_taken_twice() -> None:
    assert pack(np.array([3, 4, 1, 2]), 5).bounds.tolist() == [0, 2, 4]


@pytest.mark.parametrize("spread", [8, 12, 20])
def test_little_padding_in_little_time(spread: int) -> None:
    lengths = np.clip(np.random.default_rng(0).normal(40, spread, 15_000), 5, 120).astype(np.int64)
    began = time.process_time()
    rows = pack(lengths, 129)
    assert time.process_time() - began < 0.5
    assert 1 - lengths.sum() / (129 * len(rows)) < 0.01


def test_long_documents_are_cut_with_one_token_in_common() -> None:
    pieces = cut(np.array([0, 9, 10]), np.array([9, 1, 5]), context=4)
    assert pieces.starts.tolist() == [0, 4, 10]
    assert pieces.lengths.tolist() == [5, 5, 5]
    assert cut(np.array([0]), np.array([10]), context=4).lengths.tolist() == [5, 5, 2]
