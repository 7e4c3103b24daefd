"""Dataset cards: what lies in the corpus folder, how much of it, an example of each. Written from the files alone."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from tabulate import tabulate

from playbook.plumbing.files import read_json, read_jsonl

FILES: dict[str, str] = {
    "entities.jsonl": "who and what there is, and in which split",
    "facts.jsonl": "the exact fact table; of several facts about one attribute the newest holds",
    "pretrain.jsonl": "pretraining: biographies and pages of A and B, questions about A, news",
    "validation.jsonl": "other biographies and pages of the same entities",
    "questions.jsonl": "closed-book evaluation: A, B and C people, held-out wordings and some trained ones",
    "documents.jsonl": "the document store: pages and dated news of A, B and C; a few planted instructions",
    "drills.jsonl": "fine-tuning first: random words and made-up people, so that it is learnt to look back at all",
    "conversations.jsonl": "supervised fine-tuning: facts, forms, not knowing, reading, searching, remembering",
    "preferences.jsonl": "preference pairs sampled from the gold reward",
    "rl_prompts.jsonl": "prompts for reinforcement learning, with what scores an answer",
    "agent_tasks.jsonl": "evaluation of the agent, about C only",
    "sessions.jsonl": "evaluation of memory: dialogues of two users over several sessions, then questions",
}
SHORT_LIST, SHORT_TEXT = 4, 160


def world_card(corpus: Path) -> str:
    """The card of the generated world, as Markdown."""
    config = read_json(corpus / "world.json")
    entities = {row["id"]: row for row in read_jsonl(corpus / "entities.jsonl")}
    counts = Counter((row["kind"], row["split"]) for row in entities.values())
    population = [[kind, *(counts[kind, split] for split in "ABC")] for kind in ("person", "employer", "town")]
    files, kinds, examples = [], [], []
    for name, purpose in FILES.items():
        rows = list(read_jsonl(corpus / name))
        files.append([f"`{name}`", len(rows), f"{(corpus / name).stat().st_size / 1e6:.2f}", purpose])
        table = Counter((row.get("kind", row.get("attribute", "")), _split(row, entities)) for row in rows)
        kinds += [[f"`{name}`", kind, split, count] for (kind, split), count in sorted(table.items())]
        examples.append(f"`{name}`\n\n```json\n{json.dumps(shorten(rows[0]), ensure_ascii=False, indent=1)}\n```\n")
    planted = {key: config[key] for key in ("preference_noise", "length_bias", "phrase_bias")}
    return "\n".join([
        "# Data card: the world\n",
        f"A small county that does not exist, generated from the seed {config['seed']}; every fact is known exactly.",
        "Names are combined from lists of parts, and any likeness to real people or places is chance.",
        "Texts and conversations are written from templates, in English. Licence: MIT, as the code that makes them.\n",
        "**Splits.** A: read and asked about in training. B: only read. C: in no training file, only in the document",
        "store, agent tasks, sessions and questions. Towns and employers of B people are those of A. Wordings are",
        "split as well: some are used by evaluation alone. `dvc repro` fails if any of this is violated.\n",
        "**What changes.** News changes streets of people, headquarters of employers, mayors of towns; the newest date",
        "wins. Birth town, employer, job and hobby never change, so a closed-book question has one answer.\n",
        f"**Preferences.** Planted on purpose: {', '.join(f'{key} {value}' for key, value in planted.items())}.\n",
        "**Not for.** Anything about the real world, or the variety of natural language: there are about two hundred",
        "wordings.\n",
        "## Population\n", _table(population, ["kind", "A", "B", "C"]),
        "\n## Files\n", _table(files, ["file", "rows", "MB", "for"]),
        "\n## Rows by kind and split\n", _table(kinds, ["file", "kind", "split", "rows"]),
        "\n## An example of each\n", *examples,
    ])  # fmt: skip


def text_card(corpus: Path) -> str:
    """The card of plain text files, as Markdown."""
    rows = []
    for part in ("train", "validation"):
        text = (corpus / f"{part}.txt").read_text(encoding="utf-8")
        rows.append([f"`{part}.txt`", len(text), len(set(text)), text.count("\n"), repr(text[:60])])
    return "\n".join([
        "# Data card: plain text\n",
        "The files that `data.files` names, joined in the order of their names and split by position. Their licence",
        "and origin are for whoever put them there to state.\n",
        _table(rows, ["file", "characters", "alphabet", "lines", "begins with"]),
        "",
    ])  # fmt: skip


def shorten(value: Any) -> Any:
    """Cut long lists and texts, so that an example fits the eye.

    >>> shorten({"candidates": [1, 2, 3, 4, 5, 6]})
    {'candidates': [1, 2, 3, '... 3 more']}
    """
    if isinstance(value, dict):
        return {key: shorten(inner) for key, inner in value.items()}
    if isinstance(value, list):
        cut = value[: SHORT_LIST - 1] if len(value) > SHORT_LIST else value
        return [shorten(inner) for inner in cut] + (
            [f"... {len(value) - len(cut)} more"] if len(cut) < len(value) else []
        )
    return f"{value[:SHORT_TEXT]} ..." if isinstance(value, str) and len(value) > SHORT_TEXT else value


def _split(row: dict[str, Any], entities: dict[str, dict[str, Any]]) -> str:
    """The split that a row says, or that of its entity; empty where it is about throw-away people."""
    about = row.get("entity") or next(iter(row.get("entities", [])), None)
    return str(row.get("split") or entities.get(about or "", {}).get("split", ""))


def _table(rows: list[list[Any]], headers: list[str]) -> str:
    return tabulate(rows, headers, tablefmt="github")
