"""Any OpenAI-compatible endpoint as a backend: chat completions with JSON tool calls, streamed for whoever watches.

One route and one schema are all that is needed, so this is `httpx2` (which huggingface_hub brings along) and no client
of its own. Whatever an endpoint does ends in a reply, a reply with a fault (a call that is no JSON), or `Unavailable`
(down, slow, refusing, not speaking the protocol): never in an exception.

https://platform.openai.com/docs/api-reference/chat
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2

from playbook.agent.backends import Reply, Request, Turn, Unavailable
from playbook.agent.tools import Tool, Toolbox
from playbook.agent.trace import StopReason

PLAN_FIRST = "First write your plan in one line, then call the first tool."
BUSY = (429, 500, 502, 503, 504)
"""Status codes after which it is worth trying again."""
TOLD = 300
"""Characters of an error that are shown."""


@dataclass(frozen=True)
class EndpointConfig:
    """Where the model is. The key comes from the environment, so that it stands in no file and no command line."""

    base_url: str = "http://localhost:8000/v1"
    model: str = "default"
    key_variable: str = "OPENAI_API_KEY"
    timeout: float = 60.0
    """Seconds without a byte after which an answer counts as not coming."""
    retries: int = 2
    """After a refusal that may pass (busy, overloaded)."""
    pause: float = 0.5
    """Seconds before the first of them; twice as long before each further one."""


@dataclass
class EndpointBackend:
    """Requests one after the other; the endpoint does its own batching if several of us run."""

    config: EndpointConfig
    watch: Callable[[str], None] | None = None
    """Sees text as it arrives; with it replies are streamed."""
    sleep: Callable[[float], None] = time.sleep
    client: httpx2.Client = field(default_factory=httpx2.Client)

    def complete(self, requests: Sequence[Request]) -> list[Reply | Unavailable]:
        """Replies in order."""
        return [self._one(request) for request in requests]

    def _one(self, request: Request) -> Reply | Unavailable:
        pause = self.config.pause
        for left in reversed(range(self.config.retries + 1)):
            found = self._try(request)
            if not isinstance(found, _Busy):
                return found
            if not left:
                return Unavailable(StopReason.UNAVAILABLE, found.told)
            self.sleep(pause)
            pause *= 2
        raise AssertionError("at least one try")

    def _try(self, request: Request) -> "Reply | Unavailable | _Busy":
        left = self.config.timeout if request.seconds is None else min(self.config.timeout, max(0.01, request.seconds))
        url = f"{self.config.base_url.rstrip('/')}/chat/completions"
        key = os.environ.get(self.config.key_variable)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        body = request_body(request, self.config.model, stream=self.watch is not None)
        try:
            with self.client.stream("POST", url, json=body, headers=headers, timeout=left) as response:
                if response.status_code in BUSY:
                    return _Busy(_status(response))
                if response.status_code != 200:
                    return Unavailable(StopReason.UNAVAILABLE, _status(response))
                if body["stream"]:
                    return reply_of(assembled(self._events(response)))
                response.read()
                return reply_of(response.json())
        except httpx2.TimeoutException:
            reason = StopReason.TIME if request.seconds is not None and left < self.config.timeout else None
            return Unavailable(reason or StopReason.UNAVAILABLE, f"{url}: no answer within {left:.3g} s")
        except httpx2.HTTPError as error:
            return Unavailable(StopReason.UNAVAILABLE, f"{url}: {type(error).__name__}: {error}")
        except (httpx2.InvalidURL, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            told = f"{url}: not a chat completion ({type(error).__name__}: {error})"
            return Unavailable(StopReason.UNAVAILABLE, told[:TOLD])

    def _events(self, response: httpx2.Response) -> Iterator[dict[str, Any]]:
        """The chunks of a stream of server-sent events; text is shown on its way."""
        assert self.watch is not None
        for line in response.iter_lines():
            data = line.removeprefix("data:").strip()
            if not line.startswith("data:") or data == "[DONE]":
                continue
            chunk = json.loads(data)
            for choice in chunk.get("choices", []):
                if text := choice["delta"].get("content"):
                    self.watch(text)
            yield chunk


@dataclass(frozen=True)
class _Busy:
    """Not now, perhaps later."""

    told: str


def request_body(request: Request, model: str, stream: bool) -> dict[str, Any]:
    """What is posted."""
    body: dict[str, Any] = {"model": model, "messages": wire_messages(request), "stream": stream, "temperature": 0}
    if request.toolbox.tools:
        body |= {"tools": [wire_tool(tool) for tool in request.toolbox.tools.values()], "parallel_tool_calls": False}
    if request.max_tokens is not None:
        body["max_tokens"] = request.max_tokens
    return body


def wire_tool(tool: Tool) -> dict[str, Any]:
    """A tool as a function with one string parameter."""
    parameters = {
        "type": "object", "properties": {tool.argument: {"type": "string"}}, "required": [tool.argument],
        "additionalProperties": False,
    }  # fmt: skip
    function = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": function}


def wire_messages(request: Request) -> list[dict[str, Any]]:
    """Our turns as the API has them: calls get ids; what is told of a malformed turn comes from the user."""
    wire: list[dict[str, Any]] = []
    call_id = ""
    for number, turn in enumerate(request.messages):
        if turn["role"] == "tool" and call_id:
            wire.append({"role": "tool", "tool_call_id": call_id, "content": turn["content"]})
            call_id = ""
        elif turn["role"] == "tool":
            wire.append({"role": "user", "content": turn["content"]})
        elif "tool_call" in turn:
            call_id = f"call_{number}"
            wire.append({**_plain(turn), "tool_calls": [_wire_call(call_id, turn["tool_call"], request.toolbox)]})
        else:
            wire.append(_plain(turn))
    if request.plan:
        system = wire.pop(0)["content"] + "\n" if wire and wire[0]["role"] == "system" else ""
        wire.insert(0, {"role": "system", "content": system + PLAN_FIRST})
    return wire


def reply_of(completion: dict[str, Any]) -> Reply:
    """A completion as a turn; of several calls the first counts. Another form raises one of the errors above."""
    said = completion["choices"][0]["message"]
    content = said.get("content") or ""
    if not isinstance(content, str):
        raise TypeError("content that is no text")
    usage = completion.get("usage") or {}
    tokens = int(usage.get("completion_tokens") or len(content.split()))
    message: Turn = {"role": "assistant", "content": content}
    if not (calls := said.get("tool_calls")):
        return Reply(message, tokens, "" if content.strip() else "neither an answer nor a call")
    function = calls[0]["function"]
    argument, fault = parse_arguments(function.get("arguments"))
    if fault:
        return Reply(message, tokens, f"the call of {function.get('name')}: {fault}")
    return Reply(message | {"tool_call": {"name": str(function["name"]), "query": argument}}, tokens)


def parse_arguments(text: Any) -> tuple[str, str]:
    """(the one argument, what is wrong).

    >>> parse_arguments('{"query": "tea"}'), parse_arguments('{"query": ')[1], parse_arguments("[]")[1]
    (('tea', ''), 'arguments are not JSON', 'arguments are not an object with one text')
    """
    try:
        found = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return "", "arguments are not JSON"
    if not isinstance(found, dict) or len(found) != 1 or not isinstance(value := next(iter(found.values())), str):
        return "", "arguments are not an object with one text"
    return value, ""


def assembled(chunks: Iterator[dict[str, Any]]) -> dict[str, Any]:
    """The chunks of a stream as one completion."""
    content, calls, usage = "", dict[int, dict[str, str]](), None
    for chunk in chunks:
        usage = chunk.get("usage") or usage
        for choice in chunk.get("choices", []):
            content += choice["delta"].get("content") or ""
            for call in choice["delta"].get("tool_calls") or []:
                made = calls.setdefault(call.get("index", 0), {"name": "", "arguments": ""})
                for key in made:
                    made[key] += call.get("function", {}).get(key) or ""
    message = {"content": content, "tool_calls": [{"function": calls[i]} for i in sorted(calls)]}
    return {"choices": [{"message": message}], "usage": usage}


def _plain(turn: Turn) -> dict[str, Any]:
    return {"role": turn["role"], "content": turn["content"]}


def _wire_call(call_id: str, call: dict[str, str], toolbox: Toolbox) -> dict[str, Any]:
    tool = toolbox.tools.get(call["name"])
    arguments = {tool.argument if tool else "query": call["query"]}
    return {
        "id": call_id, "type": "function",
        "function": {"name": call["name"], "arguments": json.dumps(arguments, ensure_ascii=False)},
    }  # fmt: skip


def _status(response: httpx2.Response) -> str:
    response.read()
    return f"{response.url}: {response.status_code} {response.text[:TOLD]}".strip()
