from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from playbook.data.batches import (
    Batch,
    BatchStream,
    PackedDocuments,
    WindowBatches,
    open_stream,
    open_validation,
    validation_documents,
    validation_windows,
)
from playbook.data.token_file import TokenFile, write_tokens
from playbook.plumbing.errors import InputError
from playbook.text.chat import Encoded

CONTEXT, ROWS = 13, 3  # primes: a swapped axis cannot pass
TEXT = 101
STREAMS = [WindowBatches, PackedDocuments]


@pytest.fixture
def text(tmp_path: Path) -> TokenFile:
    """One document in which every token occurs once, so that a target tells where it stands."""
    write_tokens(tmp_path / "text", [Encoded(list(range(TEXT)), [True] * TEXT, TEXT)], TEXT)
    return TokenFile.open(tmp_path / "text")


@pytest.fixture
def documents(tmp_path: Path) -> TokenFile:
    """40 documents of 2 to 30 tokens, again without a token that occurs twice; every seventh carries no loss."""
    rng, first, rows = np.random.default_rng(0), 1, []
    for length in rng.integers(2, 31, 40).tolist():
        ids = list(range(first, first + length))
        rows.append(Encoded(ids, [i % 7 != 0 and i != first for i in ids], length))
        first += length
    write_tokens(tmp_path / "documents", rows, first)
    return TokenFile.open(tmp_path / "documents")


def counted(batch: Batch) -> list[int]:
    return batch.targets[batch.weights == 1].tolist()


def equal(a: Batch, b: Batch) -> bool:
    return all(torch.equal(getattr(a, name), getattr(b, name)) for name in vars(a))


def one_epoch(stream: BatchStream) -> list[int]:
    """Targets that counted until the epoch ended; the batch size must divide the epoch."""
    targets: list[int] = []
    while stream.epoch == 0:
        targets += counted(next(stream))
    return targets


def test_targets_are_inputs_one_later(text: TokenFile, documents: TokenFile) -> None:
    for batch in (next(WindowBatches(text, CONTEXT, ROWS, 1)), next(PackedDocuments(documents, CONTEXT, ROWS, 1))):
        assert batch.inputs.shape == batch.targets.shape == (ROWS, CONTEXT)
        assert torch.equal(batch.inputs[:, 1:], batch.targets[:, :-1])
        real = batch.weights == 1
        assert torch.equal(batch.targets[real], batch.inputs[real] + 1)  # ids count upwards
        assert batch.inputs.dtype == batch.targets.dtype == torch.int64
        assert batch.to("cpu").weights.dtype == torch.float32


def test_an_epoch_of_windows_visits_each_target_once(text: TokenFile) -> None:
    stream = WindowBatches(text, CONTEXT, 1, seed=5)
    targets = one_epoch(stream)
    assert len(targets) == len(set(targets)) >= TEXT - 2 * CONTEXT
    assert sorted(targets) == list(range(min(targets), max(targets) + 1))
    assert targets != sorted(targets)


def test_epochs_differ_in_offset_and_order(text: TokenFile) -> None:
    stream = WindowBatches(text, CONTEXT, 1, seed=5)
    offsets = {min(int(next(stream).inputs[0, 0]) for _ in range(stream.rows_in_epoch())) for _ in range(40)}
    assert offsets == set(range(CONTEXT))


def test_an_epoch_of_documents_visits_each_trained_target_once(documents: TokenFile) -> None:
    assert documents.loss_mask is not None
    targets = one_epoch(PackedDocuments(documents, CONTEXT, 1, seed=5))
    assert sorted(targets) == documents.ids[documents.loss_mask == 1].tolist()
    assert len(targets) == documents.header.trained


def test_documents_are_whole_unless_too_long(documents: TokenFile) -> None:
    whole = {int(start) for start, n in zip(documents.starts, documents.lengths(), strict=True) if n <= CONTEXT + 1}
    stream = PackedDocuments(documents, CONTEXT, 1, seed=5)
    for _ in range(stream.rows_in_epoch()):
        batch = next(stream)
        inputs, inside = batch.inputs[0], batch.documents[0]
        for document in range(int(inside.max()) + 1):
            own = inputs[inside == document]
            position = int(np.searchsorted(documents.ids, int(own[0])))
            owner = int(documents.starts[documents.starts <= position].max())
            assert position == owner or owner not in whole


def test_weights_by_hand(tmp_path: Path) -> None:
    rows = [Encoded([1, 5, 2], [False, True, True], 1), Encoded([1, 6, 7, 2], [False, False, True, True], 1)]
    write_tokens(tmp_path / "t", rows, 8)
    [batch] = validation_documents(TokenFile.open(tmp_path / "t"), context=8, batch=4)
    assert batch.inputs.tolist() == [[1, 5, 2, 1, 6, 7, 2, 0]]
    assert batch.targets.tolist() == [[5, 2, 1, 6, 7, 2, 0, 0]]
    assert batch.weights.tolist() == [[1, 1, 0, 0, 1, 1, 0, 0]]
    assert batch.documents.tolist() == [[0, 0, 0, 1, 1, 1, 1, -1]]


