"""data/corpus -> encoded documents, for the world (JSONL of texts and chats) and for plain text alike.

Each part becomes a token file: of plain text train and validation, of the world the sources that a curriculum mixes.
Plain text is one long document without markers, encoded in pieces that end with a line, so that a file of any size
streams. Its first token is predicted from nothing, hence carries no loss and no bytes.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from playbook.data.text_source import DataConfig
from playbook.data.world.drills import DRILLS
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import read_jsonl
from playbook.text.chat import Encoded, check_message, encode_chat, encode_document, message_texts, spaced
from playbook.text.tokenizer import Tokenizer, TokenizerConfig

PIECE = 1 << 12
"""Characters of plain text encoded at a time, at least."""
TEXT_PARTS = ("train", "validation")
WORLD_PARTS: dict[str, tuple[str, str]] = {
    "county": ("pretrain.jsonl", ""),
    **{kind: ("drills.jsonl", kind) for kind in DRILLS},
    "reading": ("conversations.jsonl", "reading"),
    "search": ("conversations.jsonl", "search|style"),
    "talk": ("conversations.jsonl", "(?!reading|search|style)"),
    "validation": ("validation.jsonl", ""),
}
"""Part -> corpus file, and how the `kind` of its rows begins (a regular expression)."""


def vocabulary_texts(data: DataConfig, tokenizer: TokenizerConfig, corpus: Path) -> Iterator[str]:
    """What a tokenizer is trained on: the training parts, each text with the space that encoding puts before it.

    For plain text by characters also the validation part: an alphabet holds no statistics, and without the rare
    character that only occurs there its validation could not be written at all.
    """
    if data.source == "text":
        yield from _lines(corpus / "train.txt")
        if tokenizer.kind == "char":
            yield from _lines(corpus / "validation.txt")
        return
    for name in ("pretrain.jsonl", "conversations.jsonl"):  # or what only the second says is spelt in pieces
        for where, row in _rows(corpus / name):
            if "text" in row:
                yield spaced(row["text"])
            for number, message in enumerate(row.get("messages", [])):
                check_message(message, f"{where}: messages[{number}]")
                yield from map(spaced, message_texts(message))


def parts(data: DataConfig) -> tuple[str, ...]:
    """The names of the token files; validation is the last."""
    return TEXT_PARTS if data.source == "text" else tuple(WORLD_PARTS)


def encode_part(data: DataConfig, tokenizer: Tokenizer, corpus: Path, part: str) -> Iterator[Encoded]:
    """The documents of one of `parts`; of plain text, the pieces of its one document."""
    if data.source == "text":
        return encode_text(corpus / f"{part}.txt", tokenizer)
    file, kinds = WORLD_PARTS[part]
    return encode_rows(corpus / file, tokenizer, kinds)


def encode_rows(path: Path, tokenizer: Tokenizer, kinds: str = "") -> Iterator[Encoded]:
    """Rows {"text"} as documents with loss throughout, rows {"messages"} as chats with loss on the assistant.

    Only rows whose "kind" begins with a match of `kinds`, a regular expression.
    """
    wanted = re.compile(kinds).match
    for where, row in _loaded(path, path.stat().st_mtime_ns) if path.is_file() else _rows(path):
        if not wanted(row.get("kind", "")):
            continue
        try:
            yield encode_document(row["text"], tokenizer) if "text" in row else encode_chat(row["messages"], tokenizer)
        except InputError as error:
            raise InputError(f"{where}: {error.where}", error.expected, error.got, error.run) from None


def encode_text(path: Path, tokenizer: Tokenizer) -> Iterator[Encoded]:
    """Plain text in pieces."""
    first = True
    for text in _lines(path):
        ids = tokenizer.encode(text)
        size = len(text.encode())
        yield Encoded(ids, [not first] + [True] * (len(ids) - 1), size - tokenizer.byte_length(ids[0]) * first)
        first = False


def _lines(path: Path) -> Iterator[str]:
    """Whole lines, about `PIECE` characters at a time; of one endless line, pieces of it."""
    with open(path, encoding="utf-8", newline="") as handle:
        while text := handle.read(PIECE):
            yield text + handle.readline(PIECE)


@lru_cache(maxsize=1)
def _loaded(path: Path, changed_at: int) -> list[tuple[str, dict[str, Any]]]:
    """All rows of a file, as it was at that time: the drills are asked for kind by kind."""
    return list(_rows(path))


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(where it stands, row) of a corpus file; a row with neither text nor messages raises `InputError`."""
    number = 0
    for number, row in enumerate(read_jsonl(path, "dvc repro prepare"), start=1):
        where = f"{path}:{number}"
        if not (isinstance(row.get("text"), str) or isinstance(row.get("messages"), list)):
            raise InputError(where, '"text" (a string) or "messages" (a list)', f"the keys {', '.join(row)}")
        yield where, row
    if number == 0:
        raise InputError(path, "at least one row", "an empty file", "dvc repro -f prepare")
