"""Documents in one SQLite file, found through its full-text index FTS5: the store that needs no server.

A document is added whole or not at all: transactions hold whole documents, so a run that is killed leaves those that it
had finished, and the same run again goes on from there, because a document whose content hash stands in the store is
skipped. Words are stemmed (`porter`) and ranked by FTS5's BM25, the title counting more.

What this does not know: files and folders (`folder.py`), other ways of ranking (`bm25.py`, `dense.py`).
Sources: Robertson & Zaragoza (2009), The Probabilistic Relevance Framework, section 3; SQLite's documentation of FTS5.
"""

import contextlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from playbook.agent.chunking import chunk_text
from playbook.agent.passages import Chunk, Document, Passage
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
    number INTEGER PRIMARY KEY, document INTEGER NOT NULL REFERENCES documents (number),
    title TEXT NOT NULL, text TEXT NOT NULL, context TEXT NOT NULL,
    first_line INTEGER NOT NULL, last_line INTEGER NOT NULL
);
CREATE INDEX chunks_of_document ON chunks (document);
CREATE VIRTUAL TABLE chunk_index USING fts5(
    title, text, context, content='chunks', content_rowid='number', tokenize='porter unicode61'
);
INSERT INTO chunk_index (chunk_index, rank) VALUES ('rank', 'bm25(2.0, 1.0, 1.0)');
CREATE TABLE revision (number INTEGER NOT NULL);
INSERT INTO revision VALUES (0);
"""
"""The weights of title, text and context in the score are those of `rank`."""
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
    another process for `timeout` seconds.

    >>> with DocumentStore(":memory:") as store:
    ...     store.add([Document("1", "Tea", "Tea is made of leaves."), Document("2", "Ink", "Ink is made of soot.")])
    ...     [passage.document for passage in store.search("leave", 5)]
    2
    ['1']
    """

    def __init__(self, path: str | Path, timeout: float = 5.0) -> None:
        self.path = str(path)
        with self._told():
            if self.path != ":memory:":
                Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.path, timeout=timeout, isolation_level=None)
            try:
                self._open()
            except BaseException:
                self._connection.close()
                raise

    def _open(self) -> None:
        if self._one("SELECT count(*) FROM sqlite_master") == 0:
            self._run("PRAGMA journal_mode = WAL")  # readers go on reading while somebody writes
            with self._transaction():
                if self._one("PRAGMA user_version") == 0:  # else another process was faster
                    for statement in filter(str.strip, SCHEMA.split(";")):
                        self._run(statement)
                    self._run(f"PRAGMA user_version = {VERSION}")
        if (version := self._one("PRAGMA user_version")) != VERSION:
            raise InputError(self.path, f"a document store of version {VERSION}", f"version {version}", self._afresh)
        self._run("PRAGMA synchronous = NORMAL")  # with WAL a power cut may undo the last transaction, never tear it

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
            with self._told(), self._transaction():
                for document in batch:
                    chunks = document.chunks if document.chunks is not None else chunker(document.text)
                    self._write(document, chunks)
            written += len(batch)
            for document in batch if done is not None else ():
                done(document)  # type: ignore[misc]
        return written

    def _batches(self, documents: Iterable[Document]) -> Iterator[list[Document]]:
        batch: dict[str, Document] = {}
        size, began = 0, time.monotonic()
        try:
            for document in documents:
                _check_unicode(document)
                if self.content_hash(document.id) == document.content_hash and document.id not in batch:
                    continue
                batch[document.id] = document
                size += len(document.text)
                if size > BATCH_CHARACTERS or time.monotonic() - began > BATCH_SECONDS:
                    yield list(batch.values())
                    batch, size, began = {}, 0, time.monotonic()
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
        row = (document.id, document.title, document.path, metadata, document.content_hash, time.time())
        columns = "id, title, path, metadata, content_hash, indexed_at"
        number = self._run(f"INSERT INTO documents ({columns}) VALUES (?, ?, ?, ?, ?, ?)", row).lastrowid
        for chunk in chunks:
            title = " > ".join(
                dict.fromkeys(
                    filter(None, (document.title, chunk.title.removeprefix(document.title).removeprefix(" > ")))
                )
            )
            values = (title, chunk.text, chunk.context)
            chunk_number = self._run(
                "INSERT INTO chunks (document, title, text, context, first_line, last_line) VALUES (?, ?, ?, ?, ?, ?)",
                (number, *values, chunk.first_line, chunk.last_line),
            ).lastrowid
            self._run(
                "INSERT INTO chunk_index (rowid, title, text, context) VALUES (?, ?, ?, ?)", (chunk_number, *values)
            )
        self._run("UPDATE revision SET number = number + 1")

    def _delete(self, id: str) -> bool:
        row = self._run("SELECT number FROM documents WHERE id = ?", (id,)).fetchone()
        if row is None:
            return False
        for gone in self._run("SELECT number, title, text, context FROM chunks WHERE document = ?", row).fetchall():
            columns = "chunk_index, rowid, title, text, context"
            self._run(f"INSERT INTO chunk_index ({columns}) VALUES ('delete', ?, ?, ?, ?)", gone)
        self._run("DELETE FROM chunks WHERE document = ?", row)
        self._run("DELETE FROM documents WHERE number = ?", row)
        self._run("UPDATE revision SET number = number + 1")
        return True

    def remove(self, id: str) -> bool:
        """Take a document out; False if it was not there."""
        with self._told(), self._transaction():
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
        with self._told():
            rows = self._run(sql, (any_of(self._affordable(found)), depth))
            return [(int(number), float(score)) for number, score in rows]

    def _affordable(self, found: list[str]) -> list[str]:
        """The rarest words, as many as together stand in no more than `MOST_MATCHES` chunks; one at least."""
        if (self._one("SELECT max(number) FROM chunks") or 0) <= MOST_MATCHES:
            return found
        sql = "SELECT count(*) FROM (SELECT 1 FROM chunk_index WHERE chunk_index MATCH ? LIMIT ?)"
        counts = {word: self._run(sql, (any_of([word]), MOST_MATCHES + 1)).fetchone()[0] for word in found}
        kept, matches = list[str](), 0
        for word in sorted(found, key=lambda word: counts[word]):
            if kept and matches + counts[word] > MOST_MATCHES:
                break
            kept.append(word)
            matches += counts[word]
        return kept

    def passages(self, ranked: Iterable[tuple[int, float]]) -> list[Passage]:
        """Chunks by number, as `rank` gives them, as passages in the same order."""
        with self._told():
            rows = [(self._run(FOUND, (number,)).fetchone(), score) for number, score in ranked]
        return [Passage(*row, score=score) for row, score in rows if row is not None]  # None: removed in the meantime

    def chunks(self) -> Iterator[tuple[int, str, str, str]]:
        """Number, title, text and context of every chunk, in order of arrival: what other ways of ranking index."""
        with self._told():
            yield from self._run("SELECT number, title, text, context FROM chunks ORDER BY number")

    def ids(self) -> list[str]:
        """The ids of all documents, in order of arrival."""
        with self._told():
            return [id for (id,) in self._run("SELECT id FROM documents ORDER BY number")]

    def metadata(self, id: str) -> dict[str, Any] | None:
        """What was kept with a document, with its `path`, `content_hash` and `indexed_at` (seconds since 1970)."""
        sql = "SELECT metadata, path, content_hash, indexed_at FROM documents WHERE id = ?"
        with self._told():
            row = self._run(sql, (id,)).fetchone()
        if row is None:
            return None
        return {**json.loads(row[0]), "path": row[1], "content_hash": row[2], "indexed_at": row[3]}

    def content_hash(self, id: str) -> str | None:
        """The hash of the version of a document that the store holds; None where it holds none."""
        with self._told():
            row = self._run("SELECT content_hash FROM documents WHERE id = ?", (id,)).fetchone()
        return None if row is None else str(row[0])

    @property
    def revision(self) -> int:
        """A number that grows with every change: what was built from the chunks before is then out of date."""
        with self._told():
            return int(self._one("SELECT number FROM revision"))

    def __len__(self) -> int:
        with self._told():
            return int(self._one("SELECT count(*) FROM documents"))

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def __enter__(self) -> "DocumentStore":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        return self._connection.execute(sql, values)

    def _one(self, sql: str) -> Any:
        return self._run(sql).fetchone()[0]

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._run("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._run("ROLLBACK")
            raise
        self._run("COMMIT")

    @property
    def _afresh(self) -> str:
        return f"delete {self.path} and index the documents again"

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """What SQLite has to complain of, as an `InputError` that says what to do; a misuse by us stays as it is."""
        try:
            yield
        except (sqlite3.ProgrammingError, sqlite3.IntegrityError):
            raise
        except (sqlite3.DatabaseError, OSError) as error:
            text = str(error)
            if "locked" in text or "busy" in text:
                advice = "end the other process that is writing to it, or wait, and try again"
                raise InputError(self.path, "a store that nobody else has locked", text, advice) from None
            if isinstance(error, OSError) or any(
                word in text for word in ("unable to open", "readonly", "full", "disk I/O")
            ):
                advice = "choose a path in a folder that can be written and has room"
                raise InputError(self.path, "a file that can be read and written", text, advice) from None
            raise InputError(self.path, "a whole document store", text, self._afresh) from None


def _check_unicode(document: Document) -> None:
    for name, text in (("id", document.id), ("title", document.title), ("text", document.text)):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            where = f"document {document.id!a}: {name}, character {error.start}"
            raise InputError(where, "Unicode text", f"half a surrogate pair, {text[error.start]!a}") from None
