"""`make snake CORES=2`: what `dvc repro` would run, run by Snakemake, independent stages at the same time.

DVC tells by content what is out of date; Snakemake, which only sees how old files are, is told so. Whatever it ran is
then recorded in dvc.lock by the Snakefile, if and only if all of it ended well.
"""

import argparse
import contextlib
import fcntl
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from dvc.repo import Repo

from playbook.pipeline.dag import ancestors, read_dag
from playbook.pipeline.reasons import FOLLOWS, reasons
from playbook.pipeline.rules import rule_name
from playbook.plumbing.errors import InputError, tell
from playbook.plumbing.fingerprint import fingerprints
from playbook.plumbing.paths import ROOT

REPORT = Path(".work/snakemake.html")
LOCK = Path(".work/snake.lock")


def main(arguments: Sequence[str] = (), root: Path = ROOT) -> int:
    """Run the main chain, or the stages named (labs too); returns Snakemake's exit status."""
    sys.excepthook = tell
    parser = argparse.ArgumentParser(prog="make snake", description=main.__doc__)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("stages", nargs="*", help="as DVC addresses them; none: all of the main chain")
    given = parser.parse_args(arguments)
    wanted, forced, clean = plan(root, given.stages)
    if not forced:
        print("nothing would rerun: dvc.lock, inputs and outputs agree")
        return 0
    snakemake = [sys.executable, "-m", "snakemake", "--rerun-triggers", "mtime", "--rerun-incomplete", "--nolock"]
    with alone(root / LOCK) as lock:
        if clean:  # a clone, or a checkout from DVC's cache, leaves ages that mean nothing
            touch = [*snakemake, "--quiet", "all", "--cores", "1", "--touch", *clean]
            subprocess.run(touch, cwd=root, check=True, pass_fds=[lock])
        command = [*snakemake, "--cores", str(given.cores), *wanted, "--forcerun", *forced]
        status = subprocess.run(command, cwd=root, check=False, pass_fds=[lock]).returncode
        if status == 0:
            report = [*snakemake, "--quiet", "all", "--report", str(REPORT), *wanted]
            if subprocess.run(report, cwd=root, check=False).returncode == 0:
                print(f"Snakemake's own report is in {REPORT}")
    return status


@contextlib.contextmanager
def alone(path: Path) -> Iterator[int]:
    """Hold a lock that ends with the processes that hold it, whatever ends them; Snakemake's own outlives a kill.

    Yields the descriptor to hand on to children. `InputError` if another run has it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(path, "one `make snake` at a time", "another is running", "wait for it") from None
        yield handle.fileno()


def plan(root: Path, stages: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """(wanted, forced, clean) as rule names: what is to be made, what of it DVC would run, and what is up to date.

    Stages that may follow another are not forced: Snakemake runs them if the other has written something new. Only
    what leads to `wanted` is forced, because Snakemake makes whatever is.
    """
    with contextlib.chdir(root), Repo() as repo:
        nodes = read_dag(repo, fingerprints(root))
        stale = reasons(repo, root)
    names = [node.name for node in nodes]
    wanted = list(stages) or [node.name for node in nodes if node.in_main_chain]
    if unknown := [name for name in wanted if name not in names]:
        raise InputError(", ".join(unknown), f"stages: {', '.join(names)}", "no such stage")
    needed = {*wanted, *(name for one in wanted for name in ancestors(nodes, one))}
    own = [name for name in stale if any(not reason.startswith(FOLLOWS) for reason in stale[name])]
    forced = [rule_name(name) for name in own if name in needed]
    return [rule_name(name) for name in wanted], forced, [rule_name(name) for name in names if name not in stale]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
