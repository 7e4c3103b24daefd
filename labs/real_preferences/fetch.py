"""Fetch the test part of HH-RLHF's harmless-base, 2,312 pairs that people have judged (Bai et al., arXiv 2204.05862;
MIT).

Reads: the public source, or the folder named by PLAYBOOK_DATA_MIRROR.
Writes: labs/real_preferences/data/pairs.jsonl.
Note: checked by its SHA-256. What is no pair (an empty answer, two equal ones, dialogues that part before the last
    answer) is left out and counted. The dialogues are attempts to make an assistant say something harmful; many are
    offensive.
"""

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

from playbook.data.mirror import Source, fetch
from playbook.data.preference_source import check_pair, normalised
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import atomic_write
from playbook.plumbing.paths import work_root
from playbook.plumbing.runlog import say
from playbook.plumbing.stage import stage

OUT = Path("labs/real_preferences/data/pairs.jsonl")


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    source: Source


def main() -> None:
    """Fetch, check, unpack."""
    with stage("labs.real_preferences.fetch", Params) as run:
        source = run.params.source
        packed = fetch(source.name, source.url, source.sha256, work_root() / Path(source.name).name)
        lines = gzip.decompress(packed.read_bytes()).decode().splitlines()
        kept = [line for line in lines if usable(json.loads(line))]
        with atomic_write(OUT, "w") as handle:
            handle.writelines(f"{line}\n" for line in kept)
        say("real preferences", {"pairs": len(lines), "kept": len(kept)})


def usable(row: dict[str, str]) -> bool:
    """Whether it is a pair: the same dialogue up to two last answers, which say something, and not the same."""
    try:
        check_pair(normalised(row, "a pair"), "a pair")
    except InputError:
        return False
    return True


if __name__ == "__main__":
    main()
