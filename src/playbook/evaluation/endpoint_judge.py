"""Any OpenAI-compatible endpoint as a judge: one request a prompt, temperature 0, nothing but the standard library."""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable

from playbook.plumbing.errors import InputError

KEY_VARIABLE = "OPENAI_API_KEY"
"""Sent where it is set; a server of one's own needs none."""


def endpoint(url: str, model: str, seconds: float = 60.0) -> Callable[[str], str]:
    """A function from prompt to reply, for `judge.asked` and `judge.rated`. `url` ends in /v1."""

    def reply(prompt: str) -> str:
        body = {"model": model, "temperature": 0, "messages": [{"role": "user", "content": prompt}]}
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get(KEY_VARIABLE):
            headers["Authorization"] = f"Bearer {key}"
        where = f"{url.rstrip('/')}/chat/completions"
        request = urllib.request.Request(where, json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=seconds) as response:
                told = json.load(response)
            return str(told["choices"][0]["message"]["content"])
        except (urllib.error.URLError, TimeoutError, ValueError, KeyError, IndexError, TypeError) as error:
            raise InputError(where, "a chat completion", error, "check the address and the model's name") from error

    return reply