def test_windows_over_documents_know_their_borders(tmp_path: Path) -> None:
    rows = [Encoded([1, 5, 2], [True] * 3, 1), Encoded([1, 6, 7, 2], [True] * 4, 1)]
    write_tokens(tmp_path / "t", rows, 8)
    [batch] = validation_windows(TokenFile.open(tmp_path / "t"), context=8, batch=4)
    assert batch.documents.tolist() == [[0, 0, 0, 1, 1, 1, 1, -1]]
    assert batch.weights.tolist() == [[1, 1, 0, 1, 1, 1, 0, 0]]


@pytest.mark.parametrize("stream_type", STREAMS)
def test_resumed_is_uninterrupted(stream_type: type[BatchStream], documents: TokenFile) -> None:
    whole = list(islice(stream_type(documents, CONTEXT, ROWS, seed=7), 60))
    stream = stream_type(documents, CONTEXT, ROWS, seed=7)
    for step in range(60):
        state, stream = stream.state(), stream_type(documents, CONTEXT, ROWS, seed=7)
        assert stream.epoch == stream.row == 0
        stream.load_state(state)
        assert equal(next(stream), whole[step])
    assert stream.epoch > 1


@pytest.mark.parametrize("stream_type", STREAMS)
def test_the_seed_fixes_the_sequence(stream_type: type[BatchStream], documents: TokenFile) -> None:
    one, same, other = (next(stream_type(documents, CONTEXT, ROWS, seed)) for seed in (1, 1, 2))
    assert equal(one, same)
    assert not equal(one, other)


@pytest.mark.parametrize("stream_type", STREAMS)
def test_a_cursor_into_something_else_is_refused(
    stream_type: type[BatchStream], documents: TokenFile, text: TokenFile
) -> None:
    state = stream_type(documents, CONTEXT, ROWS, seed=1).state()
    for other in (stream_type(documents, CONTEXT, ROWS, 2), stream_type(text, CONTEXT, ROWS, 1)):
        with pytest.raises(InputError, match="data cursor"):
            other.load_state(state)


@pytest.mark.parametrize("context", [1, 7, 10, 50, 99, 100])
@pytest.mark.parametrize("batch", [1, 4])
def test_validation_covers_every_token_but_the_first_once(context: int, batch: int, text: TokenFile) -> None:
    batches = list(validation_windows(text, context, batch))
    assert [target for b in batches for target in counted(b)] == list(range(1, TEXT))
    assert all(len(b.inputs) <= batch for b in batches)


def test_validation_documents_cover_every_trained_token_once(documents: TokenFile) -> None:
    assert documents.loss_mask is not None
    seen = Counter(target for b in validation_documents(documents, CONTEXT, ROWS) for target in counted(b))
    assert sorted(seen.elements()) == documents.ids[documents.loss_mask == 1].tolist()


@pytest.mark.parametrize("stream_type", STREAMS)
def test_a_batch_larger_than_an_epoch_spans_several(stream_type: type[BatchStream], documents: TokenFile) -> None:
    stream = stream_type(documents, CONTEXT, 200, seed=1)
    assert next(stream).inputs.shape == (200, CONTEXT)
    assert stream.epoch > 1


@pytest.mark.parametrize("stream_type", STREAMS)
def test_a_text_shorter_than_the_context_is_refused(stream_type: type[BatchStream], text: TokenFile) -> None:
    next(stream_type(text, TEXT - 1, 1, seed=1))
    with pytest.raises(InputError, match=r"context of 101(.|\n)*101 tokens(.|\n)*lower the context"):
        stream_type(text, TEXT, 1, seed=1)


def test_documents_shorter_than_the_context_are_padded(tmp_path: Path) -> None:
    write_tokens(tmp_path / "t", [Encoded([1, 5, 2], [False, True, True], 1)] * 2, 8)
    batch = next(PackedDocuments(TokenFile.open(tmp_path / "t"), 20, 1, seed=1))
    assert batch.inputs[0].tolist() == [1, 5, 2, 1, 5, 2] + [0] * 14


def test_nothing_to_predict_is_refused(tmp_path: Path) -> None:
    write_tokens(tmp_path / "t", [Encoded([1], [False], 0)] * 9, 8)
    with pytest.raises(InputError, match="the longest document 1"):
        PackedDocuments(TokenFile.open(tmp_path / "t"), 4, 1, seed=1)


@pytest.mark.parametrize(("context", "batch", "where"), [(0, 1, "context"), (1, 0, "batch")])
def test_impossible_sizes_are_refused(context: int, batch: int, where: str, text: TokenFile) -> None:
    with pytest.raises(InputError, match=where):
        WindowBatches(text, context, batch, seed=1)
    with pytest.raises(InputError, match=where):
        next(validation_windows(text, context, batch))


def test_the_file_decides_how_it_is_read(text: TokenFile, documents: TokenFile) -> None:
    assert isinstance(open_stream(text, CONTEXT, ROWS, 1), WindowBatches)
    assert isinstance(open_stream(documents, CONTEXT, ROWS, 1), PackedDocuments)
    for file in (text, documents):
        targets = [target for batch in open_validation(file, CONTEXT, ROWS) for target in counted(batch)]
        assert len(targets) == file.header.trained - (file is text)  # the text's first token has nothing before it
