"""Proof that evaluation measures what it says: nothing held out stands in a training file, and every answer is true.

Reads the corpus as it lies on disk, and trusts nothing of how it was made. The first violation is an `InputError` that
names file, line and culprit; otherwise the result says how many rows each check has seen. What is held back, and from
where: C names from every training file; B people from every conversation; wordings marked held out from every user.
"""

import mmap
import random
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from playbook.data.schemas import (
    Check,
    Row,
    check_conversation,
    check_document,
    check_keys,
    check_preference,
    check_prompt,
    checked_rows,
)
from playbook.data.text_source import read_blocks
from playbook.data.world.formats import STYLE_NOTES, render
from playbook.data.world.reasoning import NOT_TOLD
from playbook.data.world.turns import IDK
from playbook.data.world.wordings import held_out_pattern, sentences
from playbook.plumbing.errors import InputError

Rows = list[tuple[str, Row]]
"""(file:line, row)"""

WORD = re.compile(r"[\w-]+")
MEND = "mend what wrote the file: src/playbook/data/world"

WINDOW, MOST_WINDOWS, MOST_COPIED = 200, 200, 0.1
"""Plain text: bytes of a window of the validation part, windows looked at, share of them that may stand in training.
Some may: a licence printed at the top of every book is no leak."""


def keys(**types: type) -> Check:
    """A check for rows with these keys."""
    return lambda row, where: check_keys(row, types, where)


def _check_agent_task(row: Row, where: str) -> None:
    check_prompt(row, where)
    check_keys(row, {"kind": str, "hops": int, "answer": str, "candidates": list, "passages": list}, where)


def _check_drill(row: Row, where: str) -> None:
    check_conversation(row, where)
    check_keys(row, {"kind": str}, where)


def _check_question(row: Row, where: str) -> None:
    check_prompt(row, where)
    check_keys(row, {"entity": str, "split": str, "attribute": str, "answer": str, "candidates": list}, where)


def _check_session(row: Row, where: str) -> None:
    check_keys(row, {"users": list, "sessions": list, "questions": list}, where)
    for part, check in (("sessions", check_conversation), ("questions", check_prompt)):
        for number, inner in enumerate(row[part]):
            check(inner, f"{where}: {part}[{number}]")


CHECKS: dict[str, Check] = {
    "entities.jsonl": keys(id=str, kind=str, name=str, split=str),
    "facts.jsonl": keys(entity=str, attribute=str, value=str, date=str),
    "pretrain.jsonl": check_document,
    "validation.jsonl": check_document,
    "documents.jsonl": keys(id=str, kind=str, entity=str, title=str, text=str, date=str),
    "questions.jsonl": _check_question,
    "drills.jsonl": _check_drill,
    "conversations.jsonl": check_conversation,
    "preferences.jsonl": check_preference,
    "rl_prompts.jsonl": check_prompt,
    "agent_tasks.jsonl": _check_agent_task,
    "sessions.jsonl": _check_session,
}
WORDS_AND_ENDS = re.compile(r"\w+|[.;:!?\n]")
"""A name does not go on beyond the end of a sentence."""
TRAINING = (
    "pretrain.jsonl", "validation.jsonl", "drills.jsonl", "conversations.jsonl", "preferences.jsonl",
    "rl_prompts.jsonl",
)  # fmt: skip


def audit(corpus: Path) -> dict[str, int]:
    """Check the world in `corpus`; returns rows seen by each check, or raises `InputError` at the first violation."""
    files = {name: list(checked_rows(corpus / name, check)) for name, check in CHECKS.items()}
    training = [pair for name in TRAINING for pair in files[name]]
    entities = [row for _, row in files["entities.jsonl"]]
    tested = [
        text for name in ("questions.jsonl", "agent_tasks.jsonl", "sessions.jsonl") for text in _tests(files[name])
    ]
    return {
        "schemas": sum(map(len, files.values())),
        **_no_names(training, entities),
        "held_out_wordings": _no_wordings(training, tested),
        "validation_copies": _no_copies(files["pretrain.jsonl"], files["validation.jsonl"]),
        "answers": _true_answers(files),
        "drills": _found_above(files["drills.jsonl"]),
    }


def _no_names(rows: Rows, entities: list[Row]) -> dict[str, int]:
    """No name of split C in any string of the rows, none of B in those that are no mere text.

    Of B there are people only: their towns and employers are A's.
    """
    kept = [entity for entity in entities if entity["split"] in ("B", "C")]
    names = {tuple(entity["name"].casefold().split()): entity for entity in kept}
    sizes, first_words = sorted({len(name) for name in names}), {name[0] for name in names}
    for where, row in rows:
        words = WORDS_AND_ENDS.findall(" . ".join(strings(row)).casefold())
        begins = [at for at, word in enumerate(words) if word in first_words]
        for spoken in (tuple(words[at : at + size]) for at in begins for size in sizes):
            entity = names.get(spoken)
            if entity and (entity["split"] == "C" or "text" not in row):
                place = "a training file" if entity["split"] == "C" else "a conversation"
                found = f"{entity['kind']} {entity['name']} ({entity['id']})"
                raise InputError(where, f"no entity of split {entity['split']} in {place}", found, MEND)
    return {"held_out_entities": len(rows), "b_questions": sum("text" not in row for _, row in rows)}


def _no_wordings(rows: Rows, tested: Iterable[str]) -> int:
    """No user turn holds a wording that is kept for evaluation, and none is a question of evaluation."""
    pattern, questions = held_out_pattern(), set(tested)
    for where, row in rows:
        for turn in [*row.get("messages", []), *row.get("prompt", [])]:
            for sentence in sentences(turn["content"]) if turn["role"] == "user" else []:
                if sentence in questions or pattern.fullmatch(sentence):
                    raise InputError(where, "no held-out wording in a training file", sentence, MEND)
    return len(rows)


