"""Memory: the newest note wins, the forgotten is gone from the file, and nobody reads anybody else's."""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbook.agent.memory import MOST_TOPIC, MOST_VALUE, Memory, UserMemory
from playbook.plumbing.errors import InputError


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2024, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def wait(self, **time: int) -> None:
        self.now += timedelta(**time)


def words(text: str) -> int:
    return len(text.split())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ada(clock: Clock) -> UserMemory:
    return Memory(":memory:", clock).of("ada")


def test_the_newest_note_holds_and_the_older_ones_stay_as_history(ada: UserMemory, clock: Clock) -> None:
    ada.write("Favourite  Drink", "tea", source="s1")
    clock.wait(days=1)
    ada.write("favourite drink", "coffee", source="s2")
    assert [note.line() for note in ada.current("FAVOURITE DRINK")] == ["favourite drink: coffee"]
    assert [(note.value, note.source, note.told_at[:10]) for note in ada.history("favourite drink")] == [
        ("tea", "s1", "2024-01-01"), ("coffee", "s2", "2024-01-02"),
    ]  # fmt: skip


def test_of_notes_of_the_same_moment_the_later_one_holds(ada: UserMemory) -> None:
    for value in ("tea", "coffee", "milk"):
        ada.write("drink", value)
    assert [note.value for note in ada.current()] == ["milk"]


def test_what_is_forgotten_is_gone_with_its_history_and_the_summaries_that_tell_of_it(
    clock: Clock, tmp_path: Path
) -> None:
    memory = Memory(tmp_path / "memory.sqlite", clock)
    ada, bob = memory.of("ada"), memory.of("bob")
    for value in ("quinces", "medlars"):
        ada.write("favourite fruit", value)
    ada.write("2024-01-01", "told me about quinces", "episode")
    ada.write("2024-01-02", "asked about rivers", "episode")
    bob.write("favourite fruit", "grapes")
    assert ada.forget("favourite fruit") == 3
    assert (ada.current(), ada.history()) == ([], [])
    assert [note.value for note in ada.episodes()] == ["asked about rivers"]
    assert ada.relevant("favourite fruit quinces", 100, words) == ""
    assert [note.value for note in bob.current()] == ["grapes"]
    memory.close()
    assert b"quinces" not in (tmp_path / "memory.sqlite").read_bytes()


def test_an_expired_note_is_not_told_and_the_one_before_holds_again(ada: UserMemory, clock: Clock) -> None:
    ada.write("address", "Mill Lane")
    ada.write("address", "Inn Street", expires=clock() + timedelta(days=7))
    clock.wait(days=6)
    assert [note.value for note in ada.current("address")] == ["Inn Street"]
    clock.wait(days=1)
    assert [note.value for note in ada.current("address")] == ["Mill Lane"]
    assert ada.purge() == 1
    assert [note.value for note in ada.history()] == ["Mill Lane"]


def test_a_summary_keeps_to_its_budget_and_tells_preferences_first(ada: UserMemory, clock: Clock) -> None:
    ada.write("job", "vet")
    clock.wait(days=1)
    ada.write("answer style", "capitals", "preference")
    clock.wait(days=1)
    ada.write("hobby", "chess and long walks by the river")
    ada.write("2024-01-03", "asked about rivers", "episode")
    assert ada.summary(100, words).splitlines() == [
        "answer style: capitals", "hobby: chess and long walks by the river", "job: vet",
        "2024-01-03: asked about rivers",
    ]  # fmt: skip
    assert ada.summary(5, words).splitlines() == ["answer style: capitals", "job: vet"]
    assert ada.summary(0, words) == ""


def test_what_bears_on_a_question_comes_before_what_does_not(ada: UserMemory) -> None:
    ada.write("job", "vet")
    ada.write("answer style", "JSON", "preference")
    ada.write("favourite fruit", "plums")
    assert ada.relevant("Which fruit is my favourite?", 100, words).splitlines() == [
        "answer style: JSON", "favourite fruit: plums",
    ]  # fmt: skip
    assert ada.relevant("Which fruit is my favourite?", 3, words) == "answer style: JSON"


NAMES = st.sampled_from(["ada", "bob", "Ada", "ada ", "a' OR '1'='1", "%", "*"])
TOPICS = st.sampled_from(["drink", "fruit", "colour"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(NAMES, st.sampled_from(["write", "forget", "all"]), TOPICS), max_size=25))
def test_whatever_is_done_nobody_sees_a_note_of_somebody_else_nor_one_that_is_forgotten(
    done: list[tuple[str, str, str]],
) -> None:
    memory, known = Memory(":memory:"), dict[str, dict[str, str]]()
    for number, (name, what, topic) in enumerate(done):
        user, mine = memory.of(name), known.setdefault(name, {})
        if what == "write":
            mine[topic] = f"v{number} of {name.strip()}"
            user.write(topic, mine[topic])
        elif what == "forget":
            mine.pop(topic, None)
            user.forget(topic)
        else:
            mine.clear()
            user.forget_all()
    for name, mine in known.items():
        user = memory.of(name)
        assert {note.topic: note.value for note in user.current()} == mine
        told = [user.summary(1000, words), user.relevant("drink fruit colour v", 1000, words)]
        assert {line.partition(": ")[2] for line in "\n".join(told).splitlines()} <= {*mine.values(), ""}
        assert {note.topic for note in user.history()} == set(mine)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda ada: ada.write("", "tea"), "topic"),
        (lambda ada: ada.write("x" * (MOST_TOPIC + 1), "tea"), "topic"),
        (lambda ada: ada.write("drink", " \n"), "value"),
        (lambda ada: ada.write("drink", "x" * (MOST_VALUE + 1)), "value"),
        (lambda ada: ada.write("drink", "tea", expires=datetime(2024, 1, 1)), "zone"),
        (lambda ada: ada._memory.of("  "), "user"),
    ],
)
def test_what_cannot_be_a_note_is_refused(ada: UserMemory, write: Callable[[UserMemory], None], message: str) -> None:
    with pytest.raises(InputError, match=message):
        write(ada)
    assert ada.history() == []


def test_a_broken_a_foreign_and_a_locked_file_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken").write_bytes(b"no database at all" * 100)
    with pytest.raises(InputError, match="SQLite database"):
        Memory(tmp_path / "broken")
    foreign = sqlite3.connect(tmp_path / "foreign")
    foreign.execute("CREATE TABLE poems (text TEXT)")
    foreign.close()
    with pytest.raises(InputError, match="a memory of this version"):
        Memory(tmp_path / "foreign")
    monkeypatch.setattr("playbook.agent.memory.BUSY_SECONDS", 0.05)
    memory = Memory(tmp_path / "memory")
    other = sqlite3.connect(tmp_path / "memory", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(InputError, match="locked"):
        memory.of("ada").write("drink", "tea")
    other.execute("COMMIT")
    other.close()
    memory.of("ada").write("drink", "tea")
    memory.close()
    again = Memory(tmp_path / "memory")
    assert again.users() == ["ada"]
    again.close()
