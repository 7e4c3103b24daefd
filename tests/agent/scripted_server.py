"""An OpenAI-compatible endpoint that says what it is told to: a real HTTP server, for the tests."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

Body = dict[str, Any]
Script = Callable[[Body], Any]
"""What was posted -> a message, or (status, text), or seconds to wait."""


def called(name: str, arguments: Any) -> Body:
    """A message that calls a tool; arguments that are no text are written as JSON."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": name, "arguments": text}}]}


def said(content: str) -> Body:
    """A message that answers."""
    return {"role": "assistant", "content": content}


@contextmanager
def serving(script: Script) -> Iterator[tuple[str, list[Body]]]:
    """(base URL, what was posted)."""
    posted: list[Body] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            posted.append(body | {"path": self.path, "key": self.headers.get("Authorization")})
            reply = script(body)
            if isinstance(reply, float):
                time.sleep(reply)
                return
            status, text = reply if isinstance(reply, tuple) else (200, self._completion(reply, body["stream"]))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def _completion(self, message: Body, stream: bool) -> str:
            if not stream:
                return json.dumps({"choices": [{"message": message}], "usage": {"completion_tokens": 7}})
            deltas: list[Body] = [{"content": part} for part in (message["content"] or "").split(" ")]
            for number, call in enumerate(message.get("tool_calls", [])):
                name, arguments = call["function"]["name"], call["function"]["arguments"]
                deltas.append(
                    {"tool_calls": [{"index": number, "function": {"name": name, "arguments": arguments[:3]}}]}
                )
                deltas.append({"tool_calls": [{"index": number, "function": {"arguments": arguments[3:]}}]})
            events = [f"data: {json.dumps({'choices': [{'delta': delta}]})}\n\n" for delta in deltas]
            return "".join([*events, "data: [DONE]\n\n"])

        def log_message(self, format: str, *values: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", posted
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
