"""`make exp NAME=...`: a sweep of labs/sweeps.yaml as DVC experiments, queued, and seen through though workers die."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from playbook.commands import compare
from playbook.pipeline.experiment_queue import DvcQueue, run_all
from playbook.pipeline.sweeps import read_sweep
from playbook.plumbing.config import read_yaml
from playbook.plumbing.errors import tell
from playbook.plumbing.paths import ROOT

SWEEPS = Path("labs/sweeps.yaml")


def main(arguments: Sequence[str] = (), root: Path = ROOT) -> int:
    """Queue the experiments that have not finished yet, run them, and compare them; 1 if one failed."""
    sys.excepthook = tell
    parser = argparse.ArgumentParser(prog="make exp", description=main.__doc__)
    parser.add_argument("name", nargs="?", default="", help="a sweep of labs/sweeps.yaml")
    parser.add_argument("--jobs", type=int, default=1, help="experiments at the same time")
    given = parser.parse_args(arguments)
    experiments = read_sweep(given.name, root / SWEEPS, read_yaml(root / "params.yaml"))
    outcome = run_all(DvcQueue(root, shared=given.jobs > 1), experiments, given.jobs)
    print(f"done: {', '.join(outcome.done) or 'none'}; workers started: {outcome.workers}")
    if outcome.failed:
        print(f"failed: {', '.join(outcome.failed)} (`dvc queue logs NAME` tells why)", file=sys.stderr)
    compare.main(root=root)
    return 1 if outcome.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
