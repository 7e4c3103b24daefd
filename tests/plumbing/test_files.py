import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from playbook.plumbing.errors import InputError
from playbook.plumbing.files import atomic_write, file_sha256, read_json, read_jsonl, write_json, write_jsonl


def test_json_and_jsonl_come_back(tmp_path: Path) -> None:
    value = {"b": [1, 2.5, None], "a": "Käthe\n"}
    write_json(tmp_path / "deep/er/x.json", value)
    assert read_json(tmp_path / "deep/er/x.json") == value
    assert list(read_json(tmp_path / "deep/er/x.json")) == ["b", "a"]
    assert write_jsonl(tmp_path / "x.jsonl", [value, {}]) == 2
    assert list(read_jsonl(tmp_path / "x.jsonl")) == [value, {}]
    assert write_jsonl(tmp_path / "empty.jsonl", []) == 0
    assert list(read_jsonl(tmp_path / "empty.jsonl")) == []


def test_an_error_inside_the_block_leaves_the_old_file_and_no_partial_one(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError), atomic_write(path, "wb") as handle:
        handle.write(b"half of the new")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model.bin"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "x.json"
    write_json(path, {"old": 1})
    monkeypatch.setattr(os, call, full)
    with pytest.raises(OSError, match="No space left"):
        write_json(path, {"new": 2})
    monkeypatch.undo()
    assert read_json(path) == {"old": 1}
    assert os.listdir(tmp_path) == ["x.json"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is a thing of Linux")
def test_a_disk_that_fills_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    write_jsonl(path, [{"old": 1}])
    (tmp_path / ".x.jsonl.partial").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        write_jsonl(path, ({"row": row} for row in range(100_000)))
    assert list(read_jsonl(path)) == [{"old": 1}]
    assert os.listdir(tmp_path) == ["x.jsonl"]


def test_not_a_number_is_refused_and_the_old_file_stands(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", 1.0)
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "x.json", float("nan"))
    with pytest.raises(ValueError, match="JSON"):
        write_jsonl(tmp_path / "x.jsonl", [{"x": float("inf")}])
    assert read_json(tmp_path / "x.json") == 1.0
    assert not (tmp_path / "x.jsonl").exists()


HANGING_STAGE = """
import signal, sys, time
from dataclasses import dataclass
from playbook.plumbing.files import atomic_write
from playbook.plumbing.stage import stage

@dataclass(frozen=True)
class Params:
    pass

signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started us in the background has it ignored
with stage("stages.code", Params), atomic_write("out.txt") as handle:
    handle.write("half")
    handle.flush()
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize(("sent", "left"), [("SIGTERM", []), ("SIGINT", []), ("SIGKILL", [".out.txt.partial"])])
def test_a_killed_stage_leaves_no_half_file_under_the_name(tmp_path: Path, sent: str, left: list[str]) -> None:
    (tmp_path / "params.yaml").write_text("{}\n")
    command, nowhere = [sys.executable, "-c", HANGING_STAGE], subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=nowhere, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    process.send_signal(getattr(signal, sent))
    assert process.wait(20) != 0
    process.stdout.close()
    assert sorted(os.listdir(tmp_path)) == [*left, "params.yaml"]
    with atomic_write(tmp_path / "out.txt") as handle:  # the next run takes the leftover away
        handle.write("whole")
    assert sorted(os.listdir(tmp_path)) == ["out.txt", "params.yaml"]


def test_what_cannot_be_read_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_json(tmp_path / "x.json")
    with pytest.raises(InputError, match="no such file"):
        list(read_jsonl(tmp_path / "x.jsonl"))
    (tmp_path / "x.json").write_text('{"a": 1')
    with pytest.raises(InputError, match=r"x\.json\n  expected: a JSON file"):
        read_json(tmp_path / "x.json")
    (tmp_path / "x.json").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"x\.json"):
        read_json(tmp_path / "x.json")


@pytest.mark.parametrize(("line", "got"), [("{", "delimiter|property name"), ("[1]", "list"), ("", "Expecting value")])
def test_a_broken_line_is_told_with_its_number(tmp_path: Path, line: str, got: str) -> None:
    (tmp_path / "x.jsonl").write_text(f'{{"a": 1}}\n{line}\n')
    with pytest.raises(InputError, match=rf"x\.jsonl:2[^$]*({got})"):
        list(read_jsonl(tmp_path / "x.jsonl"))


def test_a_binary_file_where_rows_are_expected(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(b'{"a": 1}\n\xff\xfe\x00')
    with pytest.raises(InputError, match=r"x\.jsonl"):
        list(read_jsonl(tmp_path / "x.jsonl"))


def test_file_sha256_of_a_folder_sees_names_and_contents(tmp_path: Path) -> None:
    def build(name: str, files: dict[str, str]) -> str:
        for file, text in files.items():
            (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / file).write_text(text)
        return file_sha256(tmp_path / name)

    one = build("one", {"a": "1", "b/c": "2"})
    assert one == build("two", {"b/c": "2", "a": "1", "__pycache__/a.pyc": "x"})
    assert one != build("three", {"a": "1", "b/d": "2"})
    assert one != build("four", {"a": "1", "b/c": "3"})
    assert file_sha256(tmp_path / "one/a") == "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
