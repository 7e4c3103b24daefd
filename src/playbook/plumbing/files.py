"""Files that are never half written: write beside the target, flush to disk, then rename over it."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, cast

from playbook.plumbing.errors import InputError


@contextlib.contextmanager
def atomic_write(path: str | Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a file whose content appears under `path` only when the block ends without an error.

    A crash or a full disk leaves the old file as it was. Parent folders are made. What a SIGKILL leaves behind
    has a fixed name, so the next write of the same file replaces it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        with open(partial, mode, encoding=None if "b" in mode else "utf-8") as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: str | Path, value: object) -> None:
    """Write `value` as indented JSON, keys in the order given, atomically. NaN is refused: it is not JSON."""
    with atomic_write(path) as handle:
        handle.write(json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def read_json(path: str | Path, run: str = "dvc repro") -> Any:
    """Read a JSON file; `run` is the command that makes it, told when it is missing or broken."""
    path = Path(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(path, "a JSON file", "no such file", run) from None
    except ValueError as error:
        raise InputError(path, "a JSON file", error, run) from None


def write_jsonl(path: str | Path, rows: Iterable[dict[str, Any]]) -> int:
    """Write one JSON object a line, atomically; returns the number of rows."""
    count = 0
    with atomic_write(path) as handle:
        for count, row in enumerate(rows, start=1):  # noqa: B007 - the count is what we return
            handle.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
    return count


def read_jsonl(path: str | Path, run: str = "dvc repro") -> Iterator[dict[str, Any]]:
    """Yield one object a line; a broken line raises `InputError` with its number."""
    path = Path(path)
    if not path.is_file():
        raise InputError(path, "a JSONL file", "no such file", run)
    with open(path, "rb") as handle:  # bytes: a line that is no UTF-8 is then told with its number too
        for number, line in enumerate(handle, start=1):
            try:
                row = json.loads(line)
            except ValueError as error:
                raise InputError(f"{path}:{number}", "one JSON object a line", error, run) from None
            if not isinstance(row, dict):
                raise InputError(f"{path}:{number}", "one JSON object a line", type(row).__name__, run)
            yield cast(dict[str, Any], row)


NO_CONTENT = {"__pycache__", ".snakemake_timestamp"}
"""What Python and Snakemake leave in folders, as in .dvcignore."""


def file_sha256(path: str | Path) -> str:
    """The SHA-256 of a file, or of all files below a folder (names and contents, in sorted order)."""
    path = Path(path)
    digest = hashlib.sha256()
    if path.is_dir():
        for child in sorted(p for p in path.rglob("*") if p.is_file() and not NO_CONTENT & set(p.parts)):
            digest.update(f"{child.relative_to(path)}\0{file_sha256(child)}\n".encode())
    else:
        with open(path, "rb") as handle:
            while block := handle.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
