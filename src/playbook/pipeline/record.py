"""What Snakemake has run, recorded in dvc.lock as `dvc commit` does, when the whole of it has ended well.

A rerun that gave the same results is no new result. Where a stage with the same command, inputs and parameters is on
record (in dvc.lock, in git's HEAD, in DVC's run-cache) and differs in run facts alone, such as seconds, the recorded
files are put back, as DVC itself does when it finds a stage in its run-cache. Only here the stage has run again and
confirmed them.
"""

import contextlib
import subprocess
from collections.abc import Collection
from pathlib import Path
from typing import Any

from dvc.repo import Repo
from dvc.stage.serialize import to_single_stage_lockfile

from playbook.pipeline.dag import in_order, overlap, relative
from playbook.pipeline.recorded import earlier, place_on_record, to_put_back
from playbook.pipeline.rules import Rule, rule_name, rules
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import atomic_write
from playbook.plumbing.runlog import say


def record(root: Path, ran: Collection[Rule]) -> list[str]:
    """Commit the stages of the rules that ran to DVC; returns the addresses of those that gave a new result.

    `ran` are the rules as they were when they ran: parameters or code that have moved since raise `InputError`.
    """
    then = {rule.name: rule.params for rule in ran}
    if moved := [rule.name for rule in rules(root) if rule.name in then and rule.params != then[rule.name]]:
        expected = "parameters and code that hold still during a run"
        raise InputError(", ".join(moved), expected, "they changed", "make snake")
    new: list[str] = []
    put_back: set[str] = set()
    with contextlib.chdir(root), Repo(str(root)) as repo:
        ran_now = [stage for stage in in_order(repo) if rule_name(stage.addressing) in then]
        stages = ran_now + [stage for stage in in_order(repo) if stage not in ran_now and lost(stage, root)]
        for stage in ran_now:
            put_back |= set(confirm(stage, root, put_back))
            if not _is_on_record(stage, root):
                new.append(stage.addressing)
        for stage in sorted(stages, key=lambda stage: place_on_record(stage, root)):
            repo.commit(stage.addressing, force=True)
    say("recorded in dvc.lock", {"stages": len(then), "with a new result": ", ".join(new) or "none"})
    return new


def confirm(stage: Any, root: Path, put_back: Collection[str] = ()) -> list[str]:
    """Put back what is on record, if it differs from the outputs in run facts alone; returns the paths put back.

    A stage that read a file of `put_back` saw the run facts of the rerun: it runs once more, with those of the record.
    """
    for attempt in range(2):
        stage.save(run_cache=False)
        now = to_single_stage_lockfile(stage)
        for entry in earlier(stage, root):
            if all(entry.get(key) == now.get(key) for key in ("cmd", "deps", "params")):
                contents = to_put_back(stage, root, entry, now)
                if contents is not None:
                    for path, content in contents.items():
                        with atomic_write(path, "wb") as handle:
                            handle.write(content)
                    return [relative(path, root) for path in contents]
        deps = [relative(dep.fs_path, root) for dep in stage.deps]
        if attempt == 0 and any(overlap(path, dep) for path in put_back for dep in deps):
            subprocess.run(stage.cmd, shell=True, cwd=stage.wdir, check=True)
        else:
            break
    return []


def lost(stage: Any, root: Path) -> bool:
    """Whether dvc.lock has lost the entry of a stage that HEAD has, and whose files are all as HEAD has them."""
    if any(out.hash_info for out in stage.outs) or not all(item.exists for item in (*stage.deps, *stage.outs)):
        return False
    stage.save(run_cache=False)
    return any(dict(entry) == dict(to_single_stage_lockfile(stage)) for entry in earlier(stage, root))


def _is_on_record(stage: Any, root: Path) -> bool:
    stage.save(run_cache=False)
    now = to_single_stage_lockfile(stage)
    return any(entry.get("outs") == now.get("outs") for entry in earlier(stage, root))
