"""The whole pipeline in small: params.yaml with profiles/smoke.yaml laid over it, run in a throw-away copy.

Runs every stage for real with DVC, in a temporary folder with a cache of its own; the work tree is only read.
Knows no stage by name. Its exit status is the chain's.
"""

import sys
import tempfile
import time
from pathlib import Path

from playbook.pipeline.chain_copy import make_copy, run_chain
from playbook.plumbing.config import read_yaml
from playbook.plumbing.errors import tell
from playbook.plumbing.paths import ROOT

PROFILE = Path("profiles/smoke.yaml")
REPORT = Path("reports/README.md")


def main() -> int:
    """Run the chain in a copy of this checkout; return its exit status."""
    sys.excepthook = tell
    with tempfile.TemporaryDirectory(prefix="playbook-smoke-") as folder:
        copy = Path(folder)
        make_copy(ROOT, copy, read_yaml(ROOT / PROFILE))
        began = time.perf_counter()
        status = run_chain(copy)
        print(f"\nsmoke: {time.perf_counter() - began:.1f} s in all, exit status {status}")
        if status == 0 and (copy / REPORT).is_file():
            print("\n".join(["", *first_table((copy / REPORT).read_text(encoding="utf-8").splitlines())]))
    return status


def first_table(lines: list[str]) -> list[str]:
    """The first Markdown table of a page: that of the report is its headline."""
    start = next((i for i, line in enumerate(lines) if line.startswith("|")), len(lines))
    end = next((i for i in range(start, len(lines)) if not lines[i].startswith("|")), len(lines))
    return lines[start:end]


if __name__ == "__main__":
    sys.exit(main())
