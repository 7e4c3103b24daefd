"""`make track`: HEAD, the workspace and every experiment into MLflow, each once however often it is called.

MLflow is off the path of every run: this reads dvc.lock, metrics, curves and reports afterwards. `make mlflow` shows
them.
"""

import contextlib
import logging
import os
import sys
from pathlib import Path

from dvc.repo import Repo
from mlflow import MlflowClient

from playbook.pipeline.revisions import revisions
from playbook.plumbing.errors import tell
from playbook.plumbing.live import store_lock
from playbook.plumbing.paths import ROOT
from playbook.tracking.importer import Importer
from playbook.tracking.register import register
from playbook.tracking.store import store_uri


def main(root: Path = ROOT) -> int:
    """Import what is not there yet, and tell how much that was."""
    sys.excepthook = tell
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    for name in ("alembic", "mlflow"):  # the database's migrations, and hints for other kinds of models
        logging.getLogger(name).setLevel(logging.WARNING)
    with Repo(str(root)) as repo:
        found = revisions(root, Path(repo.cache.local.path))
    with store_lock(), contextlib.chdir(root):
        client = MlflowClient(store_uri(root))
        importer = Importer(client, root)
        for revision in [*found[1:], found[0]]:  # the workspace last: where it is HEAD, the run is HEAD's
            importer.add(revision)
        current = [revision for revision in found[:2] if revision.name in importer.last]
        versions = [register(client, revision, importer.last[revision.name]) for revision in current]
    added, known = importer.count.added, importer.count.known
    print(f"{len(found)} revisions: {', '.join(revision.name for revision in found)}")
    print(f"added {added['pipeline']} pipeline runs and {added['stage']} stage runs")
    print(f"known already: {known['pipeline']} and {known['stage']}")
    for version in filter(None, versions):
        print(f"registered the final checkpoint as version {version}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
