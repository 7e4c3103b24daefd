"""The field's JSONL schemas, checked row by row: `messages` for SFT, `prompt` / `chosen` / `rejected` for preferences.

An error names file and line. Further keys of a row are nobody's business here.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from playbook.plumbing.errors import InputError
from playbook.plumbing.files import read_jsonl
from playbook.text.chat import check_message

Row = dict[str, Any]
Check = Callable[[Row, str], None]
"""(row, where it stands) -> nothing, or an `InputError`."""


def checked_rows(path: Path, check: Check, run: str = "dvc repro prepare") -> Iterator[tuple[str, Row]]:
    """Yield ("file:line", row); a row that fails `check`, a second row of the same id, and an empty file raise."""
    seen: dict[str, str] = {}
    where = ""
    for number, row in enumerate(read_jsonl(path, run), start=1):
        where = f"{path}:{number}"
        check(row, where)
        if "id" in row and (first := seen.setdefault(str(row["id"]), where)) != where:
            raise InputError(f"{where}: id", "ids that occur once", f"{row['id']!r}, as in {first}", run)
        yield where, row
    if not where:
        raise InputError(path, "at least one row", "an empty file", run)


def check_conversation(row: Row, where: str) -> None:
    """{"messages": [...]} whose last turn is the assistant's: something to learn from."""
    check_turns(row, "messages", where)
    if row["messages"][-1]["role"] != "assistant":
        raise InputError(
            f"{where}: messages", "a last turn of the assistant", f"one of {row['messages'][-1]['role']!r}"
        )


def check_prompt(row: Row, where: str) -> None:
    """{"messages": [...]} whose last turn is not the assistant's: something to answer."""
    check_turns(row, "messages", where)
    if row["messages"][-1]["role"] == "assistant":
        raise InputError(f"{where}: messages", "a last turn to be answered", "one of 'assistant'")


def check_preference(row: Row, where: str) -> None:
    """{"prompt": [...], "chosen": [...], "rejected": [...]}: two ways to go on from a prompt."""
    check_turns(row, "prompt", where)
    for key in ("chosen", "rejected"):
        check_turns(row, key, where)
        if row[key][-1]["role"] != "assistant":
            raise InputError(f"{where}: {key}", "a last turn of the assistant", f"one of {row[key][-1]['role']!r}")


def check_document(row: Row, where: str) -> None:
    """{"text": "..."} or a conversation: a row of pretraining."""
    if "messages" in row:
        check_conversation(row, where)
    else:
        check_keys(row, {"text": str}, where)


def check_turns(row: Row, key: str, where: str) -> None:
    """`row[key]` is a non-empty list of messages."""
    check_keys(row, {key: list}, where)
    if not row[key]:
        raise InputError(f"{where}: {key}", "at least one message", "none")
    for number, message in enumerate(row[key]):
        at = f"{where}: {key}[{number}]"
        if not isinstance(message, Mapping):
            raise InputError(at, '{"role": ..., "content": ...}', repr(message))
        check_message(message, at)


def check_keys(row: Row, types: Mapping[str, type], where: str) -> None:
    """The row has these keys with values of these types, none of them an empty string."""
    for key, kind in types.items():
        if key not in row:
            raise InputError(where, f"the key {key!r}", f"the keys {', '.join(row)}")
        if not isinstance(row[key], kind) or row[key] == "":
            raise InputError(f"{where}: {key}", f"a {kind.__name__} that is not empty", repr(row[key]))
