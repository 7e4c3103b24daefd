"""Preference pairs of the user's own instead of the world's, in either of the field's forms.

    {"prompt": "...", "chosen": "...", "rejected": "..."}      strings, or lists of messages
    {"chosen": "\\n\\nHuman: ...\\n\\nAssistant: ...", "rejected": "..."}
        two dialogues that part at the last answer: HH-RLHF (Bai et al., arXiv 2204.05862)

Both become rows of data/corpus/preferences.jsonl. A pair with two equal answers, or with an empty one, teaches
nothing and is refused; the lines of all such pairs are told at once.
"""

import re
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

from playbook.data.schemas import Row, check_preference
from playbook.data.world.turns import Turn, assistant, user
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import read_jsonl

SPEAKER = re.compile(r"\n\n(Human|Assistant):")
MEND = "take the row out, or mend it"
TOLD = 20
"""Lines of bad rows that are told, after the first."""


def preference_source(path: str | Path) -> Iterator[Row]:
    """Rows {"id", "prompt", "chosen", "rejected", ...} of a JSONL file; further keys are kept.

    Bad rows raise at the end, with the lines of all of them, so that they can be mended in one go.
    """
    number = 0
    bad: dict[int, InputError] = {}
    for number, row in enumerate(read_jsonl(path, "edit params.yaml: data.preferences"), start=1):
        where = f"{path}:{number}"
        try:
            found = {"id": f"u{number:06d}", **row, **normalised(row, where)}
            check_preference(found, where)
            check_pair(found, where)
        except InputError as error:
            bad[number] = error
        else:
            yield found
    if number == 0:
        raise InputError(path, "at least one pair", "an empty file", "edit params.yaml: data.preferences")
    if bad:
        (_, first), *others = bad.items()
        if not others:
            raise first
        lines = ", ".join(str(line) for line, _ in others[:TOLD]) + (", ..." if len(others) > TOLD else "")
        told = f"{first.got}; {len(bad)} rows of {number} are refused, the others in line {lines}"
        raise InputError(first.where, first.expected, told, first.run)


def normalised(row: Row, where: str) -> Row:
    """`prompt`, `chosen` and `rejected` as lists of messages, from either form.

    >>> row = {"chosen": "\\n\\nHuman: Hi\\n\\nAssistant: Hello.", "rejected": "\\n\\nHuman: Hi\\n\\nAssistant: No."}
    >>> normalised(row, "here")["rejected"]
    [{'role': 'assistant', 'content': 'No.'}]
    """
    for key in ("chosen", "rejected"):
        if not isinstance(row.get(key), str | list):
            raise InputError(f"{where}: {key}", "a string, or a list of messages", repr(row.get(key)), MEND)
    if "prompt" in row:
        prompt, chosen, rejected = row["prompt"], row["chosen"], row["rejected"]
        return {
            "prompt": [user(prompt)] if isinstance(prompt, str) else prompt,
            "chosen": [assistant(chosen)] if isinstance(chosen, str) else chosen,
            "rejected": [assistant(rejected)] if isinstance(rejected, str) else rejected,
        }
    one, two = (dialogue(row[key], f"{where}: {key}") for key in ("chosen", "rejected"))
    shared = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(one[:-1], two[:-1], strict=False))))
    if not shared or shared != len(one) - 1 or shared != len(two) - 1:
        raise InputError(where, "two dialogues that are the same up to the last answer", f"{shared} turns alike", MEND)
    return {"prompt": one[:-1], "chosen": one[-1:], "rejected": two[-1:]}


def dialogue(text: object, where: str) -> list[Turn]:
    """The turns of one string with "\\n\\nHuman:" and "\\n\\nAssistant:" in it; it must end with the assistant's."""
    parts = SPEAKER.split(text) if isinstance(text, str) else []
    if len(parts) < 5 or parts[0].strip() or parts[-2] != "Assistant":
        raise InputError(where, "turns of Human and Assistant, the last of Assistant", repr(text)[:80], MEND)
    speakers, said = parts[1::2], [part.strip() for part in parts[2::2]]
    return [(user if who == "Human" else assistant)(words) for who, words in zip(speakers, said, strict=True)]


def check_pair(row: Row, where: str) -> None:
    """Raise `InputError` where nothing can be learnt: both sides equal, or a side that says nothing."""
    for key in ("chosen", "rejected"):
        if not any(_says_something(turn) for turn in row[key] if turn["role"] == "assistant"):
            raise InputError(f"{where}: {key}", "an answer", "an empty one", MEND)
    if row["chosen"] == row["rejected"]:
        raise InputError(where, "two answers that differ", repr(row["chosen"][-1].get("content"))[:80], MEND)


def _says_something(turn: dict[str, Any]) -> bool:
    return bool(turn.get("content", "").strip()) or "tool_call" in turn
