"""Fetch CACM and the first five conversations of LoCoMo.

Reads: the public sources, or the folder named by PLAYBOOK_DATA_MIRROR.
Writes: labs/retrieval/data/collections: cacm.tar.gz, topics.cacm.txt, qrels.cacm.txt, locomo.json.
Note: all are checked by the SHA-256 in params.yaml. LoCoMo is CC BY-NC 4.0: for trial here, never part of this
    repository. Only its first five conversations are used, so that the other five stay unseen.
"""

import json
import os
import urllib.request
from dataclasses import dataclass
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path

from playbook.data.mirror import TIMEOUT_SECONDS, VARIABLE, Source, fetch
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import atomic_write
from playbook.plumbing.stage import stage

HERE = Path("labs/retrieval/data/collections")
CONVERSATIONS = 5


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    sources: dict[str, Source]


def main() -> None:
    """Fetch and check every file."""
    with stage("labs.retrieval.fetch", Params) as run:
        for name, source in run.params.sources.items():
            if name == "locomo.json" and not os.environ.get(VARIABLE):
                fetch_first_conversations(source, HERE / name)
            else:
                fetch(source.name, source.url, source.sha256, HERE / name)


def fetch_first_conversations(source: Source, path: Path) -> None:
    """The public file holds ten conversations; ours is its first five, written by Python's `json` as it writes them."""
    advice = f"set {VARIABLE} to a folder that holds {source.name}"
    try:
        with urllib.request.urlopen(source.url, timeout=TIMEOUT_SECONDS) as answer:
            whole = json.load(answer)
    except (OSError, HTTPException, ValueError) as error:
        raise InputError(source.url, "ten conversations as JSON", error, advice) from None
    content = json.dumps(whole[:CONVERSATIONS], ensure_ascii=False).encode()
    if (found := sha256(content).hexdigest()) != source.sha256:
        raise InputError(source.url, f"conversations with SHA-256 {source.sha256}", f"SHA-256 {found}", advice)
    with atomic_write(path, "wb") as handle:
        handle.write(content)


if __name__ == "__main__":
    main()
