from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from playbook.data.schemas import (
    Check,
    check_conversation,
    check_document,
    check_keys,
    check_preference,
    check_prompt,
    checked_rows,
)
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import write_jsonl

ASK, SAY = {"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Ada."}
CALL = {"role": "assistant", "content": "", "tool_call": {"name": "search", "query": "Ada"}}


@pytest.mark.parametrize(
    ("check", "row"),
    [
        (check_conversation, {"messages": [ASK, SAY]}),
        (
            check_conversation,
            {"messages": [ASK, CALL, {"role": "tool", "content": "Ada: a vet."}, SAY], "kind": "search"},
        ),
        (check_prompt, {"messages": [ASK]}),
        (check_preference, {"prompt": [ASK], "chosen": [SAY], "rejected": [SAY]}),
        (check_document, {"text": "Ada was born."}),
        (check_document, {"messages": [ASK, SAY]}),
    ],
)
def test_rows_of_the_schema_pass(check: Check, row: dict[str, Any]) -> None:
    check(row, "file:1")


@pytest.mark.parametrize(
    ("check", "row", "names"),
    [
        (check_conversation, {}, "file:1"),
        (check_conversation, {"messages": []}, "at least one message"),
        (check_conversation, {"messages": "Who?"}, "messages"),
        (check_conversation, {"messages": [ASK]}, "a last turn of the assistant"),
        (check_conversation, {"messages": ["Who?"]}, r"messages\[0\]"),
        (check_conversation, {"messages": [ASK, {"role": "robot", "content": "x"}]}, r"messages\[1\].role"),
        (check_conversation, {"messages": [ASK, {"role": "assistant", "content": None}]}, r"messages\[1\].content"),
        (check_conversation, {"messages": [ASK, {**CALL, "tool_call": {"name": "shell", "query": "x"}}]}, "tool_call"),
        (check_prompt, {"messages": [ASK, SAY]}, "a last turn to be answered"),
        (check_preference, {"prompt": [ASK], "chosen": [SAY]}, "rejected"),
        (check_preference, {"prompt": [ASK], "chosen": [ASK], "rejected": [SAY]}, "file:1: chosen"),
        (check_document, {"text": ""}, "text"),
        (check_document, {"body": "x"}, "the key 'text'"),
    ],
)
def test_a_broken_row_is_named(check: Check, row: dict[str, Any], names: str) -> None:
    with pytest.raises(InputError, match=names) as caught:
        check(row, "file:1")
    assert "file:1" in str(caught.value)


def accept(row: dict[str, Any], where: str) -> None:
    check_keys(row, {"id": str}, where)


@pytest.mark.parametrize(
    ("write", "names"),
    [
        (lambda path: write_jsonl(path, [{"id": "a"}, {"id": "b"}, {"id": "a"}]), "rows.jsonl:3: id"),
        (lambda path: write_jsonl(path, [{"id": "a"}, {"name": "b"}]), "rows.jsonl:2"),
        (lambda path: path.write_text('{"id": "a"}\n{"id": \n'), "rows.jsonl:2"),
        (lambda path: path.write_text(""), "at least one row"),
        (lambda path: None, "no such file"),
    ],
)
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, write: Callable[[Path], object], names: str) -> None:
    write(tmp_path / "rows.jsonl")
    with pytest.raises(InputError, match=names):
        list(checked_rows(tmp_path / "rows.jsonl", accept))


def test_rows_come_with_their_place(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "rows.jsonl", [{"id": "a"}, {"id": "b"}])
    assert [where.rpartition(":")[2] for where, _ in checked_rows(tmp_path / "rows.jsonl", accept)] == ["1", "2"]
