"""`make why`: what `dvc repro` and `make labs` would run, for which reason, and how long it took last."""

import contextlib
import sys
from pathlib import Path

from dvc.repo import Repo

from playbook.pipeline.reasons import last_seconds, reasons
from playbook.plumbing.errors import tell
from playbook.plumbing.paths import ROOT


def main(root: Path = ROOT) -> int:
    """Print one block for each stage that would run, in the order in which DVC would run them."""
    sys.excepthook = tell
    with contextlib.chdir(root), Repo() as repo:
        found = reasons(repo, root)
        stages = {stage.addressing: stage for stage in repo.index.stages}
        took = {name: last_seconds(stages[name], root) for name in found}
    if not found:
        print("nothing would rerun")
        return 0
    for name, told in found.items():
        print(name if took[name] is None else f"{name}  ({took[name]:,.0f} s last time)")
        print("\n".join(f"    {reason}" for reason in told))
    known = [seconds for seconds in took.values() if seconds is not None]
    minutes, share = sum(known) / 60, f"{len(known)} of {len(found)} stages"
    print(f"\nAbout {minutes:.1f} minutes, by the last runs of the {share} that told theirs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
