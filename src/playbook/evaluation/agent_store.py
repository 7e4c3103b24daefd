"""The world's documents in a store, one passage each, in the very words that the model was trained to read."""

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from playbook.agent.retriever import Chunk, Document, DocumentStore
from playbook.data.world.documents import passage


def fill(path: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """A new store of rows of documents.jsonl; returns how many. It is one file, and reading does not touch it.

    Its clock stands still: the same rows make the same bytes.
    """
    for old in path.parent.glob(f"{path.name}*"):
        old.unlink()
    with DocumentStore(path, clock=lambda: 0.0) as store:
        count = store.add(document_of(row) for row in rows)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")  # a log beside it would change under whoever reads
    return count


def document_of(row: Mapping[str, Any]) -> Document:
    """A row of documents.jsonl as a document of one chunk."""
    text = passage(row)
    return Document(row["id"], row["title"], text, chunks=[Chunk(text)])
