"""The agent's steps as messages; memory that outlives the desk, and is forgotten for good."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from serving.scripted import assistant

from playbook.agent.loop import Episode
from playbook.plumbing.errors import InputError
from playbook.serving.desk import Desk, messages, sources


def played(desk: Desk, said: str) -> Episode:
    episode = desk.begin(said)
    while episode.trace.stop is None:
        desk.step(episode)
    return episode


def test_a_search_folds_open_and_its_passages_are_listed(tmp_path: Path) -> None:
    desk = Desk(lambda: assistant(tmp_path))
    episode = played(desk, "Which river is in Elm Ferry?")
    shown = messages(episode)
    assert [m.get("metadata", {}).get("title") for m in shown] == ["search: Elm Ferry", None]
    assert "Thorn" in shown[0]["content"]
    assert shown[-1]["content"] == "The Thorn."
    assert [source.title for source in sources(episode)] == ["elm"]


def test_what_was_told_outlives_the_desk_and_goes_from_the_file(tmp_path: Path) -> None:
    played(Desk(lambda: assistant(tmp_path)), "remember favourite drink: cocoa")
    again = Desk(lambda: assistant(tmp_path))
    assert [note.line() for note in again.notes()[0]] == ["favourite drink: cocoa"]
    assert again.forget("favourite drink") == 1
    assert b"cocoa" not in (tmp_path / "memory.sqlite").read_bytes()
    played(again, "remember favourite drink: tea")
    assert again.forget_all() == 1
    assert again.notes() == ([], [])


def test_faults_and_stops_are_told(tmp_path: Path) -> None:
    desk = Desk(lambda: assistant(tmp_path))
    shown = messages(played(desk, "loop"))
    assert shown[-1]["content"].startswith("No answer: no answer within so many steps")


def test_nothing_trained_is_told_at_each_try_and_mended_without_a_restart(tmp_path: Path) -> None:
    ready: list[bool] = []

    def build() -> Any:
        if not ready:
            raise InputError("models", "a trained model", "none", "make repro")
        return assistant(tmp_path)

    desk = Desk(build)
    for _ in range(2):
        with pytest.raises(InputError, match="make repro"):
            desk.notes()
    ready.append(True)
    assert desk.notes() == ([], [])


def test_messages_are_json(tmp_path: Path) -> None:
    build: Callable[[], Any] = lambda: assistant(tmp_path)  # noqa: E731
    assert json.dumps(messages(played(Desk(build), "Which river is in Elm Ferry?")))
