"""`make compare`: the workspace, HEAD and every experiment beside each other, each figure with its 95% interval."""

import sys
from pathlib import Path

from dvc.repo import Repo

from playbook.pipeline.comparison import comparison, read_column
from playbook.pipeline.revisions import HEAD, WORKSPACE, revisions
from playbook.plumbing.errors import tell
from playbook.plumbing.paths import ROOT


def main(root: Path = ROOT) -> int:
    """Print the table; the workspace only where it differs from HEAD."""
    sys.excepthook = tell
    with Repo(str(root)) as repo:
        found = revisions(root, Path(repo.cache.local.path))
        waiting = repo.experiments.celery_queue.status() if (root / ".git").exists() else []
    columns = {revision.name: read_column(revision) for revision in found}
    if HEAD in columns and columns[HEAD].results == columns[WORKSPACE].results:
        del columns[WORKSPACE]
    print(comparison(list(columns.values())))
    for row in waiting:
        if row["status"] in ("Queued", "Running", "Failed"):
            print(f"{row['status'].lower()}: {row['name'] or row['rev'][:7]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
