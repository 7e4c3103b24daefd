"""An endpoint behind a real socket: what it is sent, and that nothing it does is an exception."""

from collections.abc import Callable
from typing import Any

import pytest
from agent.scripted_server import Script, called, said, serving

from playbook.agent.backends import Reply, Request, Unavailable
from playbook.agent.endpoint import PLAN_FIRST, EndpointBackend, EndpointConfig
from playbook.agent.loop import Budget, Episode, run
from playbook.agent.tools import Observation, Toolbox
from playbook.agent.trace import StopReason, Trace, line
from playbook.data.world.turns import assistant, call, system, tool, user

ASKED = [system("Use the tools."), user("Who is mayor of Oakham?")]


class Search:
    name, argument, description = "search", "query", "Search the documents."

    def run(self, text: str) -> Observation:
        return Observation(f"About {text}.")


TOOLS = Toolbox.of(Search())


def one(script: Script, watch: Callable[[str], None] | None = None, **options: Any) -> tuple[Any, list[dict[str, Any]]]:
    """The reply to one request, and what was posted."""
    slept: list[float] = []
    with serving(script) as (url, posted):
        backend = EndpointBackend(EndpointConfig(url, "m", retries=1), watch, slept.append)
        return backend.complete([Request(ASKED, TOOLS, **options)])[0], posted


def episode(script: Script, budget: Budget | None = None) -> tuple[Trace, list[dict[str, Any]]]:
    with serving(script) as (url, posted):
        backend = EndpointBackend(EndpointConfig(url, "m", retries=0))
        return run([Episode("e", ASKED, TOOLS, budget)], backend)[0], posted


def test_a_call_an_observation_and_an_answer_in_the_words_of_the_api(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sesame")
    replies = iter([called("search", {"query": "Oakham"}), said("Ada Bell.")])
    trace, posted = episode(lambda body: next(replies))
    assert (trace.answer, trace.steps[0].observation, trace.tokens) == ("Ada Bell.", "About Oakham.", 14)
    first, second = posted
    assert (first["path"], first["model"], first["key"]) == ("/v1/chat/completions", "m", "Bearer sesame")
    assert first["tools"][0]["function"]["parameters"]["required"] == ["query"]
    asked, answered = second["messages"][2:]
    assert asked["tool_calls"][0]["function"] == {"name": "search", "arguments": '{"query": "Oakham"}'}
    assert answered == {"role": "tool", "tool_call_id": asked["tool_calls"][0]["id"], "content": "About Oakham."}
    assert "sesame" not in line(trace)


def test_streamed_it_is_the_same_and_text_is_seen_on_its_way() -> None:
    seen: list[str] = []
    reply, posted = one(lambda body: said("Ada Bell of Oakham."), seen.append)
    assert posted[0]["stream"] is True
    assert "".join(seen) == reply.message["content"] == "AdaBellofOakham."
    reply, _ = one(lambda body: called("search", {"query": "Oakham"}), seen.append)
    assert reply.message["tool_call"] == {"name": "search", "query": "Oakham"}


def test_a_plan_is_asked_for_in_the_system_message() -> None:
    _, posted = one(lambda body: said("x"), plan=True)
    assert posted[0]["messages"][0] == {"role": "system", "content": f"Use the tools.\n{PLAN_FIRST}"}


@pytest.mark.parametrize("arguments", ['{"query": ', "[]", '{"query": 3}', '{"query": "a", "k": "b"}', ""])
def test_a_malformed_call_is_told_to_the_model_and_counted(arguments: str) -> None:
    replies = iter([called("search", arguments), said("I don't know.")])
    trace, posted = episode(lambda body: next(replies))
    assert (trace.stop, trace.steps[0].invalid) == (StopReason.ANSWERED, True)
    assert "arguments" in trace.steps[0].fault
    assert posted[1]["messages"][-1]["role"] == "user"  # no call that it could be the result of
    trace, _ = episode(lambda body: called("search", arguments), Budget(steps=9, format_errors=2))
    assert (trace.stop, len(trace.steps)) == (StopReason.FORMAT, 3)


def test_a_tool_that_is_not_allowed_is_refused() -> None:
    replies = iter([called("shell", {"query": "rm"}), said("I don't know.")])
    trace, posted = episode(lambda body: next(replies))
    assert "no tool 'shell'" in (trace.steps[0].observation or "")
    assert posted[1]["messages"][-1]["role"] == "tool"


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ((404, "no such model"), "no such model"),
        ((401, "who are you"), "401"),
        ((200, "<html>hello</html>"), "not a chat completion"),
        ((200, '{"choices": []}'), "not a chat completion"),
        ((200, '{"choices": [{"message": {"content": 3}}]}'), "not a chat completion"),
        ((200, '["x"]'), "not a chat completion"),
    ],
)
def test_what_is_no_completion_is_unavailable_with_a_reason(reply: tuple[int, str], told: str) -> None:
    for watch in (None, lambda text: None):
        found, posted = one(lambda body: reply, watch)
        if watch is not None and reply[1].startswith("<html>"):
            continue  # a stream without a single event is an empty reply
        assert isinstance(found, Unavailable) or found.fault, found
    found, posted = one(lambda body: reply)
    assert isinstance(found, Unavailable)
    assert found.reason is StopReason.UNAVAILABLE
    assert told in found.told
    assert len(posted) == 1


def test_a_busy_endpoint_is_tried_again_and_then_given_up() -> None:
    replies = iter([(503, "busy"), said("Ada.")])
    found, posted = one(lambda body: next(replies))
    assert (found.message["content"], len(posted)) == ("Ada.", 2)
    found, posted = one(lambda body: (429, "slow down"))
    assert isinstance(found, Unavailable)
    assert ("slow down" in found.told, len(posted)) == (True, 2)


def test_an_empty_reply_is_a_fault() -> None:
    found, _ = one(lambda body: said(""))
    assert isinstance(found, Reply)
    assert found.fault == "neither an answer nor a call"


def test_down_and_slow_are_told_apart() -> None:
    request = Request(ASKED, TOOLS)
    with serving(lambda body: said("x")) as (url, _):
        pass  # nobody listens there any more
    found = EndpointBackend(EndpointConfig(url, retries=0)).complete([request])[0]
    assert isinstance(found, Unavailable)
    assert "Connect" in found.told
    with serving(lambda body: 0.5) as (url, _):
        slow = EndpointBackend(EndpointConfig(url, timeout=0.1, retries=0)).complete([request])[0]
        late = EndpointBackend(EndpointConfig(url, retries=0)).complete([Request(ASKED, TOOLS, seconds=0.1)])[0]
    assert isinstance(slow, Unavailable)
    assert isinstance(late, Unavailable)
    assert (slow.reason, late.reason) == (StopReason.UNAVAILABLE, StopReason.TIME)
    assert "no answer within 0.1 s" in slow.told


def test_turns_without_a_call_before_them_are_the_users() -> None:
    replies = iter([said("Ada.")])
    with serving(lambda body: next(replies)) as (url, posted):
        messages = [tool("A page."), user("Who?"), call("search", "x"), tool("y"), assistant("z"), user("Again?")]
        EndpointBackend(EndpointConfig(url)).complete([Request(messages, TOOLS)])
    assert [turn["role"] for turn in posted[0]["messages"]] == [
        "user",
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
    ]
