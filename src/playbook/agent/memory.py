"""What is known of each user: preferences, facts and summaries of past sessions, in one SQLite file.

A note has a topic and a value; of several on one topic the newest holds, and the older ones stay as history. Forgetting
removes a topic with its history, and every summary that tells of it, from the file itself. A note may expire; then the
one before holds again. What enters a prompt is cut to a budget of tokens.

Whoever reads or writes has a `UserMemory`, which is bound to one user: nothing here takes a user as an argument of a
query, so there is no call that could name somebody else. A database that is locked, broken or of another kind raises
`InputError`. Knows no model.
"""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from playbook.plumbing.errors import InputError

Kind = Literal["preference", "fact", "episode"]
CountTokens = Callable[[str], int]
Clock = Callable[[], datetime]

MOST_TOPIC, MOST_VALUE = 80, 400
"""Characters: a note is a line, not a document."""
BUSY_SECONDS = 5.0
"""How long to wait for another process that is writing."""
VERSION = 1
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS notes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('preference', 'fact', 'episode')),
    topic TEXT NOT NULL,
    value TEXT NOT NULL,
    source TEXT NOT NULL,
    told_at TEXT NOT NULL,
    expires_at TEXT
);
CREATE INDEX IF NOT EXISTS notes_of ON notes (user, kind, topic, told_at, id);
PRAGMA user_version = {VERSION};
"""
COLUMNS = "kind, topic, value, source, told_at, expires_at"


@dataclass(frozen=True)
class Note:
    """One thing that was told."""

    kind: Kind
    topic: str
    value: str
    source: str
    """Where it comes from: a session, a command."""
    told_at: str
    """ISO 8601, UTC."""
    expires_at: str | None = None

    def line(self) -> str:
        """As it stands in a prompt.

        >>> Note("fact", "best subject", "music", "s1", "2024-03-04").line()
        'best subject: music'
        """
        return f"{self.topic}: {self.value}"


def utc_now() -> datetime:
    """The time of day, for whoever has no clock of its own."""
    return datetime.now(UTC)


class Memory:
    """The file. `Memory(path).of("ada")` is all that is ever handed to a tool."""

    def __init__(self, path: str | Path, clock: Clock = utc_now) -> None:
        self.path, self.clock = Path(path), clock
        if str(path) != ":memory:":
            self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._told():
            self._base = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
            version = self._base.execute("PRAGMA user_version").fetchone()[0]
            tables = {row[0] for row in self._base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if version not in (0, VERSION) or (tables and "notes" not in tables):
                raise InputError(self.path, "a memory of this version", f"a database of version {version}")
            self._base.execute("PRAGMA secure_delete = ON")  # what is forgotten must not lie on in the file
            self._base.executescript(SCHEMA)

    def of(self, user: str) -> "UserMemory":
        """The memory of one user."""
        if not user.strip():
            raise InputError("user", "a name", repr(user))
        return UserMemory(self, user)

    def users(self) -> list[str]:
        """Everybody of whom anything is known: for whoever owns the file, not for a tool."""
        return [str(row[0]) for row in self._run("SELECT DISTINCT user FROM notes ORDER BY user")]

    def close(self) -> None:
        """Let go of the file."""
        self._base.close()

    def _run(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        with self._told():
            return self._base.execute(statement, values).fetchall()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise InputError(self.path, "a memory that can be opened and written", error, "try again") from None
        except sqlite3.DatabaseError as error:
            raise InputError(self.path, "an SQLite database", error, "move the file away") from None


class UserMemory:
    """What is known of one user, and nobody else."""

    def __init__(self, memory: Memory, user: str) -> None:
        self._memory, self.user = memory, user

    def write(
        self, topic: str, value: str, kind: Kind = "fact", source: str = "", expires: datetime | None = None
    ) -> Note:
        """Take a note; of one topic the newest holds from now on. An empty or overlong one raises `InputError`."""
        topic, value = _topic(topic), " ".join(value.split())
        if not value or len(value) > MOST_VALUE:
            raise InputError("value of a note", f"1 to {MOST_VALUE} characters", repr(value[:40]))
        note = Note(kind, topic, value, source, _iso(self._memory.clock()), None if expires is None else _iso(expires))
        self._memory._run(
            f"INSERT INTO notes (user, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",
            self.user, note.kind, note.topic, note.value, note.source, note.told_at, note.expires_at,
        )  # fmt: skip
        return note

    def current(self, topic: str | None = None) -> list[Note]:
        """What holds now, by topic, oldest first: of each topic the newest note that has not expired. No episodes."""
        newest = {note.topic: note for note in self.history(topic)}
        return sorted(newest.values(), key=lambda note: note.told_at)

    def history(self, topic: str | None = None) -> list[Note]:
        """All notes on a topic (or on any), oldest first, those that no longer hold among them; none that expired."""
        wanted = "" if topic is None else "AND topic = ?"
        return self._select(f"kind != 'episode' {wanted}", *([] if topic is None else [_topic(topic)]))

    def episodes(self) -> list[Note]:
        """Summaries of past sessions, oldest first."""
        return self._select("kind = 'episode'")

    def forget(self, topic: str) -> int:
        """Remove a topic, its history, and each summary that names it or one of its values; how many notes went."""
        topic = _topic(topic)
        told = self._memory._run("SELECT value FROM notes WHERE user = ? AND topic = ?", self.user, topic)
        words = [topic, *(str(row[0]) for row in told)]
        gone = [
            row[0]
            for row in self._memory._run("SELECT id, kind, topic, value FROM notes WHERE user = ?", self.user)
            if row[2] == topic or (row[1] == "episode" and any(_names(str(row[3]), word) for word in words))
        ]
        marks = ", ".join("?" * len(gone))  # one statement: all of it goes, or nothing
        self._memory._run(f"DELETE FROM notes WHERE user = ? AND id IN ({marks})", self.user, *gone)
        return len(gone)

    def forget_all(self) -> int:
        """Remove everything about this user; how many notes went."""
        return len(self._memory._run("DELETE FROM notes WHERE user = ? RETURNING id", self.user))

    def purge(self) -> int:
        """Remove what has expired from the file; how many notes went."""
        now = _iso(self._memory.clock())
        return len(
            self._memory._run("DELETE FROM notes WHERE user = ? AND expires_at <= ? RETURNING id", self.user, now)
        )

    def summary(self, budget: int, count: CountTokens) -> str:
        """All that holds, one line a note, within `budget` tokens: preferences first, then facts, then past sessions.

        Of each kind the newest are kept; a note that does not fit is left out, a shorter one after it may still fit.
        """
        notes = self.current()[::-1]
        ordered = [note for kind in ("preference", "fact") for note in notes if note.kind == kind]
        return _within(budget, count, [*ordered, *self.episodes()[::-1]])

    def relevant(self, query: str, budget: int, count: CountTokens) -> str:
        """What holds and bears on `query`, within `budget` tokens: preferences, which always do, then shared words.

        Of notes that share equally many words the newest comes first.
        """
        words = set(_words(query))
        notes = [*self.episodes(), *self.current()][::-1]
        scored = [(len(words & set(_words(note.line()))), note) for note in notes]
        ordered = [note for _, note in scored if note.kind == "preference"]
        ordered += [
            note for score, note in sorted(scored, key=lambda pair: -pair[0]) if score > 0 and note.kind != "preference"
        ]
        return _within(budget, count, ordered)

    def _select(self, condition: str, *values: object) -> list[Note]:
        rows = self._memory._run(
            f"SELECT {COLUMNS} FROM notes WHERE user = ? AND (expires_at IS NULL OR expires_at > ?) AND {condition} "
            "ORDER BY told_at, id",
            self.user, _iso(self._memory.clock()), *values,
        )  # fmt: skip
        return [Note(*row) for row in rows]  # type: ignore[arg-type]  # the schema holds the types


def _within(budget: int, count: CountTokens, notes: list[Note]) -> str:
    lines: list[str] = []
    for note in notes:
        if count("\n".join([*lines, note.line()])) <= budget:
            lines.append(note.line())
    return "\n".join(lines)


def _topic(topic: str) -> str:
    """ "  Favourite   Fruit " and "favourite fruit" are one topic."""
    plain = " ".join(topic.casefold().split())
    if not plain or len(plain) > MOST_TOPIC:
        raise InputError("topic of a note", f"1 to {MOST_TOPIC} characters", repr(plain[:40]))
    return plain


def _names(text: str, words: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(words.casefold())}(?!\w)", text.casefold()) is not None


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _iso(at: datetime) -> str:
    if at.tzinfo is None:
        raise InputError("time of a note", "a time with its zone", at.isoformat())
    return at.astimezone(UTC).isoformat(timespec="microseconds")  # one width, so that text order is time order
