"""Trajectories of an agent as traces of MLflow: a span for the episode, each turn of the model, each call of a tool.

They are read from JSONL records, one episode a line, as `agent/trace.py` writes them: `messages`, and `steps` of a
message, what the tool gave back, and what was wrong. Any stage whose outputs hold such a file is shown; the first
episodes of each are enough to look at.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import mlflow
from mlflow.entities import SpanType

SHOWN = 20
"""Episodes of a file."""
FAULTS = ("fault", "invalid", "failed")
"""What may have been wrong with a step."""


def episodes(content: bytes) -> Iterator[dict[str, Any]]:
    """The first episodes of a JSONL file; none where its rows are no trajectories."""
    for line in content.splitlines()[:SHOWN]:
        row = json.loads(line)
        if not isinstance(row, Mapping) or not {"id", "messages", "steps"} <= set(row):
            return
        yield dict(row)


def log_episodes(content: bytes, stage: str, experiment_id: str, run_id: str) -> None:
    """The episodes of a file as traces, tied to the run of its stage; written when this returns."""
    found = list(episodes(content))
    for episode in found:
        log_episode(episode, stage, experiment_id, run_id)
    if found:
        mlflow.flush_trace_async_logging()


def log_episode(episode: Mapping[str, Any], stage: str, experiment_id: str, run_id: str) -> None:
    """One trace."""
    root = mlflow.start_span_no_context(
        f"{stage} {episode['id']}", SpanType.AGENT, inputs={"messages": episode["messages"]},
        tags={"playbook.stage": stage, "playbook.episode": str(episode["id"])}, metadata={"mlflow.sourceRun": run_id},
        experiment_id=experiment_id,
    )  # fmt: skip
    answer = ""
    for number, step in enumerate(episode["steps"], start=1):
        message = step["message"]
        answer = message.get("content", "")
        faults = {name: step[name] for name in FAULTS if step.get(name)}
        turn = mlflow.start_span_no_context(f"turn {number}", SpanType.LLM, parent_span=root, attributes=faults or None)
        turn.end(outputs=message)
        if call := message.get("tool_call"):
            query = {"query": call["query"]}
            tool = mlflow.start_span_no_context(call["name"], SpanType.TOOL, parent_span=root, inputs=query)
            tool.end(outputs=step.get("observation"))
    root.end(outputs={"answer": answer, "stop": episode.get("stop")})
