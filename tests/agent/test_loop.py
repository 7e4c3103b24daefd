"""The loop, driven by scripts: every way to end, every policy, and the same bytes when it is run again."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbook.agent.backends import Reply, Request, Scripted, Unavailable
from playbook.agent.loop import ACT, PLAN, REFLECT, Budget, Episode, Policy, replay, replayable, run
from playbook.agent.memory import Memory
from playbook.agent.tools import Observation, Recall, Remember, Search, Toolbox
from playbook.agent.trace import StopReason, Trace, line, read_traces, write_traces
from playbook.data.world.turns import Turn, assistant, call, system, user
from playbook.plumbing.errors import InputError

ASKED = [system("Use the tools."), user("Who is mayor of Oakham?")]


class Book:
    """A store with one page."""

    def search(self, query: str, k: int) -> list[Any]:
        class Page:
            document, title, text, path, first_line, last_line, score = (
                "d1",
                "Oakham",
                "Oakham, 2014: ...",
                "",
                0,
                0,
                1.0,
            )

        return [Page()] if "Oakham" in query else []


class Broken:
    """A tool that raises."""

    name, argument, description = "search", "query", "Breaks."

    def run(self, text: str) -> Observation:
        raise RuntimeError("disk on fire")


def say(*turns: Turn) -> Scripted:
    """One turn after the other, then the last one again and again."""
    return Scripted(lambda request: turns[min(sum(t["role"] == "assistant" for t in request.messages), len(turns) - 1)])


def episode(budget: Budget | None = None, policy: Policy = ACT, tools: Toolbox | None = None, **more: Any) -> Episode:
    return Episode("e1", ASKED, tools or Toolbox.of(Search(Book())), budget, policy, **more)


def test_it_searches_reads_and_answers() -> None:
    one = episode()
    trace = run([one], say(call("search", "Oakham", "Oakham: mayor"), assistant("Ada Bell.")))[0]
    assert (trace.stop, trace.answer) == (StopReason.ANSWERED, "Ada Bell.")
    assert [turn["role"] for turn in one.messages] == ["system", "user", "assistant", "tool", "assistant"]
    assert one.messages[3]["content"] == "Oakham, 2014: ..."
    assert [source["document"] for source in trace.read()] == ["d1"]
    assert trace.messages == ASKED  # what went in is kept apart from what came of it


@pytest.mark.parametrize(
    ("budget", "turns", "stop", "steps"),
    [
        (Budget(steps=3), [call("search", "Oakham")], StopReason.STEPS, 3),
        (Budget(steps=9, tokens=3), [call("search", "Oakham")], StopReason.TOKENS, 1),
        (Budget(steps=9, format_errors=2), [call("dance", "Oakham")], StopReason.FORMAT, 3),
        (Budget(steps=9, format_errors=0), [call("search", "")], StopReason.FORMAT, 1),
        (Budget(steps=9, seconds=2.5), [call("search", "Oakham")], StopReason.TIME, 3),
    ],
)
def test_each_budget_ends_it_with_a_reason_of_its_own(
    budget: Budget, turns: list[Turn], stop: StopReason, steps: int
) -> None:
    ticks = iter(range(1000))
    trace = run([episode(budget, clock=lambda: next(ticks) / 2)], say(*turns))[0]
    assert (trace.stop, len(trace.steps), trace.answer) == (stop, steps, "")
    assert replayable(trace)


def test_an_answer_on_the_last_step_counts() -> None:
    assert run([episode(Budget(steps=1))], say(assistant("Ada.")))[0].stop is StopReason.ANSWERED


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.sampled_from(["search", "dance", "fault", "empty", "answer"]), min_size=1, max_size=12),
    st.integers(1, 5), st.integers(0, 3), st.sampled_from([ACT, PLAN, REFLECT]),
)  # fmt: skip
def test_whatever_a_model_does_it_ends_within_its_steps_and_can_be_replayed(
    does: list[str], steps: int, errors: int, policy: Policy
) -> None:
    turns = {"search": call("search", "Oakham"), "dance": call("dance", "x"), "empty": call("search", " ")}

    class Moody:
        def complete(self, requests: Sequence[Request]) -> list[Reply | Unavailable]:
            done = sum(turn["role"] == "assistant" for turn in requests[0].messages)
            what = does[done % len(does)]
            return [Reply(turns.get(what, assistant("Ada.")), 3, "no end" if what == "fault" else "")]

    trace = run([episode(Budget(steps, None, None, errors), policy)], Moody())[0]
    assert trace.stop is not None
    assert 1 <= len(trace.steps) <= steps
    assert replayable(trace)


def test_many_episodes_are_one_batch_each_step_and_do_not_touch_each_other() -> None:
    sizes: list[int] = []

    class Counting:
        def complete(self, requests: Sequence[Request]) -> list[Reply | Unavailable]:
            sizes.append(len(requests))
            return [self.one(request) for request in requests]

        def one(self, request: Request) -> Reply:
            wanted = int(request.messages[1]["content"])
            done = sum(turn["role"] == "tool" for turn in request.messages)
            return Reply(call("search", "Oakham") if done < wanted else assistant(f"{wanted}."), 1)

    episodes = [Episode(f"e{n}", [system(""), user(str(n))], Toolbox.of(Search(Book()))) for n in range(4)]
    traces = run(episodes, Counting())
    assert sizes == [4, 3, 2, 1]
    assert [trace.answer for trace in traces] == ["0.", "1.", "2.", "3."]


def test_a_plan_is_asked_for_once_and_an_answer_is_looked_at_once_more() -> None:
    asked: list[bool] = []

    def planner(request: Request) -> Turn:
        asked.append(request.plan)
        return call("search", "Oakham") if len(asked) == 1 else assistant("Ada.")

    run([episode(policy=PLAN)], Scripted(planner))
    assert asked == [True, False]
    one = episode(policy=REFLECT)
    trace = run([one], say(assistant("Bob."), assistant("Ada.")))[0]
    assert (trace.answer, len(trace.steps)) == ("Ada.", 2)
    assert one.messages[3] == user("Who is mayor of Oakham?")


def test_a_tool_that_has_refused_twice_is_not_offered_again_until_something_else_is_done() -> None:
    offered: list[list[str]] = []

    def stubborn(request: Request) -> Turn:
        offered.append(list(request.toolbox.tools))
        return call("remember", "no note") if "remember" in request.toolbox.tools else call("search", "Oakham")

    tools = Toolbox.of(Search(Book()), Remember(Memory(":memory:").of("ada")))
    trace = run([episode(Budget(steps=4), tools=tools)], Scripted(stubborn))[0]
    assert offered == [["search", "remember"], ["search", "remember"], ["search"], ["search", "remember"]]
    assert replayable(trace)


def test_a_refused_call_is_retracted_where_the_policy_says_so() -> None:
    known = Memory(":memory:").of("ada")
    known.write("tea", "green")
    tools = Toolbox.of(Recall(known), Remember(known, said="What was my tea?"))

    def forgetful(request: Request) -> Turn:
        assert not any("Refused" in turn["content"] for turn in request.messages)
        if request.messages[-1]["role"] == "tool":
            return assistant("green.")
        return call("remember", "tea: -") if "remember" in request.toolbox.tools else call("recall", "tea")

    one = episode(policy=Policy(retract=True), tools=tools)
    trace = run([one], Scripted(forgetful))[0]
    assert (trace.answer, [step.invalid for step in trace.steps]) == ("green.", [True, False, False])
    assert [note.value for note in known.current()] == ["green"]  # a question has deleted nothing
    assert replayable(trace)


def test_a_note_holds_what_the_user_said() -> None:
    known = Memory(":memory:").of("ada")
    note = Remember(known, said="My favourite drink has changed, it is Coffee now.")
    assert Toolbox.of(note).call("remember", "favourite drink: coffee").content == "Saved."
    assert Toolbox.of(note).call("remember", "favourite drink: change").invalid
    assert Toolbox.of(note).call("remember", "favourite drink: -").invalid
    assert known.current("favourite drink")[0].value == "coffee"
    asked = Remember(known, said="Thank you. What was my best subject again?")
    assert Toolbox.of(asked).call("remember", "best subject: again").invalid
    both = Remember(known, said="What shall I say? My best subject is music. And yours?")
    assert not Toolbox.of(both).call("remember", "best subject: music").invalid
    gone = Toolbox.of(Remember(known, said="Please forget my drink.")).call("remember", "favourite drink: -")
    assert (gone.invalid, [note.topic for note in known.current()]) == (False, ["best subject"])


def test_a_wrong_call_is_told_and_the_model_can_go_on() -> None:
    one = episode()
    trace = run([one], say(call("dance", "x"), call("search", "a\nb"), assistant("Ada.")))[0]
    assert trace.answer == "Ada."
    assert [step.invalid for step in trace.steps] == [True, True, False]
    assert "Allowed: search" in one.messages[3]["content"]
    assert "one line" in one.messages[5]["content"]


def test_a_tool_that_breaks_is_told_to_the_model_or_raised_where_strict() -> None:
    trace = run([episode(tools=Toolbox.of(Broken()))], say(call("search", "x"), assistant("I don't know.")))[0]
    assert (trace.answer, trace.steps[0].failed, trace.steps[0].invalid) == ("I don't know.", True, False)
    assert "disk on fire" in (trace.steps[0].observation or "")
    assert replayable(trace)
    with pytest.raises(RuntimeError, match="disk on fire"):
        run([episode(tools=Toolbox.of(Broken(), strict=True))], say(call("search", "x")))


def test_where_there_is_no_reply_the_reason_is_kept() -> None:
    class Gone:
        def complete(self, requests: Sequence[Request]) -> list[Reply | Unavailable]:
            return [Unavailable(StopReason.UNAVAILABLE, "connection refused")]

    trace = run([episode()], Gone())[0]
    assert (trace.stop, trace.detail, trace.steps) == (StopReason.UNAVAILABLE, "connection refused", [])
    assert replayable(trace)


def test_traces_are_written_read_and_replayed_byte_for_byte(tmp_path: Path) -> None:
    ticks: Iterator[int] = iter(range(100))
    scripts = [
        (episode(), [call("search", "Oakham", "Oakham: mayor"), assistant("Zoë.")]),
        (episode(policy=REFLECT), [call("dance", "x"), assistant("Ada.")]),
        (episode(Budget(seconds=3.0), clock=lambda: float(next(ticks))), [call("search", "x")]),
    ]
    traces = [run([one], say(*turns))[0] for one, turns in scripts]
    write_traces(tmp_path / "a.jsonl", traces)
    read = list(read_traces(tmp_path / "a.jsonl"))
    write_traces(tmp_path / "b.jsonl", map(replay, read))
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    changed = Trace.from_json(json.loads(line(traces[0])))
    changed.stop = StopReason.STEPS
    assert not replayable(changed)  # a trace that does not follow from its steps is found out
    (tmp_path / "c.jsonl").write_text('{"id": "e1"}\n')
    with pytest.raises(InputError, match=r"c\.jsonl:1"):
        list(read_traces(tmp_path / "c.jsonl"))


def test_notes_are_taken_looked_up_and_forgotten() -> None:
    memory = Memory(":memory:")
    ada, bob = (Toolbox.of(Recall(memory.of(name)), Remember(memory.of(name))) for name in ("ada", "bob"))
    assert ada.call("remember", "favourite drink: tea").content == "Saved."
    assert ada.call("recall", "favourite drink").content == "favourite drink: tea"
    assert bob.call("recall", "favourite drink").content == "No notes."
    assert ada.call("remember", "favourite drink: coffee").content == "Saved."
    assert ada.call("recall", "favourite drink").content == "favourite drink: coffee"
    assert ada.call("remember", "favourite drink: -").content == "Saved."
    assert ada.call("recall", "favourite drink").content == "No notes."
    assert ada.call("remember", "tea").invalid
    assert ada.call("remember", f"{'x' * 90}: tea").invalid


@pytest.mark.parametrize("argument", [None, 7, "", "   ", "x" * 401, "a\x00b"])
def test_arguments_are_checked_before_anything_runs(argument: object) -> None:
    assert Toolbox.of(Broken(), strict=True).call("search", argument).invalid


def test_as_many_passages_as_fit_and_of_a_title_only_its_own() -> None:
    class Pages:
        def search(self, query: str, k: int) -> list[Any]:
            titles = ["Ada Bell", "Ada Cole", "Ada Bell"][:k]
            return [
                type("Page", (), {"document": f"d{n}", "title": title, "text": "one two three", "path": "",
                                  "first_line": 0, "last_line": 0, "score": 1.0})
                for n, title in enumerate(titles)
            ]  # fmt: skip

    def shown(**options: Any) -> list[str]:
        return [source.document for source in Search(Pages(), **options).run("Ada Bell").sources]

    assert shown() == ["d0", "d1", "d2"]
    assert shown(k=2) == ["d0", "d1"]
    assert shown(budget=6) == ["d0", "d1"]
    assert shown(budget=0) == ["d0"]
    assert shown(titled=True) == ["d0", "d2"]


@pytest.mark.parametrize("key", ["steps", "tokens", "seconds", "format_errors"])
def test_a_budget_that_cannot_be_is_refused(key: str) -> None:
    with pytest.raises(InputError, match=key):
        Budget(**{key: -1.0 if key == "seconds" else -1})  # type: ignore[arg-type]
