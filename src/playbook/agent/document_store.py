"""Documents in one SQLite file, found through its full-text index FTS5: the store that needs no server.

A document is added whole or not at all: transactions hold whole documents, so a run that is killed leaves those that it
had finished, and the same run again goes on from there, because a document whose content hash stands in the store is
skipped. Words are stemmed (`porter`) and ranked by FTS5's BM25, the title counting more.

What this does not know: files and folders (`folder.py`), other ways of ranking (`bm25.py`, `dense.py`).
Sources: Robertson & Zaragoza (2009), The Probabilistic Relevance Framework, section 3; SQLite's documentation of FTS5.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from playbook.agent.chunking import chunk_text
from playbook.agent.passages import Chunk, Document, Passage
from playbook.agent.sqlite_file import SqliteFile
from playbook.agent.words import any_of, query_words
from playbook.plumbing.errors import InputError

VERSION = 1
"""Of the schema below; another one in a file is refused, not guessed at."""
SCHEMA = """
CREATE TABLE documents (
    number INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, title TEXT NOT NULL, path TEXT NOT NULL,
    metadata TEXT NOT NULL, content_hash TEXT NOT NULL, indexed_at REAL NOT NULL
);
CREATE TABLE chunks (
    number INTEGER PRIMARY KEY AUTOINCREMENT, document INTEGER NOT NULL REFERENCES documents (number),
    title TEXT NOT NULL, text TEXT NOT NULL, context TEXT NOT NULL,
    first_line INTEGER NOT NULL, last_line INTEGER NOT NULL
);
CREATE INDEX chunks_of_document ON chunks (document);
CREATE VIRTUAL TABLE chunk_index USING fts5(
    title, text, context, content='chunks', content_rowid='number', tokenize='porter unicode61'
);
INSERT INTO chunk_index (chunk_index, rank) VALUES ('rank', 'bm25(2.0, 1.0, 0.5)');
CREATE TABLE revision (number INTEGER NOT NULL);
INSERT INTO revision VALUES (0);
"""
"""The weights of title, text and context in the score are those of `rank`. A chunk's number is never given again, so
that what was built of the chunks before can miss new ones but never mistake one for another."""
BATCH_CHARACTERS = 2_000_000
BATCH_SECONDS = 1.0
"""Documents are gathered for so much text or time and then written in one transaction: with one for each, FTS5 merges
its index all the time, which takes many times as long."""
MOST_MATCHES = 10_000
"""Scoring a chunk takes about a microsecond. In a large store the commonest words of a query, which tell least, are
left out where they would match so many chunks that a query took longer than a reader should wait."""
FOUND = """
SELECT documents.id, chunks.title, chunks.text, documents.path, chunks.first_line, chunks.last_line
FROM chunks JOIN documents ON documents.number = chunks.document WHERE chunks.number = ?
"""


class DocumentStore:
    """A SQLite file of documents. Use as a context manager, or `close` it.

    Every method raises `InputError` for a file that is no store, is broken, cannot be written, or stays locked by
    another process for `timeout` seconds. `clock` tells the seconds since 1970, for `indexed_at`.

    >>> with DocumentStore(":memory:") as store:
    ...     store.add([Document("1", "Tea", "Tea is made of leaves."), Document("2", "Ink", "Ink is made of soot.")])
    ...     [passage.document for passage in store.search("leave", 5)]
    2
    ['1']
    """

    def __init__(self, path: str | Path, timeout: float = 5.0, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self._file = SqliteFile(path, SCHEMA, VERSION, "document store", timeout)

    def add(
        self,
        documents: Iterable[Document],
        chunker: Callable[[str], Sequence[Chunk]] = chunk_text,
        done: Callable[[Document], None] | None = None,
    ) -> int:
        """Add what is new, replace what has changed, skip what is there already; returns how many were written.

        `done` is called with each document once a kill can no longer lose it. Where `documents` itself raises, what it
        gave before is written first.
        """
        written = 0
        for batch in self._batches(documents):
            with self._file.transaction():
                for document in batch:
                    chunks = document.chunks if document.chunks is not None else chunker(document.text)
                    self._write(document, chunks)
            written += len(batch)
            if done is not None:
                for document in batch:
                    done(document)
        return written

    def _batches(self, documents: Iterable[Document]) -> Iterator[list[Document]]:
        batch: dict[str, Document] = {}
        size, began = 0, self.clock()
        try:
            for document in documents:
                _check_unicode(document)
                if self.content_hash(document.id) == document.content_hash and document.id not in batch:
                    continue
                batch[document.id] = document
                size += len(document.text) + sum(len(chunk.text) for chunk in document.chunks or ())
                if size > BATCH_CHARACTERS or self.clock() - began > BATCH_SECONDS:
                    yield list(batch.values())
                    batch, size, began = {}, 0, self.clock()
        except InputError:
            if batch:
                yield list(batch.values())
            raise
        if batch:
            yield list(batch.values())

    def _write(self, document: Document, chunks: Sequence[Chunk]) -> None:
        """Within a transaction: the old version out, the new one in."""
        self._delete(document.id)
        metadata = json.dumps(dict(document.metadata), ensure_ascii=False)
        row = (document.id, document.title, document.path, metadata, document.content_hash, self.clock())
        columns = "id, title, path, metadata, content_hash, indexed_at"
        number = self._file.run(f"INSERT INTO documents ({columns}) VALUES (?, ?, ?, ?, ?, ?)", row).lastrowid
        for chunk in chunks:
            title = full_title(document.title, chunk.title)
            values = (title, chunk.text, chunk.context)
            chunk_number = self._file.run(
                "INSERT INTO chunks (document, title, text, context, first_line, last_line) VALUES (?, ?, ?, ?, ?, ?)",
                (number, *values, chunk.first_line, chunk.last_line),
            ).lastrowid
            self._file.run(
                "INSERT INTO chunk_index (rowid, title, text, context) VALUES (?, ?, ?, ?)", (chunk_number, *values)
            )
        self._file.run("UPDATE revision SET number = number + 1")

    def _delete(self, id: str) -> bool:
        row = self._file.run("SELECT number FROM documents WHERE id = ?", (id,)).fetchone()
        if row is None:
            return False
        old = self._file.run("SELECT number, title, text, context FROM chunks WHERE document = ?", row).fetchall()
        sql = "INSERT INTO chunk_index (chunk_index, rowid, title, text, context) VALUES ('delete', ?, ?, ?, ?)"
        for gone in old:  # an index without a content of its own has to be told what stood there
            self._file.run(sql, gone)
        self._file.run("DELETE FROM chunks WHERE document = ?", row)
        self._file.run("DELETE FROM documents WHERE number = ?", row)
        self._file.run("UPDATE revision SET number = number + 1")
        return True

    def remove(self, id: str) -> bool:
        """Take a document out; False if it was not there."""
        with self._file.transaction():
            return self._delete(id)

    def search(self, query: str, k: int) -> list[Passage]:
        """The `k` best passages, best first; none where the query holds no word. Never reads `query` as syntax."""
        return self.passages(self.rank(query, k))

    def rank(self, query: str, depth: int) -> list[tuple[int, float]]:
        """Numbers of the `depth` best chunks with their BM25 scores, best first; equal scores in order of arrival."""
        found = query_words(query)
        if not found or depth < 1:
            return []
        sql = "SELECT rowid, -rank FROM chunk_index WHERE chunk_index MATCH ? ORDER BY rank, rowid LIMIT ?"
        with self._file.told():
            rows = self._file.run(sql, (any_of(self._affordable(found)), depth))
            return [(int(number), float(score)) for number, score in rows]

    def _affordable(self, found: list[str]) -> list[str]:
        """The rarest words, as many as together stand in no more than `MOST_MATCHES` chunks; one at least."""
        if (self._file.one("SELECT max(number) FROM chunks") or 0) <= MOST_MATCHES:
            return found
        sql = "SELECT count(*) FROM (SELECT 1 FROM chunk_index WHERE chunk_index MATCH ? LIMIT ?)"
        counts = {word: self._file.run(sql, (any_of([word]), MOST_MATCHES + 1)).fetchone()[0] for word in found}
        kept, matches = list[str](), 0
        for word in sorted(found, key=lambda word: counts[word]):
            if kept and matches + counts[word] > MOST_MATCHES:
                break
            kept.append(word)
            matches += counts[word]
        return kept

    def passages(self, ranked: Iterable[tuple[int, float]]) -> list[Passage]:
        """Chunks by number, as `rank` gives them, as passages in the same order."""
        with self._file.told():
            rows = [(self._file.run(FOUND, (number,)).fetchone(), score) for number, score in ranked]
        return [Passage(*(*row, score)) for row, score in rows if row is not None]  # None: removed in the meantime

    def chunks(self) -> Iterator[tuple[int, str, str, str]]:
        """Number, title, text and context of every chunk, in order of arrival: what other ways of ranking index."""
        with self._file.told():
            yield from self._file.run("SELECT number, title, text, context FROM chunks ORDER BY number")

    def ids(self) -> list[str]:
        """The ids of all documents, in order of arrival."""
        with self._file.told():
            return [id for (id,) in self._file.run("SELECT id FROM documents ORDER BY number")]

    def metadata(self, id: str) -> dict[str, Any] | None:
        """What was kept with a document, with its `path`, `content_hash` and `indexed_at` (seconds since 1970)."""
        sql = "SELECT metadata, path, content_hash, indexed_at FROM documents WHERE id = ?"
        with self._file.told():
            row = self._file.run(sql, (id,)).fetchone()
        if row is None:
            return None
        return {**json.loads(row[0]), "path": row[1], "content_hash": row[2], "indexed_at": row[3]}

    def content_hash(self, id: str) -> str | None:
        """The hash of the version of a document that the store holds; None where it holds none."""
        with self._file.told():
            found = self._file.one("SELECT content_hash FROM documents WHERE id = ?", (id,))
        return None if found is None else str(found)

    @property
    def revision(self) -> int:
        """A number that grows with every change: what was built from the chunks before is then out of date."""
        with self._file.told():
            return int(self._file.one("SELECT number FROM revision"))

    def __len__(self) -> int:
        with self._file.told():
            return int(self._file.one("SELECT count(*) FROM documents"))

    def close(self) -> None:
        """Let go of the file."""
        self._file.connection.close()

    def __enter__(self) -> "DocumentStore":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def full_title(document: str, headings: str) -> str:
    """A document's title and the headings over a chunk, the first of which often is the title.

    >>> full_title("Tea", "Tea > Water"), full_title("Tea", "Water"), full_title("Tea", "")
    ('Tea > Water', 'Tea > Water', 'Tea')
    """
    if headings == document or headings.startswith(f"{document} > "):
        return headings
    return " > ".join(filter(None, (document, headings)))


def _check_unicode(document: Document) -> None:
    for name, text in (("id", document.id), ("title", document.title), ("text", document.text)):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            where = f"document {document.id!a}: {name}, character {error.start}"
            raise InputError(where, "Unicode text", f"half a surrogate pair, {text[error.start]!a}") from None
