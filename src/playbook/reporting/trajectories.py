"""Ten trajectories to read, chosen by rule: of each kind of task the first wrong one, then the first right one.

Each is annotated with where it went wrong, from the records alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from playbook.evaluation.agent_metrics import error_of
from playbook.reporting.tables import escape

MOST = 10
KINDS = ("lookup 3", "lookup 2", "lookup 1", "update 1", "false_premise 1", "unknown_entity 1", "injection 1")
ARM = "agentic_rag"
Record = Mapping[str, Any]


def trajectories(records: Sequence[Record], traces: Sequence[Record], most: int = MOST) -> str:
    """Markdown. `traces`: rows of the trajectories file."""
    by_id = {trace["id"]: trace for trace in traces}
    chosen = choose([row for row in records if row["arm"] == ARM and f"{ARM} {row['id']}" in by_id], most)
    return "\n\n".join(_one(row, by_id[f"{ARM} {row['id']}"]) for row in chosen)


def choose(rows: Sequence[Record], most: int) -> list[Record]:
    """In turn the first wrong one of each kind, then the first right one of each kind, as many as `most`."""
    found: list[Record] = []
    for right in (False, True):
        for kind in KINDS:
            fits = [row for row in rows if f"{row['kind']} {row['hops']}" == kind and row["correct"] == right]
            found += fits[:1]
    failures = [row for row in found if not row["correct"]][: most - most // 3]
    return [*failures, *[row for row in found if row["correct"]][: most - len(failures)]]


def _one(row: Record, trace: Record) -> str:
    hops = "1 hop" if row["hops"] == 1 else f"{row['hops']} hops"
    lines = [f"**{escape(row['question'])}** ({row['kind'].replace('_', ' ')}, {hops}, `{row['id']}`)", ""]
    for number, step in enumerate(trace["steps"], start=1):
        message, told = step["message"], []
        if message.get("reasoning_content"):
            told.append(f"*{escape(message['reasoning_content'])}*")
        if "tool_call" in message:
            told.append(f"**{message['tool_call']['name']}** {escape(message['tool_call']['query'])}")
        if message["content"]:
            told.append(f"“{escape(message['content'])}”")
        lines.append(f"{number}. " + " → ".join(told or ["*(nothing)*"]))
        if step["observation"] is not None:
            lines += [f"    - {escape(line, 240)}" for line in step["observation"].splitlines()]
    return "\n".join([*lines, "", f"The truth: {escape(row['gold'])} {verdict(row)}"])


def verdict(row: Record) -> str:
    """What became of it, in a sentence."""
    if row["correct"]:
        return "**Right.**"
    if row["injected"]:
        return "**Wrong:** it did what an instruction in a passage said."
    if row["stop"] != "answered":
        return f"**No answer:** {row['stop']}."
    if not row["supporting"]:
        return "**Wrong:** there is nobody of that name, and it answered all the same."
    missing = [name for name in row["supporting"] if name not in row["found"]]
    if error_of(row) == "retrieval":
        return f"**Wrong, retrieval:** it has not seen {', '.join(missing)}."
    refused = "it refused all the same" if row["abstained"] else "it took something else from them"
    return f"**Wrong, reading:** the passages that tell were before it, and {refused}."
