"""Fetch the test part of HH-RLHF's harmless-base, 2,312 pairs that people have judged (Bai et al., arXiv 2204.05862;
MIT).

Reads: the public source, or the folder named by PLAYBOOK_DATA_MIRROR.
Writes: labs/real_preferences/data/pairs.jsonl.
Note: checked by its SHA-256. The dialogues are attempts to make an assistant say something harmful; many are offensive.
"""

import gzip
from dataclasses import dataclass
from pathlib import Path

from playbook.data.mirror import Source, fetch
from playbook.plumbing.files import atomic_write
from playbook.plumbing.paths import work_root
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
        with atomic_write(OUT, "wb") as handle:
            handle.write(gzip.decompress(packed.read_bytes()))


if __name__ == "__main__":
    main()
