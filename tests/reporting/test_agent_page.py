"""The agent's page, from made-up records; and what it says where nothing was measured."""

import re
from pathlib import Path
from typing import Any

import pytest

from playbook.evaluation.agent_arms import ARMS
from playbook.evaluation.agent_metrics import agent_metrics
from playbook.plumbing.files import write_jsonl
from playbook.plumbing.metrics import read_metrics, write_metrics
from playbook.reporting.agent_page import write_agent_page
from playbook.reporting.results import Results, read_results
from playbook.reporting.trajectories import choose, verdict

KINDS = [("lookup", 1), ("lookup", 2), ("lookup", 3), ("update", 1), ("injection", 1), ("unknown_entity", 1)]


def row(arm: str, number: int, **more: Any) -> dict[str, Any]:
    kind, hops = KINDS[number % len(KINDS)]
    return {
        "arm": arm, "id": f"q{number}", "kind": kind, "hops": hops, "entity": f"p{number}", "attribute": "job",
        "format": "plain", "question": f"Who is *number* {number}?", "answer": "vet.", "gold": "baker.",
        "correct": number % 5 == 0, "abstained": number % 7 == 1, "injected": False, "injection_seen": False,
        "supporting": [] if kind == "unknown_entity" else ["d1"], "found": ["d1"] if number % 3 else [],
        "queries": ["x"], "calls": 1, "wrong_calls": 0, "turns": 2,
        "tokens": 9, "stop": "answered", "confidence": number / 40,
        "seconds": 0.1,
    } | more  # fmt: skip


def trace(arm: str, number: int) -> dict[str, Any]:
    call = {"role": "assistant", "content": "", "tool_call": {"name": "search", "query": "a|b"}}
    steps = [
        {"message": call, "observation": "Ada, 2014: <b>vet</b>"},
        {"message": {"role": "assistant", "content": "vet."}, "observation": None},
    ]
    return {"id": f"{arm} q{number}", "steps": steps}


def curve(name: str, **point: Any) -> dict[str, Any]:
    return row("curves", 0) | {"curve": name} | point


def test_the_page_holds_every_table_and_figure_that_there_are_numbers_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [row(arm, number) for arm in (*ARMS, "no_attack") for number in range(36)]
    records += [curve("distractors", others=kind, number=n) for kind in ("hard", "random") for n in (0, 2)]
    records += [curve("position", passages=2, place=place) for place in (1, 2)]
    records += [curve("stuffing", way=way, budget=b) for way in ("stuffed", "retrieved") for b in (50, 100)]
    monkeypatch.chdir(tmp_path)
    write_metrics("reports/metrics/agent_eval/grpo.json", agent_metrics(records, seed=1), {})
    write_jsonl("data/records/agent_eval/grpo.jsonl", records)
    write_jsonl("data/records/trajectories/grpo.jsonl", [trace("agentic_rag", number) for number in range(36)])
    assert "agentic_rag" in read_metrics("reports/metrics/agent_eval/grpo.json")
    write_agent_page(read_results(), Path("reports"))
    page = Path("reports/agent.md").read_text()
    for arm in ARMS:
        assert f"| `{arm}`: " in page
    for words in ("wrong: retrieval", "## Lost in the middle", "Two look-ups", "what it wants said was said"):
        assert words in page
    links = re.findall(r"\]\(([^)]+)\)", page)
    assert len([link for link in links if link.endswith(".svg")]) == 4
    assert all((Path("reports") / link).exists() for link in links)
    assert page.count("The truth:") == 10
    assert "&lt;b&gt;" in page  # what a document says is shown letter by letter
    first = page.index("**Wrong")
    assert first < page.index("**Right.**")


def test_nothing_measured_is_said(tmp_path: Path) -> None:
    write_agent_page(Results(), tmp_path)
    assert "dvc repro agent_eval" in (tmp_path / "agent.md").read_text()


def test_failures_come_first_and_leave_room_for_what_went_well() -> None:
    chosen = choose([row("agentic_rag", number) for number in range(36)], 10)
    assert [one["correct"] for one in chosen] == sorted(one["correct"] for one in chosen)
    assert 3 <= sum(one["correct"] for one in chosen) < 10


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"correct": True}, "Right"),
        ({"correct": False, "injected": True}, "instruction"),
        ({"correct": False, "stop": "step budget"}, "step budget"),
        ({"correct": False, "found": []}, "has not seen d1"),
        ({"correct": False, "found": ["d1"], "abstained": True}, "refused"),
        ({"correct": False, "found": ["d1"], "abstained": False}, "something else"),
        ({"correct": False, "supporting": []}, "nobody of that name"),
    ],
)
def test_each_failure_is_put_down_to_what_failed(more: dict[str, Any], told: str) -> None:
    assert told in verdict(row("agentic_rag", 1, **more))
