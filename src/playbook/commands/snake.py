"""`make snake CORES=2`: what `dvc repro` would run, run by Snakemake, independent stages at the same time.

DVC tells by content what is out of date; Snakemake, which only sees how old files are, is told so. Whatever it ran is
then recorded in dvc.lock by the Snakefile, if and only if all of it ended well.
"""

import argparse
import contextlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from dvc.repo import Repo

from playbook.pipeline.reasons import FOLLOWS, reasons
from playbook.pipeline.rules import rule_name
from playbook.plumbing.errors import tell
from playbook.plumbing.paths import ROOT

REPORT = Path(".work/snakemake.html")


def main(arguments: Sequence[str] = (), root: Path = ROOT) -> int:
    """Run the main chain, or the stages named (labs too); returns Snakemake's exit status."""
    sys.excepthook = tell
    parser = argparse.ArgumentParser(prog="make snake", description=main.__doc__)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("stages", nargs="*", help="as DVC addresses them; none: all of the main chain")
    given = parser.parse_args(arguments)
    with contextlib.chdir(root), Repo() as repo:
        names = [stage.addressing for stage in repo.index.stages]
        wanted = given.stages or [name for name in names if ":" not in name]
        stale = reasons(repo, root)
    told = {name: why for name, why in stale.items() if any(not reason.startswith(FOLLOWS) for reason in why)}
    if not any(name in stale for name in wanted):
        print("nothing would rerun: dvc.lock, inputs and outputs agree")
        return 0
    snakemake = [sys.executable, "-m", "snakemake", "--rerun-triggers", "mtime", "--rerun-incomplete"]
    clean = [rule_name(name) for name in names if name not in stale]
    if clean:  # a clone, or a checkout from DVC's cache, leaves ages that mean nothing
        subprocess.run([*snakemake, "--quiet", "all", "--cores", "1", "--touch", *clean], cwd=root, check=True)
    forced = [rule_name(name) for name in told]
    command = [*snakemake, "--cores", str(given.cores), *map(rule_name, wanted), "--forcerun", *forced]
    status = subprocess.run(command, cwd=root, check=False).returncode
    if status == 0:
        (root / REPORT).parent.mkdir(exist_ok=True)
        report = [*snakemake, "--quiet", "all", "--report", str(REPORT), *map(rule_name, wanted)]
        if subprocess.run(report, cwd=root, check=False).returncode == 0:
            print(f"Snakemake's own report is in {REPORT}")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
