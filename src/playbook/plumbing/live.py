"""A long run told live to MLflow, if `MLFLOW_TRACKING_URI` is set when it starts; otherwise MLflow is not imported.

Points go out in batches, every few seconds. A server that fails is told of once and then left alone: what counts
are the files that the run writes, and no training is to die of a page that nobody may be looking at.
"""

import os
import time
from collections.abc import Mapping
from typing import Any

import filelock
from tqdm import tqdm

from playbook.plumbing.paths import work_root

EXPERIMENT = "live"
EVERY = 5.0
"""Seconds between two batches."""


def store_lock() -> filelock.FileLock:
    """Held while MLflow's database is made or changed: two processes that make a fresh one at once crash each other."""
    work_root().mkdir(parents=True, exist_ok=True)
    return filelock.FileLock(work_root() / "mlflow.lock")


class Live:
    """One run of MLflow, filled while a stage runs."""

    def __init__(self, name: str, uri: str) -> None:
        import mlflow  # noqa: PLC0415 - two seconds that only those pay who asked for it
        from mlflow.entities import Metric  # noqa: PLC0415

        self.metric = Metric
        with store_lock():
            self.client = mlflow.MlflowClient(uri)
            known = self.client.get_experiment_by_name(EXPERIMENT)
            where = known.experiment_id if known else self.client.create_experiment(EXPERIMENT)
        tags = {"playbook.kind": "live", "playbook.name": name}
        self.run_id = self.client.create_run(where, run_name=name, tags=tags).info.run_id
        self.waiting: list[Any] = []
        self.sent = time.monotonic()

    def add(self, row: Mapping[str, Any]) -> None:
        """A row of a training curve; `step` counts steps."""
        now = int(time.time() * 1000)
        for key, value in row.items():
            if key != "step" and isinstance(value, int | float):
                self.waiting.append(self.metric(key, float(value), now, int(row.get("step", 0))))
        if time.monotonic() - self.sent > EVERY or len(self.waiting) > 900:
            self.flush()

    def flush(self) -> None:
        """Send what is waiting."""
        for start in range(0, len(self.waiting), 1000):
            self.client.log_batch(self.run_id, metrics=self.waiting[start : start + 1000])
        self.waiting, self.sent = [], time.monotonic()

    def end(self, status: str) -> None:
        """Send the rest and close the run: FINISHED or FAILED."""
        self.flush()
        self.client.set_terminated(self.run_id, status)


_live: Live | None = None


def begin(name: str) -> None:
    """Open a run if `MLFLOW_TRACKING_URI` is set."""
    global _live
    if uri := os.environ.get("MLFLOW_TRACKING_URI"):
        _live = _guarded(lambda: Live(name, uri))


def tell_live(row: Mapping[str, Any]) -> None:
    """Pass on a row of a curve, if anybody listens."""
    if _live is not None:
        listener = _live
        _guarded(lambda: listener.add(row))


def finish(status: str) -> None:
    """Close the run, if one is open."""
    global _live
    if _live is not None:
        listener = _live
        _guarded(lambda: listener.end(status))
    _live = None


def _guarded(call: Any) -> Any:
    global _live
    try:
        return call()
    except Exception as error:  # whatever a client of a distant server may raise
        _live = None
        tqdm.write(f"live: MLflow does not answer, going on without it: {error}")
        return None
