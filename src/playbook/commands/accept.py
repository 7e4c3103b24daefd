"""`make accept`: the headline figures of this checkout become those that `make verify` holds later ones against."""

import contextlib
import sys
from pathlib import Path

from dvc.repo import Repo

from playbook.pipeline.baseline import BASELINE, write_baseline
from playbook.pipeline.comparison import read_column
from playbook.pipeline.revisions import revisions
from playbook.plumbing.errors import tell
from playbook.plumbing.paths import ROOT


def main(root: Path = ROOT) -> int:
    """Write reports/baseline.json."""
    sys.excepthook = tell
    with contextlib.chdir(root), Repo(str(root)) as repo:
        workspace = revisions(root, Path(repo.cache.local.path))[0]
        count = write_baseline(root / BASELINE, read_column(workspace))
    print(f"{count} headline figures in {BASELINE}: commit it with the results that they belong to")
    return 0


if __name__ == "__main__":
    sys.exit(main())
