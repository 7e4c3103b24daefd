"""Questions to begin with, taken from the world that was built: nothing where there is none."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from playbook.plumbing.files import read_jsonl

SPLITS = {"A": "asked about in training", "B": "only read about", "C": "in no training text"}
TELL = "My favourite drink is cocoa."


def questions(corpus: Path) -> list[str]:
    """A question about somebody of each split, in words that no training used."""
    if not (corpus / "questions.jsonl").exists():
        return []
    found: dict[str, str] = {}
    for row in read_jsonl(corpus / "questions.jsonl"):
        if row["held_out"] and row["split"] not in found:
            found[row["split"]] = _asked(row)
        if len(found) == len(SPLITS):
            break
    return [found[split] for split in sorted(found)]


def tasks(corpus: Path) -> list[str]:
    """A question of one, two and three look-ups, and something to remember."""
    if not (corpus / "agent_tasks.jsonl").exists():
        return []
    rows = [row for row in read_jsonl(corpus / "agent_tasks.jsonl") if row["kind"] == "lookup"]
    return [*(_asked(next(iter(_of(rows, hops)))) for hops in (1, 2, 3) if any(_of(rows, hops))), TELL]


def _of(rows: Iterable[dict[str, Any]], hops: int) -> list[dict[str, Any]]:
    return [row for row in rows if row["hops"] == hops]


def _asked(row: dict[str, Any]) -> str:
    return str(row["messages"][-1]["content"])
