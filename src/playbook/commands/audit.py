"""`make audit N=2`: stages of HEAD run again in a temporary clone, and their outputs compared with dvc.lock.

Inputs come from git and from DVC's cache, so that a stage late in the chain is audited without what came before it.
Equal hashes are the rule; where they differ in run facts alone (seconds, memory), the results are still the same.
"""

import argparse
import contextlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dvc.repo import Repo
from dvc.stage.serialize import to_single_stage_lockfile

from playbook.pipeline.dag import relative
from playbook.pipeline.recorded import earlier, to_put_back
from playbook.plumbing.errors import InputError, tell
from playbook.plumbing.paths import ROOT

SAME, RESULTS, DIFFERS, FAILED = "the same bytes", "the same results", "OTHER RESULTS", "FAILED"


def main(arguments: Sequence[str] = (), root: Path = ROOT) -> int:
    """Audit a sample, or the stages named; 1 if one fails or gives other results."""
    sys.excepthook = tell
    parser = argparse.ArgumentParser(prog="make audit", description=main.__doc__)
    parser.add_argument("--stages", type=int, default=2, help="how many, drawn at random")
    parser.add_argument("--seed", type=int, default=None, help="of the draw; told, so that it can be repeated")
    parser.add_argument("names", nargs="*", help="these stages and no others")
    given = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(10_000) if given.seed is None else given.seed
    with tempfile.TemporaryDirectory(prefix="playbook-audit-") as folder:
        clone = Path(folder) / "clone"
        commit = make_clone(root, clone)
        with contextlib.chdir(clone), Repo() as repo:  # DVC addresses stages as seen from the working folder
            stages = {
                stage.addressing: stage for stage in repo.index.stages if any(out.hash_info for out in stage.outs)
            }
            if unknown := [name for name in given.names if name not in stages]:
                raise InputError(", ".join(unknown), f"stages on record: {', '.join(stages)}", "no such stage")
            names = given.names or draw([name for name in stages if ":" not in name], given.stages, seed)
            print(f"audit of {commit}: {', '.join(names)} (seed {seed})", flush=True)
            verdicts = {name: audit(stages[name], repo, clone) for name in names}
    for name, verdict in verdicts.items():
        print(f"{name}: {verdict}")
    return 1 if any(verdict.startswith((DIFFERS, FAILED)) for verdict in verdicts.values()) else 0


def draw(names: Sequence[str], count: int, seed: int) -> list[str]:
    """`count` of the names, each as likely as any other, in the order of the chain."""
    drawn = set(random.Random(seed).sample(list(names), min(count, len(names))))
    return [name for name in names if name in drawn]


def make_clone(root: Path, clone: Path) -> str:
    """HEAD in a folder of its own, on the DVC cache of `root`; returns the commit's short name."""
    subprocess.run(["git", "clone", "--quiet", "--shared", str(root), str(clone)], check=True)
    with Repo(str(root)) as repo:
        cache = Path(repo.cache.local.path)
    while cache.name in ("md5", "files"):
        cache = cache.parent
    (clone / ".dvc/config.local").write_text(f"[cache]\n    dir = {cache}\n", encoding="utf-8")
    told = subprocess.run(["git", "-C", str(clone), "rev-parse", "--short", "HEAD"], capture_output=True, check=True)
    return told.stdout.decode().strip()


def audit(stage: Any, repo: Any, clone: Path) -> str:
    """Fetch the inputs of a stage, run it, and compare; returns the verdict."""
    subprocess.run(["git", "-C", str(clone), "checkout", "--quiet", "--", "."], check=True)  # what an audit before left
    makers = [up.addressing for up in repo.index.graph.successors(stage)]
    if makers:
        told = subprocess.run(
            _dvc("checkout", "--quiet", "--force", *makers), cwd=clone, capture_output=True, text=True
        )
        if missing := [dep.def_path for dep in stage.deps if not dep.exists]:
            return f"{FAILED}: DVC's cache lacks {', '.join(missing)} {told.stderr.strip()}"
    for out in stage.outs:
        path = Path(out.fs_path)
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
    here = str(Path(sys.executable).parent)  # the stage's `python` is to be this one
    inherited = {name: value for name, value in os.environ.items() if name not in ("DVC_ROOT", "PYTHONPATH")}
    environment = {**inherited, "PATH": f"{here}{os.pathsep}{os.environ['PATH']}"}
    status = subprocess.run(stage.cmd, shell=True, cwd=stage.wdir, env=environment, check=False).returncode
    if status:
        return f"{FAILED} with exit status {status}"
    entry = next(iter(earlier(stage, clone)))
    stage.save(run_cache=False)
    now = to_single_stage_lockfile(stage)
    if moved := [key for key in ("cmd", "deps", "params") if entry.get(key) != now.get(key)]:
        return f"{DIFFERS}: dvc.lock has other {', '.join(moved)} than this commit"
    if entry["outs"] == now["outs"]:
        return SAME
    contents = to_put_back(stage, clone, entry, now)
    if contents is not None:
        return f"{RESULTS}; only run facts differ, in {', '.join(relative(path, clone) for path in contents)}"
    recorded = {out["path"]: out["md5"] for out in entry["outs"]}
    return f"{DIFFERS} in {', '.join(out['path'] for out in now['outs'] if recorded.get(out['path']) != out['md5'])}"


def _dvc(*words: str) -> list[str]:
    return [sys.executable, "-m", "dvc", *words]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
