import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from playbook.data.token_file import HEADER_BYTES, Header, TokenFile, write_tokens
from playbook.plumbing.errors import InputError
from playbook.text.chat import Encoded

DOCUMENTS = [
    Encoded([1, 300, 301, 2], [False, True, True, True], 11),
    Encoded([1, 65535, 2], [False, False, True], 0),
    Encoded([1, 2, 3, 4, 5, 6], [False] * 3 + [True] * 3, 7),
]
VOCAB = 65536


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_tokens(tmp_path / "some.tokens", iter(DOCUMENTS), VOCAB)
    return tmp_path / "some.tokens"


def test_round_trip(path: Path) -> None:
    file = TokenFile.open(path)
    assert file.ids.tolist() == [token for document in DOCUMENTS for token in document.ids]
    assert file.starts.tolist() == [0, 4, 7]
    assert file.lengths().tolist() == [4, 3, 6]
    assert file.loss_mask is not None
    assert file.loss_mask.tolist() == [loss for document in DOCUMENTS for loss in document.loss_mask]
    assert file.header == Header(1, VOCAB, 13, 3, 7, 18, file.header.checksum)
    assert [str(array.dtype) for array in (file.ids, file.starts)] == ["uint16", "int64"]
    file.verify()


def test_reading_is_a_memory_map(path: Path) -> None:
    ids = TokenFile.open(path).ids
    assert not ids.flags.owndata
    assert not ids.flags.writeable
    base: Any = ids
    while not isinstance(base, np.memmap):
        base = base.base


def test_a_mask_of_ones_is_left_out(tmp_path: Path) -> None:
    write_tokens(tmp_path / "t", [Encoded([1, 2, 3], [True] * 3, 3)], 4)
    assert TokenFile.open(tmp_path / "t").loss_mask is None
    assert (tmp_path / "t").stat().st_size == HEADER_BYTES + 8 + 8


def test_pieces_of_one_document(tmp_path: Path) -> None:
    header = write_tokens(tmp_path / "t", DOCUMENTS, VOCAB, one_document=True)
    file = TokenFile.open(tmp_path / "t")
    assert (header.documents, file.starts.tolist(), file.lengths().tolist()) == (1, [0], [13])


def test_the_same_documents_give_the_same_bytes(path: Path, tmp_path: Path) -> None:
    write_tokens(tmp_path / "again.tokens", DOCUMENTS, VOCAB)
    assert (tmp_path / "again.tokens").read_bytes() == path.read_bytes()


def test_writing_holds_one_document_at_a_time(tmp_path: Path) -> None:
    alive: list[int] = []

    class Tracked(list[int]):
        def __del__(self) -> None:
            alive.remove(id(self))

    def documents() -> Iterator[Encoded]:
        for _ in range(50):
            ids = Tracked([1, 2])
            alive.append(id(ids))
            assert len(alive) <= 3
            yield Encoded(ids, [True, True], 2)
            del ids

    assert write_tokens(tmp_path / "t", documents(), 4).documents == 50


@pytest.mark.parametrize("size", [0, 5, HEADER_BYTES, HEADER_BYTES + 20, -1])
def test_a_truncated_file_is_refused_at_once(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(InputError, match="dvc repro -f tokenizer"):
        TokenFile.open(path)


@pytest.mark.parametrize("at", [0, 9, 20, 40, 70, HEADER_BYTES - 1])
def test_a_corrupted_header_is_refused_at_once(path: Path, at: int) -> None:
    flip(path, at)
    with pytest.raises(InputError, match="dvc repro -f tokenizer"):
        TokenFile.open(path)


@pytest.mark.parametrize("at", [HEADER_BYTES, HEADER_BYTES + 30, -1])
def test_a_corrupted_body_is_found_by_verify(path: Path, at: int) -> None:
    flip(path, at)
    file = TokenFile.open(path)
    with pytest.raises(InputError, match=r"SHA-256(.|\n)*corrupted(.|\n)*dvc repro -f tokenizer"):
        file.verify()


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"No such file(.|\n)*dvc repro tokenizer"):
        TokenFile.open(tmp_path / "none.tokens")


def test_a_full_disk_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def full() -> Iterator[Encoded]:
        yield DOCUMENTS[0]
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_tokens(path, full(), VOCAB)
    assert path.read_bytes() == before
    assert [child.name for child in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("documents", "vocab_size", "message"),
    [
        ([], 10, "none"),
        ([Encoded([], [], 0)], 10, "document 1"),
        ([DOCUMENTS[2], Encoded([1, 10], [True, True], 0)], 10, "document 2(.|\n)*from 0 to 9"),
        ([Encoded([-1], [True], 0)], 10, "ids -1 to -1"),
        ([Encoded([70_000], [True], 0)], 100_000, "from 0 to 65535"),
        ([Encoded([1, 2], [True], 0)], 10, "loss mask of 2"),
    ],
)
def test_bad_documents_are_refused(documents: list[Encoded], vocab_size: int, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        write_tokens(tmp_path / "t", documents, vocab_size)
    assert not (tmp_path / "t").exists()
