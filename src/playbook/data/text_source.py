r"""`data.source: text`: any UTF-8 files instead of the generated world, split by position as in nanoGPT.

The files are joined in the order of their names; the first part trains, the last validates. Windows line ends become
`\n`, a byte-order mark is dropped. Files are read in blocks, twice: to count characters, and to write.
"""

import codecs
import glob
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn

from playbook.plumbing.errors import InputError
from playbook.plumbing.files import atomic_write

BLOCK = 1 << 20
"""Bytes read at a time."""


@dataclass(frozen=True)
class DataConfig:
    """The `data` section of params.yaml."""

    source: Literal["world", "text"] = "world"
    files: str = "data/sources/*.txt"
    """A glob relative to the root of the checkout; `text` only."""
    validation_fraction: float = 0.1
    """Of the characters, taken from the end; `text` only."""
    preferences: str | None = None
    """A JSONL file of preference pairs in place of the world's, see playbook.data.preference_source."""

    def __post_init__(self) -> None:
        if not 0 < self.validation_fraction < 1:
            raise InputError("validation_fraction", "a share between 0 and 1", self.validation_fraction)


def prepare_text(config: DataConfig, out: Path) -> tuple[int, int]:
    """Write out/train.txt and out/validation.txt; returns their characters. Bad files raise `InputError`."""
    paths = source_files(config)
    total = sum(len(text) for text in read_texts(paths))
    first = int(total * (1 - config.validation_fraction) + 1e-6)  # 0.9 * 10 is 9, also in binary
    if not 0 < first < total:
        raise InputError(config.files, "text for both parts of the split", f"{total} characters", "use more text")
    left = first
    with atomic_write(out / "validation.txt", "wb") as validation, atomic_write(out / "train.txt", "wb") as train:
        for text in read_texts(paths):
            train.write(text[:left].encode())
            validation.write(text[left:].encode())
            left = max(0, left - len(text))
    return first, total - first


def source_files(config: DataConfig) -> list[Path]:
    """The files that the glob matches, sorted; none raises `InputError`."""
    paths = sorted(path for name in glob.glob(config.files, recursive=True) if (path := Path(name)).is_file())
    if not paths:
        run = "put UTF-8 text there (see data/sources/README.md), or set data.source: world"
        raise InputError(f"data.files: {config.files}", "at least one text file", "no file of this name", run)
    return paths


def read_texts(paths: list[Path]) -> Iterator[str]:
    """All files as one text, block by block; a file that does not end its last line gets a line end before the next."""
    for number, path in enumerate(paths):
        last = ""
        for text in read_blocks(path):
            yield text
            last = text[-1]
        if last != "\n" and number < len(paths) - 1:
            yield "\n"


def read_blocks(path: Path) -> Iterator[str]:
    """The text of one file in non-empty blocks; an empty file, a NUL byte, or no UTF-8 raise `InputError`."""
    utf8 = codecs.getincrementaldecoder("utf-8")()
    lines = io.IncrementalNewlineDecoder(None, translate=True)
    read = 0
    empty = True
    with open(path, "rb") as handle:
        while True:
            block = handle.read(BLOCK)
            if 0 in block:
                _refuse(path, f"a NUL byte at offset {read + block.index(0)}: a binary file?")
            pending = len(utf8.getstate()[0])  # bytes of a character that the block before cut in two
            try:
                text = utf8.decode(block, final=not block)
            except UnicodeDecodeError as error:
                found = error.object[error.start : error.end].hex(" ")
                _refuse(path, f"the bytes {found} at offset {read - pending + error.start}, which are no UTF-8")
            if empty:
                text = text.removeprefix("\ufeff")
            read += len(block)
            if text := lines.decode(text, final=not block):
                empty = False
                yield text
            if not block:
                break
    if empty:
        _refuse(path, "an empty file")


def _refuse(path: Path, got: str) -> NoReturn:
    raise InputError(path, "a text file in UTF-8", got, "convert it with iconv, or take it out of data.files")
