"""What the clicks of the page do, without a browser (with one: test_page.py).

The imports that stand inside take gradio's three seconds, for these tests alone.
"""

from pathlib import Path
from typing import Any

import pytest
from serving.made_up import untrained
from serving.scripted import assistant

from playbook.plumbing.errors import InputError
from playbook.serving.checkpoints import Checkpoints
from playbook.serving.desk import Desk
from playbook.serving.worker import Worker


def untold() -> Any:
    raise InputError("models", "a trained model", "none", "make repro")


def test_answers_come_one_after_the_other_and_a_token_is_looked_into(tmp_path: Path) -> None:
    from playbook.serving.side_by_side import ask_all, look_at  # noqa: PLC0415

    checkpoints, worker = Checkpoints(untrained(tmp_path, ("base", "grpo"))), Worker()
    shown = list(ask_all(checkpoints, worker, " Who  are you? ", 0, 1))
    assert [len(step[0]) for step in shown] == [1, 2]
    readings, base, sft, dpo, grpo = shown[-1]
    assert all("data-pick" in page for page in (base, grpo))
    assert all("not trained yet" in page for page in (sft, dpo))
    rivals, attention = look_at(checkpoints, worker, readings, ("grpo", readings["grpo"].start), "layer 0, head 1")
    assert rivals.count("<tr>") == 6
    assert "query" in attention
    assert look_at(checkpoints, worker, readings, None, "mean of all heads") == ("", "")
    with pytest.warns(UserWarning, match="Type a question"):
        assert not list(ask_all(checkpoints, worker, "  ", 0, 1))


def test_the_agent_is_shown_step_by_step_and_its_notes_go_by_a_click(tmp_path: Path) -> None:
    import gradio as gr  # noqa: PLC0415

    from playbook.serving.agent_tab import AgentTab  # noqa: PLC0415

    tab = AgentTab(Desk(lambda: assistant(tmp_path)), tmp_path / "memory.sqlite", "ada", Worker())
    steps = list(tab.say("Which river is in Elm Ferry?", []))
    assert [len(step[1]) for step in steps] == [1, 2, 3]
    assert "lies on the Thorn" in steps[-1][2]
    list(tab.say("remember favourite drink: cocoa", steps[-1][1]))
    assert "cocoa" in tab.listed()
    assert "Nothing is remembered" in tab.forget(gr.EventData(None, {"pick": "favourite drink"}))
    assert "Nothing is remembered" in tab.forget_all()
    with pytest.warns(UserWarning, match="Type something"):
        assert not list(tab.say(" ", []))


def test_without_a_model_the_agent_says_what_to_run(tmp_path: Path) -> None:
    from playbook.serving.agent_tab import AgentTab  # noqa: PLC0415

    tab = AgentTab(Desk(untold), tmp_path / "memory.sqlite", "ada", Worker())
    (step,) = tab.say("Who?", [])
    assert "make repro" in step[1][-1]["content"]
    assert "make repro" in tab.listed()
    assert "make repro" in tab.forget_all()
