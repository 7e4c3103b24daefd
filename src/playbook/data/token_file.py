"""Token files: a corpus as 16-bit ids, packed one document after another, read through a memory map.

    header 128 bytes | ids uint16[tokens] | zeros, to 8 bytes | starts int64[documents] | loss mask uint8[tokens]

The loss mask is left out where every token carries loss. Reading never loads more than is looked at; writing holds one
document at a time. Opening checks the header and the size of the file, `verify` the SHA-256 of all after the header.
Knows nothing of what the ids mean, nor of batches.
"""

import hashlib
import os
import shutil
import struct
import tempfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from playbook.plumbing.errors import InputError
from playbook.plumbing.files import atomic_write
from playbook.text.chat import Encoded

MAGIC = b"PLAYTOKS"
VERSION = 1
MAKER = "dvc repro -f tokenizer"
HEADER_BYTES = 128
_FIELDS = struct.Struct("<8sIIQQQQQ32s")  # little-endian: magic, version, then `Header`


class Header(NamedTuple):
    """What the first 128 bytes hold, after magic and version, before zeros and their own CRC-32."""

    masked: int
    """1: the file has a loss mask; 0: every token carries loss."""
    vocab_size: int
    tokens: int
    documents: int
    trained: int
    """Tokens that carry loss."""
    text_bytes: int
    """UTF-8 bytes of the text of the tokens that carry loss: bits per byte = nats / ln 2 / text_bytes."""
    checksum: bytes
    """SHA-256 of everything after the header."""


@dataclass(frozen=True)
class TokenFile:
    """An open token file; the arrays are views of the memory map."""

    path: Path
    header: Header
    ids: NDArray[np.uint16]
    """[tokens]"""
    starts: NDArray[np.int64]
    """[documents]: where each document begins in `ids`."""
    loss_mask: NDArray[np.uint8] | None
    """[tokens]: 1 where the token is to be predicted; None: everywhere."""

    @staticmethod
    def open(path: str | Path) -> "TokenFile":
        """Map a token file; a missing, truncated or foreign one raises `InputError`."""
        path = Path(path)
        header = _read_header(path)
        ids_at, starts_at, mask_at, size = _layout(header)
        if path.stat().st_size != size:
            raise InputError(path, f"a token file of {size:,} bytes", f"{path.stat().st_size:,} bytes", MAKER)
        whole = np.asarray(np.memmap(path, np.uint8, mode="r"))
        ids = whole[ids_at : ids_at + 2 * header.tokens].view("<u2")
        starts = whole[starts_at:mask_at].view("<i8")
        return TokenFile(path, header, ids, starts, whole[mask_at:] if header.masked else None)

    def verify(self) -> None:
        """Read the whole file and compare its checksum; `InputError` if a bit has changed."""
        digest = hashlib.sha256()
        with open(self.path, "rb") as handle:
            handle.seek(HEADER_BYTES)
            while block := handle.read(1 << 20):
                digest.update(block)
        if digest.digest() != self.header.checksum:
            raise InputError(
                self.path, f"SHA-256 {self.header.checksum.hex()}", f"{digest.hexdigest()}: corrupted", MAKER
            )

    def lengths(self) -> NDArray[np.int64]:
        """[documents]: tokens of each document."""
        return np.diff(self.starts, append=self.header.tokens)


def write_tokens(path: str | Path, documents: Iterable[Encoded], vocab_size: int, one_document: bool = False) -> Header:
    """Write documents as they come, holding one at a time; the old file stands until the new one is complete.

    `one_document`: the items are consecutive pieces of one long document. Raises `InputError` for an id outside the
    vocabulary, a mask of another length, and for no tokens at all.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        atomic_write(path, "wb") as handle,
        tempfile.TemporaryFile(dir=path.parent) as starts,  # these two follow the ids, whose number is not known yet
        tempfile.TemporaryFile(dir=path.parent) as masks,
    ):
        handle.write(bytes(HEADER_BYTES))
        body = _Hashing(handle)
        count = pieces = trained = size = 0
        for pieces, document in enumerate(documents, start=1):
            ids, mask = _check(document, vocab_size, f"{path}: document {pieces}")
            if pieces == 1 or not one_document:
                starts.write(struct.pack("<q", count))
            body.write(ids.tobytes())
            masks.write(mask.tobytes())
            count, trained, size = count + len(ids), trained + int(mask.sum()), size + document.text_bytes
        if count == 0:
            raise InputError(path, "at least one token to write", "none", "look at data/corpus")
        body.write(bytes(-2 * count % 8))
        body.copy(starts)
        if masked := trained < count:
            body.copy(masks)
        number = 1 if one_document else pieces
        header = Header(int(masked), vocab_size, count, number, trained, size, body.digest.digest())
        handle.seek(0)
        handle.write(_pack(header))
    return header


class _Hashing:
    """A file that digests what is written to it."""

    def __init__(self, handle: IO[bytes]) -> None:
        self.handle, self.digest = handle, hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return self.handle.write(data)

    def copy(self, source: IO[bytes]) -> None:
        source.seek(0)
        shutil.copyfileobj(source, self)


def _check(document: Encoded, vocab_size: int, where: str) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    ids = np.asarray(document.ids, dtype=np.int64)
    mask = np.asarray(document.loss_mask, dtype=np.uint8)
    if len(ids) == 0 or ids.min() < 0 or ids.max() >= min(vocab_size, 2**16):
        got = f"ids {ids.min()} to {ids.max()}" if len(ids) else "no ids"
        raise InputError(where, f"ids from 0 to {min(vocab_size, 2**16) - 1}", got)
    if len(mask) != len(ids):
        raise InputError(where, f"a loss mask of {len(ids)} tokens", f"{len(mask)}")
    return ids.astype("<u2"), mask


def _pack(header: Header) -> bytes:
    fields = _FIELDS.pack(MAGIC, VERSION, *header).ljust(HEADER_BYTES - 4, b"\0")
    return fields + struct.pack("<I", zlib.crc32(fields))


def _read_header(path: Path) -> Header:
    try:
        with open(path, "rb") as handle:
            found = handle.read(HEADER_BYTES)
    except OSError as error:
        raise InputError(path, "a token file", os.strerror(error.errno or 0), "dvc repro tokenizer") from None
    if len(found) < HEADER_BYTES or not found.startswith(MAGIC):
        raise InputError(path, f"a token file, which begins with {MAGIC!r}", repr(found[:8]), MAKER)
    fields: tuple[Any, ...] = _FIELDS.unpack_from(found)
    header = Header(*fields[2:])
    if fields[1] != VERSION or found != _pack(header):
        raise InputError(path, f"a token file of version {VERSION} with an intact header", "a corrupted header", MAKER)
    return header


def _layout(header: Header) -> tuple[int, int, int, int]:
    """Where ids, starts and mask begin, and where the file ends."""
    ids_end = HEADER_BYTES + 2 * header.tokens
    starts_at = ids_end + -ids_end % 8
    mask_at = starts_at + 8 * header.documents
    return HEADER_BYTES, starts_at, mask_at, mask_at + header.tokens * header.masked
