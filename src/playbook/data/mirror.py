"""Files that a lab takes from the network, or from a folder that stands in for it. Always verified by SHA-256.

Set `PLAYBOOK_DATA_MIRROR` to a folder that holds the files by name, and nothing is ever downloaded.
"""

import hashlib
import os
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from playbook.plumbing.errors import InputError
from playbook.plumbing.files import atomic_write, file_sha256

VARIABLE = "PLAYBOOK_DATA_MIRROR"
TIMEOUT_SECONDS = 30
BLOCK = 1 << 20


@dataclass(frozen=True)
class Source:
    """Where a file comes from, as a lab's params.yaml has it."""

    name: str
    """In a mirror."""
    url: str
    sha256: str
    """64 hex digits."""


def fetch(name: str, url: str, sha256: str, path: Path) -> Path:
    """Have the file `name` at `path`: as it is, else copied from the mirror if one is set, else downloaded from `url`.

    Raises `InputError` for a missing mirror file, no network, or another checksum than `sha256` (64 hex digits);
    what stood at `path` before is then still there.
    """
    if path.is_file() and file_sha256(path) == sha256:
        return path
    mirror = os.environ.get(VARIABLE)
    where = str(Path(mirror) / name) if mirror else url
    advice = f"set {VARIABLE} to a folder that holds {name}"
    with atomic_write(path, "wb") as target:
        digest = hashlib.sha256()
        try:
            for block in _blocks(where, local=bool(mirror)):
                digest.update(block)
                target.write(block)
        except _ReadError as error:
            raise InputError(where, f"{name} with SHA-256 {sha256}", error, advice) from None
        if digest.hexdigest() != sha256:
            raise InputError(where, f"{name} with SHA-256 {sha256}", f"SHA-256 {digest.hexdigest()}", advice)
    return path


class _ReadError(Exception):
    """The source failed us; an OSError besides is the target's, such as a full disk."""


def _blocks(where: str, local: bool) -> Iterator[bytes]:
    try:
        with open(where, "rb") if local else urllib.request.urlopen(where, timeout=TIMEOUT_SECONDS) as source:
            while block := source.read(BLOCK):
                yield block
    except (OSError, HTTPException) as error:
        raise _ReadError(error) from None