def _no_copies(train: Rows, validation: Rows) -> int:
    """No validation text stands in training."""
    places = {row["text"]: where for where, row in train if "text" in row}
    for where, row in validation:
        if row.get("text") in places:
            raise InputError(where, "a text that is not trained on", f"the text of {places[row['text']]}", MEND)
    return len(validation)


def _true_answers(files: dict[str, Rows]) -> int:
    """Closed-book answers are the newest facts, trained answers too; an agent's answer stands in its last passage."""
    now: dict[tuple[str, str], str] = {}
    for _, fact in sorted(files["facts.jsonl"], key=lambda pair: str(pair[1]["date"])):
        now[fact["entity"], fact["attribute"]] = fact["value"]
    texts = {row["id"]: row["text"] for _, row in files["documents.jsonl"]}
    values: dict[str, set[str]] = {}
    for (entity, _), value in now.items():
        values.setdefault(entity, set()).add(f"{value}.")
    for where, row in files["questions.jsonl"]:
        truth = f"{now.get((row['entity'], row['attribute']))}."
        if row["answer"] != truth:
            raise InputError(where, f"the newest fact about {row['entity']}, {truth!r}", row["answer"])
    trained = [(where, row) for where, row in files["pretrain.jsonl"] if "messages" in row]
    for where, row in trained:
        if row["messages"][-1]["content"] not in values.get(row["entities"][0], set()):
            raise InputError(where, f"a fact about {row['entities'][0]}", row["messages"][-1]["content"])
    for where, row in files["agent_tasks.jsonl"]:
        if missing := [name for name in row["passages"] if name not in texts]:
            raise InputError(where, "passages of documents.jsonl", missing)
        if row["answer"] != IDK and row["answer"].removesuffix(".") not in texts[row["passages"][-1]]:
            raise InputError(where, f"an answer that stands in {row['passages'][-1]}", row["answer"])
    return len(files["questions.jsonl"]) + len(trained) + len(files["agent_tasks.jsonl"])


def _found_above(rows: Rows) -> int:
    """Every value that a drill looks up stands, word by word, in its first turn, or is not told; what is answered after
    reasoning is that value. The answer of an echo is the first turn twice. A plan searches for whom it was asked about.
    What is written in a form says what was to be written, in that form.
    """
    for where, row in rows:
        first = row["messages"][0]["content"]
        words = f" {' '.join(WORD.findall(first))} "
        for turn in row["messages"]:
            if turn["role"] != "assistant":
                continue
            if "tool_call" in turn:
                asked, name = row["messages"][1]["content"], turn["tool_call"]["query"]
                if turn["tool_call"]["name"] == "search" and name not in asked:
                    raise InputError(where, f"a name of {asked!r}", name, MEND)
                continue
            answer, reasoning = turn["content"], turn.get("reasoning_content", "")
            value, _, note = first.partition("; ")
            if note in STYLE_NOTES.values():
                if answer not in [render(value, form) for form, style in STYLE_NOTES.items() if style == note]:
                    raise InputError(where, f"what {first!r} asks for", answer, MEND)
                continue
            parts = (reasoning or answer).split("; ")
            last = next((part for part in reversed(parts) if ": " in part), parts[-1])  # the rest of a plan has none
            denied, value = last.endswith(": no"), last.partition(", said ")[0].rpartition(": ")[2]
            found = value == NOT_TOLD or f" {value} " in words
            said = not reasoning or answer == (IDK if denied or value == NOT_TOLD else f"{value}.")
            if answer != f"{first} {first}" if row["kind"].startswith("echo") else not (found and said):
                raise InputError(where, f"an answer that stands in {first!r}", reasoning or answer, MEND)
    return len(rows)


def _tests(rows: Rows) -> Iterator[str]:
    """The questions that evaluation asks, where their wording is held out (that of sessions and agent tasks always)."""
    for _, row in rows:
        for question in row.get("questions", [row]):
            if question.get("held_out", True):
                yield question["messages"][-1]["content"]


def strings(value: object) -> Iterator[str]:
    """Every string in a JSON value, keys left out.

    >>> list(strings({"a": ["x", {"b": "y"}], "n": 1}))
    ['x', 'y']
    """
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


def audit_text(corpus: Path) -> tuple[int, int]:
    """Check train.txt and validation.txt; returns (windows of validation that stand in training, windows looked at).

    Both are text and not empty, and at most `MOST_COPIED` of the windows are copies; otherwise `InputError`.
    """
    train, validation = corpus / "train.txt", corpus / "validation.txt"
    for path in (train, validation):
        if not path.is_file():
            raise InputError(path, "the text that the stage prepare writes", "no such file", "dvc repro prepare")
        for _ in read_blocks(path):
            pass
    size = validation.stat().st_size
    starts = range(0, max(1, size - WINDOW + 1), WINDOW)
    seen = random.Random(0).sample(starts, min(len(starts), MOST_WINDOWS))
    with (
        open(train, "rb") as one,
        open(validation, "rb") as two,
        mmap.mmap(one.fileno(), 0, access=mmap.ACCESS_READ) as text,
        mmap.mmap(two.fileno(), 0, access=mmap.ACCESS_READ) as held_out,
    ):
        copies = [start for start in sorted(seen) if text.find(held_out[start : start + WINDOW]) >= 0]
    if len(copies) > MOST_COPIED * len(seen) and size >= WINDOW:
        got = f"{len(copies)} of {len(seen)} windows of {WINDOW} bytes stand in {train}, the first at byte {copies[0]}"
        raise InputError(
            validation, "text that is not in the training part", got, "take repeated files out of data.files"
        )
    return len(copies), len(seen)
