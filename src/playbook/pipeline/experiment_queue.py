"""Runs queued experiments to the end, though workers die: DVC's own queue waits for ever for a worker that was killed.

The workers are our children, so a dead one is seen at once and replaced. An experiment that vanished with its worker
is queued again: finished stages come from the run-cache, and a training that was cut short goes on from its side
checkpoint.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from dvc.repo import Repo

from playbook.pipeline.revisions import revisions
from playbook.pipeline.rules import SHARING
from playbook.pipeline.sweeps import Experiment
from playbook.plumbing.runlog import say

ATTEMPTS = 3
"""How often an experiment is queued in all before it is given up."""


@runtime_checkable
class Worker(Protocol):
    """A process that takes experiments from the queue, as `subprocess.Popen` is one."""

    def poll(self) -> int | None: ...
    def terminate(self) -> None: ...


@runtime_checkable
class Queue(Protocol):
    """What the runner needs of DVC."""

    def add(self, experiment: Experiment) -> None: ...
    def finished(self) -> set[str]: ...
    def states(self) -> dict[str, str]: ...
    def drop(self, name: str) -> None: ...
    def worker(self, number: int) -> Worker: ...


@dataclass
class Outcome:
    """What became of the experiments, by name."""

    done: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    workers: int = 0
    """How many were started in all."""


def run_all(
    queue: Queue, experiments: Collection[Experiment], jobs: int, wait: Callable[[float], None] = time.sleep
) -> Outcome:
    """Queue what is not finished yet, and see it through with `jobs` workers."""
    by_name = {one.name: one for one in experiments}
    attempts = {name: 0 for name in by_name if name not in queue.finished()}
    workers: dict[int, Worker] = {}
    outcome = Outcome()
    for name in attempts:
        attempts[name] += 1
        queue.add(by_name[name])
    try:
        while True:
            states = queue.states()
            finished = queue.finished() | {name for name, state in states.items() if state == "Success"}
            failed = {name for name in attempts if states.get(name) == "Failed" and name not in finished}
            open_ones = [name for name in attempts if name not in finished | failed]
            if not open_ones:
                break
            for number in [number for number, worker in workers.items() if worker.poll() is not None]:
                del workers[number]
            queued = sum(states.get(name) == "Queued" for name in open_ones)
            if not queued and not workers:  # nobody works: what counts as running has gone with its worker
                for name in open_ones:
                    queue.drop(name)
                    if attempts[name] >= ATTEMPTS:
                        outcome.failed.append(name)
                        attempts.pop(name)
                    else:
                        attempts[name] += 1
                        say(f"{name}: its worker died; queued again")
                        queue.add(by_name[name])
            for _ in range(min(jobs - len(workers), queued)):
                outcome.workers += 1
                workers[outcome.workers] = queue.worker(outcome.workers)
            wait(2.0)
    finally:
        for worker in workers.values():
            worker.terminate()
    outcome.failed += sorted(failed)
    outcome.done = [name for name in by_name if name in finished]
    return outcome


class DvcQueue:
    """The queue of `dvc exp run --queue`."""

    def __init__(self, root: Path, shared: bool = False) -> None:
        """`shared`: several workers share the cores."""
        self.root, self.shared = root, shared

    def add(self, experiment: Experiment) -> None:
        """Queue it with its settings, as far as it shall go."""
        settings = [word for setting in experiment.settings for word in ("-S", setting)]
        self._dvc("exp", "run", "--quiet", "--queue", "--name", experiment.name, *settings, *experiment.stages)

    def finished(self) -> set[str]:
        """Experiments that have become commits."""
        return {revision.name for revision in revisions(self.root, self.root) if revision.commit}

    def states(self) -> dict[str, str]:
        """Queued, Running, Failed or Success, by name; the latest counts."""
        with Repo(str(self.root)) as repo:
            told = sorted(repo.experiments.celery_queue.status(), key=lambda row: row["timestamp"])
        return {row["name"]: row["status"] for row in told if row["name"]}

    def drop(self, name: str) -> None:
        """Make DVC forget an experiment that only looks as if it ran."""
        self._dvc("queue", "kill", "--force", name, check=False)
        self._dvc("queue", "remove", name, check=False)

    def worker(self, number: int) -> "subprocess.Popen[bytes]":
        """A worker of DVC's as a child of ours; it ends by itself when the queue has been empty for a while."""
        command = [sys.executable, "-m", "dvc", "exp", "queue-worker", f"playbook-{number}@localhost", "--quiet"]
        silent, env = subprocess.DEVNULL, {**os.environ, **(SHARING if self.shared else {})}
        return subprocess.Popen(command, cwd=self.root, env=env, stdout=silent, stderr=silent)

    def _dvc(self, *words: str, check: bool = True) -> None:
        told = subprocess.run([sys.executable, "-m", "dvc", *words], cwd=self.root, capture_output=True, check=False)
        if check and told.returncode:
            sys.stderr.buffer.write(told.stderr)
            told.check_returncode()
