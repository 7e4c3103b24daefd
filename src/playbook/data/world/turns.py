"""Turns of a conversation in the field's schema. A tool call is a field of its own: no text can make one."""

from typing import Any

Turn = dict[str, Any]

AGENT = "Use the tools."
"""System turn of whoever may search. Without a system turn the assistant answers from what it knows."""
AGENT_WITH_MEMORY = "Use the tools. Recall the user first."
"""System turn of whoever shall also look up how this user wants to be answered."""
IDK = "I don't know."


def system(content: str) -> Turn:
    """What the assistant may use."""
    return {"role": "system", "content": content}


def user(content: str) -> Turn:
    """A turn of the user."""
    return {"role": "user", "content": content}


def assistant(content: str, reasoning: str = "") -> Turn:
    """An answer, and what it rests on."""
    return _turn({"role": "assistant", "content": content}, reasoning)


def call(name: str, query: str, reasoning: str = "") -> Turn:
    """A call of one of the tools search, remember, recall, and what led to it."""
    return _turn({"role": "assistant", "content": "", "tool_call": {"name": name, "query": query}}, reasoning)


def tool(content: str) -> Turn:
    """A tool's result."""
    return {"role": "tool", "content": content}


def _turn(turn: Turn, reasoning: str) -> Turn:
    return turn | {"reasoning_content": reasoning} if reasoning else turn
