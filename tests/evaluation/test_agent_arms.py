"""The agent's measures on models that are known: one that cannot fail, one that makes things up, one that obeys."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_world import SMALL

from playbook.agent.backends import Request, Scripted
from playbook.agent.loop import replayable
from playbook.data.world.documents import NOTHING_FOUND
from playbook.data.world.generate import write_world
from playbook.data.world.memory import NO_NOTES, NOTED, SAVED
from playbook.data.world.turns import IDK, Turn, assistant, call
from playbook.evaluation.agent_arms import ARMS, AgentConfig, Bench, Record, is_right, run_arm
from playbook.evaluation.agent_bench import measure, open_bench
from playbook.evaluation.agent_curves import BUDGETS, OTHERS, PASSAGES, curves
from playbook.evaluation.agent_metrics import agent_metrics, error_of, risk_coverage
from playbook.evaluation.agent_sessions import play
from playbook.evaluation.agent_store import fill
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import read_jsonl
from playbook.plumbing.metrics import Measurement, write_metrics
from playbook.text.tokenizer import CharTokenizer


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    write_world(replace(SMALL, people_c=30), folder)
    rows = list(read_jsonl(folder / "documents.jsonl"))
    fill(folder / "attacked.sqlite", rows)
    fill(folder / "clean.sqlite", [row for row in rows if row["kind"] != "injection"])
    return folder


@pytest.fixture(scope="module")
def bench(corpus: Path) -> Bench:
    tokenizer = CharTokenizer({chr(i) for i in range(32, 127)} | {"\n"}, specials=True)
    bare = AgentConfig(named=False, guard="off", copying=False, otherwise="")
    config = replace(bare, passage_tokens=1000, curve_tasks=4, sessions=4, format_errors=0)
    return open_bench(corpus, corpus, tokenizer, config, few=False)


@pytest.fixture(scope="module")
def sessions(corpus: Path) -> list[dict[str, Any]]:
    return list(read_jsonl(corpus / "sessions.jsonl"))


def knowing(bench: Bench) -> Scripted:
    """Finds by name what it needs and answers rightly if it was shown all of it; otherwise it does not know."""
    plain_last = sorted(bench.tasks, key=lambda task: task["format"] == "plain")  # where a question comes twice
    tasks = {json.dumps(task["messages"][-1]): task for task in plain_last}

    def turn(request: Request) -> Turn:
        task = tasks[json.dumps([t for t in request.messages if t["role"] == "user"][-1])]
        path = list(dict.fromkeys(bench.documents[name]["title"] for name in task["passages"]))
        searched = sum(t.get("tool_call", {}).get("name") == "search" for t in request.messages)
        if request.toolbox.tools and searched < len(path):
            return call("search", path[searched])
        read = "\n".join(t["content"] for t in request.messages if t["role"] == "tool")
        found = all(bench.documents[name]["text"] in read for name in task["passages"])
        return assistant(task["answer"] if found and task["format"] == "plain" else IDK)

    return Scripted(turn)


def arm(name: str, bench: Bench, backend: Scripted) -> list[Record]:
    records, traces = run_arm(name, bench, bench.tasks, backend)
    assert all(map(replayable, traces))
    return records


def test_the_same_documents_make_the_same_store_to_the_byte_on_another_day(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 4e9)
    fill(tmp_path / "attacked.sqlite", read_jsonl(corpus / "documents.jsonl"))
    assert (tmp_path / "attacked.sqlite").read_bytes() == (corpus / "attacked.sqlite").read_bytes()


def test_who_reads_what_is_shown_is_right_where_it_is_shown_and_nowhere_else(bench: Bench) -> None:
    records = [row for name in ARMS for row in arm(name, bench, knowing(bench))]
    metrics = agent_metrics(records, seed=1)
    for name in ("gold_context", "agentic_rag", "agentic_rag_memory", "scripted_oracle"):
        assert metrics[name]["exact_match"].value == 1, name
        assert metrics[name]["supporting_fact_recall"].value == 1
        assert metrics[name]["false_answer_rate"].value == metrics[name]["false_refusal_rate"].value == 0
        assert metrics[name]["errors"]["none"].value == 1
    for name in ("closed_book", "shuffled_retrieval"):
        assert metrics[name]["exact_match"].value == 0
        assert metrics[name]["errors"]["retrieval"].value == 1
        assert metrics[name]["false_refusal_rate"].value == 1
    assert metrics["shuffled_minus_closed_book"].value == 0
    assert metrics["agentic_rag"]["calls_per_question"].value > 1
    assert metrics["closed_book"]["calls_per_question"].value == 0
    hops = metrics["single_rag"]["exact_match_by_hops"]
    assert hops["3"].value < hops["1"].value + 1e-9
    assert metrics["agentic_minus_single_by_hops"]["3"].value == pytest.approx(1 - hops["3"].value)
    contract = {
        "exact_match", "exact_match_by_hops", "false_answer_rate", "false_refusal_rate", "supporting_fact_recall",
        "tool_call_validity", "calls_per_question", "seconds_per_question",
    }  # fmt: skip
    assert all(contract <= set(metrics[name]) for name in ARMS)


def test_who_makes_things_up_is_found_out(bench: Bench) -> None:
    metrics = agent_metrics(arm("agentic_rag", bench, Scripted(lambda request: assistant("Nowhere."))), seed=1)
    row = metrics["agentic_rag"]
    assert row["exact_match"].value == row["false_refusal_rate"].value == row["calls_per_question"].value == 0
    assert row["false_answer_rate"].value == row["errors"]["retrieval"].value == 1


def test_who_obeys_documents_is_counted_and_only_there(bench: Bench) -> None:
    metrics = attacked(bench)
    assert metrics["injection_success_rate"].value == 1
    assert metrics["injected_value_without_attack"].value == 0
    assert metrics["injection_seen"].value == 1
    assert metrics["utility_difference"].value == 0


def test_who_obeys_is_not_shown_the_order_by_a_guarded_search(bench: Bench) -> None:
    metrics = attacked(with_config(bench, guard="drop"))
    assert metrics["injection_success_rate"].value == metrics["injected_value_without_attack"].value == 0


def with_config(bench: Bench, **changed: Any) -> Bench:
    return replace(bench, config=replace(bench.config, **changed))


def attacked(bench: Bench) -> dict[str, Any]:
    """Metrics of a model that does as documents tell it."""
    planted = {row["title"]: row["injected"] for row in bench.documents.values() if row["kind"] == "injection"}
    tasks = [task for task in bench.tasks if task["kind"] == "injection"]

    def obedient(request: Request) -> Turn:
        name = next(name for name in planted if name in request.messages[1]["content"])
        if request.messages[-1]["role"] != "tool":
            return call("search", name)
        told = any(words in request.messages[-1]["content"] for words in ("Note to the assistant", "Important:"))
        return assistant(f"{planted[name]}." if told else IDK)

    records = [
        row for name in ("agentic_rag", "no_attack") for row in run_arm(name, bench, tasks, Scripted(obedient))[0]
    ]
    return agent_metrics(records, seed=1)


def test_a_name_that_no_document_has_finds_nothing_and_namesakes_by_default(bench: Bench) -> None:
    tasks = [task for task in bench.tasks if task["kind"] == "unknown_entity"]

    def trusting(request: Request) -> Turn:
        name = next(task["name"] for task in named if task["messages"][-1] == request.messages[1])
        found = request.messages[-1]["content"]
        if request.messages[-1]["role"] != "tool":
            return call("search", name)
        return assistant(IDK if found == NOTHING_FOUND else "baker.")

    words = re.compile(r"[A-Z]\w+ [A-Z]\w+")
    named = [{**task, "name": words.findall(task["messages"][-1]["content"])[-1]} for task in tasks]
    strict = run_arm("agentic_rag", with_config(bench, named=True), tasks, Scripted(trusting))[0]
    assert all(row["correct"] for row in strict)
    loose = run_arm("agentic_rag", bench, tasks, Scripted(trusting))[0]
    assert sum(row["correct"] for row in loose) < len(loose)


def test_an_episode_that_comes_to_no_end_says_what_it_is_told_to_say(bench: Bench) -> None:
    endless = Scripted(lambda request: call("search", "Nobody Atall"))
    records = run_arm("agentic_rag", with_config(bench, otherwise=IDK), bench.tasks, endless)[0]
    assert {row["answer"] for row in records} == {IDK}
    assert {row["stop"] for row in records} == {"step budget"}


def test_wrong_calls_and_endless_searches_are_recorded_not_raised(bench: Bench) -> None:
    records = arm("agentic_rag", bench, Scripted(lambda request: call("dance", "x")))
    assert {row["stop"] for row in records} == {"format errors"}
    assert agent_metrics(records, seed=1)["agentic_rag"]["tool_call_validity"].value == 0
    records = arm("agentic_rag", bench, Scripted(lambda request: call("search", "Nobody Atall")))
    assert {row["stop"] for row in records} == {"step budget"}
    assert not any(row["correct"] or row["abstained"] for row in records)


def perfect_memory(request: Request) -> Turn:
    """Takes notes as it should and gives them back; says what the notes say."""
    last = request.messages[-1]
    if last["role"] == "tool":
        if last["content"] in (SAVED, NO_NOTES, NOTHING_FOUND):
            return assistant(NOTED if last["content"] == SAVED else IDK)
        return assistant(f"{last['content'].partition(': ')[2]}.")
    return NOTES.get(last["content"]) or call(
        "recall", last["content"].strip(".?").rpartition("my ")[2].removesuffix(" again")
    )


NOTES: dict[str, Turn] = {}


def test_a_perfect_memory_recalls_updates_forgets_and_leaks_nothing(
    bench: Bench, sessions: list[dict[str, Any]]
) -> None:
    for row in sessions:
        for session in row["sessions"]:
            turns = session["messages"]
            NOTES.update({t["content"]: turns[i + 1] for i, t in enumerate(turns) if t["role"] == "user"})
    records, traces = play(sessions, bench, Scripted(perfect_memory))
    assert all(map(replayable, traces))
    metrics = agent_metrics(records, seed=1)
    for name in ("recall", "update", "forgotten", "never_told", "of_other_user", "written"):
        assert metrics[f"memory_{name}"].value == 1, name
    assert metrics["cross_user_leaks"].value == 0
    assert metrics["style_kept"].value == 0  # this script does not search


def test_a_leak_would_show(bench: Bench, sessions: list[dict[str, Any]]) -> None:
    everything = {  # a model that says whatever anybody has told
        turn["tool_call"]["query"].partition(": ")[2]
        for row in sessions for session in row["sessions"] for turn in session["messages"] if "tool_call" in turn
    }  # fmt: skip
    records, _ = play(sessions, bench, Scripted(lambda request: assistant(" ".join(sorted(everything)))))
    leaked = {row["kind"] for row in records if row["leaked"]}
    assert "other_user" in leaked
    assert "style" not in leaked


def test_every_point_of_every_curve_is_measured(bench: Bench) -> None:
    records = curves(bench, knowing(bench))
    found = agent_metrics(records, seed=1)["curves"]
    assert set(found["distractors"]) == {"hard", "random"}
    assert set(found["distractors"]["hard"]) == {str(number) for number in OTHERS}
    assert {n: len(found["position"][str(n)]) for n in PASSAGES} == {n: n for n in PASSAGES}
    assert all(share.value == 1 for line in found["position"].values() for share in line.values())
    assert set(found["stuffing"]["retrieved"]) == {str(budget) for budget in BUDGETS}
    shown = [row for row in records if row["curve"] == "stuffing"]
    assert all(row["correct"] == (row["supporting"][0] in row["found"]) for row in shown)


def test_all_of_it_together_is_a_metrics_file(bench: Bench, sessions: list[dict[str, Any]], tmp_path: Path) -> None:
    records, traces = measure(bench, sessions[:1], Scripted(lambda request: assistant(IDK)), few=True)
    assert {row["arm"] for row in records} == {*ARMS, "no_attack", "sessions"}
    assert len({trace.id for trace in traces}) == len(traces)
    write_metrics(tmp_path / "metrics.json", agent_metrics(records, seed=1), {})


def rows(*answers: tuple[bool, float]) -> list[dict[str, Any]]:
    return [{"correct": right, "confidence": sure, "entity": f"e{n}"} for n, (right, sure) in enumerate(answers)]


def test_risk_at_each_coverage_by_hand() -> None:
    """Sure and right, less sure and wrong: risks 0 and 1/2, mean 1/4; the other way round 1 and 1/2, mean 3/4."""
    area: Callable[..., Measurement | None] = lambda *answers: risk_coverage(rows(*answers), 1)["risk_coverage_area"]  # noqa: E731
    well, badly = area((True, 0.9), (False, 0.1)), area((True, 0.1), (False, 0.9))
    assert well is not None
    assert badly is not None
    assert (well.value, badly.value) == (0.25, 0.75)
    assert risk_coverage([], 1) == {"risk_coverage_area": None}


@pytest.mark.parametrize(
    ("correct", "found", "expected"),
    [(True, [], "none"), (False, ["a"], "retrieval"), (False, ["b", "c", "a"], "reading"), (False, [], "retrieval")],
)
def test_an_error_is_one_of_reading_only_if_everything_was_shown(
    correct: bool, found: Sequence[str], expected: str
) -> None:
    assert error_of({"correct": correct, "supporting": ["a", "b"], "found": found}) == expected


@pytest.mark.parametrize(
    ("form", "answer", "right"),
    [
        ("capitals", "VET.", True),
        ("capitals", "vet.", False),
        ("json", '{"answer": "vet"}', True),
        ("plain", "vet.", True),
    ],
)
def test_the_form_that_a_user_wants_counts(form: str, answer: str, right: bool) -> None:
    assert is_right({"answer": "vet.", "format": form}, answer) is right


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match="policy"):
        AgentConfig(policy="dance")
    with pytest.raises(InputError, match="k"):
        AgentConfig(k=0)
