"""A SQLite file with a schema of its own: opened or made, written in transactions, its complaints put plainly."""

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from playbook.plumbing.errors import InputError

UNWRITABLE = ("unable to open", "readonly", "full", "disk I/O")
"""Words of SQLite's messages when the place is at fault and not the content."""


class SqliteFile:
    """One connection. `schema` is run in a new file; a file with another schema `version` is refused, not guessed at.

    Raises `InputError` for a file that is no database, is broken, is another program's, cannot be written, or stays
    locked by another process for `timeout` seconds.
    """

    def __init__(self, path: str | Path, schema: str, version: int, what: str, timeout: float = 5.0) -> None:
        self.path, self.schema, self.version, self.what = str(path), schema, version, what
        with self.told():
            if self.path != ":memory:":
                Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            self.connection = sqlite3.connect(self.path, timeout=timeout, isolation_level=None)
            try:
                self._open()
            except BaseException:
                self.connection.close()
                raise

    def _open(self) -> None:
        if self.one("SELECT count(*) FROM sqlite_master") == 0:
            self.run("PRAGMA journal_mode = WAL")  # readers go on reading while somebody writes
            with self.transaction():
                if self.one("PRAGMA user_version") == 0:  # else another process was faster
                    for statement in filter(str.strip, self.schema.split(";")):
                        self.run(statement)
                    self.run(f"PRAGMA user_version = {self.version}")
        if (found := self.one("PRAGMA user_version")) != self.version:
            raise InputError(self.path, f"a {self.what} of version {self.version}", f"version {found}", self.afresh)
        self.run("PRAGMA synchronous = NORMAL")  # with WAL a power cut may undo the last transaction, never tear it

    @property
    def afresh(self) -> str:
        """The advice for a file that cannot be used."""
        return f"delete {self.path} (if it is no other program's) and make the {self.what} again"

    def run(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """One statement."""
        return self.connection.execute(sql, values)

    def one(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """The first column of the first row; None where there is no row."""
        row = self.run(sql, values).fetchone()
        return None if row is None else row[0]

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the block or nothing of it."""
        with self.told():
            self.run("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self.run("ROLLBACK")
                raise
            self.run("COMMIT")

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """What SQLite has to complain of, as an `InputError` that says what to do; a misuse by us stays as it is."""
        try:
            yield
        except (sqlite3.ProgrammingError, sqlite3.IntegrityError):
            raise
        except (sqlite3.DatabaseError, OSError) as error:
            text = str(error)
            if "locked" in text or "busy" in text:
                advice = "end the other process that is writing to it, or wait, and try again"
                raise InputError(self.path, f"a {self.what} that nobody else has locked", text, advice) from None
            if isinstance(error, OSError) or any(word in text for word in UNWRITABLE):
                advice = "choose a path in a folder that can be written and has room"
                raise InputError(self.path, "a file that can be read and written", text, advice) from None
            raise InputError(self.path, f"a whole {self.what}", text, self.afresh) from None
