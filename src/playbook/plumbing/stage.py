"""The one context in which every stage runs: strict parameters, inputs that hold still, a metrics file.

DVC hashes dependencies *after* the command (its issue 11058): an input edited while the stage runs would be
recorded as if it had been used. So the stage itself compares its inputs, parameters and code at the end with
what they were at the start, and fails if they moved.
"""

import contextlib
import hashlib
import json
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from playbook.plumbing import live
from playbook.plumbing.config import read_params
from playbook.plumbing.errors import InputError, tell
from playbook.plumbing.files import file_sha256
from playbook.plumbing.fingerprint import fingerprint
from playbook.plumbing.metrics import Metrics, write_metrics
from playbook.plumbing.paths import ROOT, work_root

Params = TypeVar("Params")


class Stage(Generic[Params]):
    """A running stage: its parameters, its inputs, and what it will report."""

    def __init__(self, module: str, params: Params, key: str | None = None) -> None:
        self.module, self.params, self.key, self.metrics_path = module, params, key, metrics_file(module, key)
        self.facts: dict[str, Any] = {}
        """Run facts beyond the seconds: threads, tokens, weights_sha256 ... (the "run" of the metrics file)."""
        self._code = fingerprint(module, ROOT)
        self._inputs: dict[Path, str] = {}
        self._metrics: Metrics | None = None
        self._work: Path | None = None

    def input(self, path: str | Path) -> Path:
        """Declare a file or folder that this stage reads (it must also stand under `deps` in dvc.yaml)."""
        path = Path(path)
        if not path.exists():
            raise InputError(path, f"an input of the stage {self.module}", "no such file", "dvc repro")
        self._inputs[path] = file_sha256(path)
        return path

    @property
    def work(self) -> Path:
        """A private folder for side checkpoints: one for each key, code, parameters and inputs, also after a kill."""
        if self._work is None:
            state = [self.key, self._code, repr(self.params), sorted((str(p), h) for p, h in self._inputs.items())]
            name = hashlib.sha256(json.dumps(state).encode()).hexdigest()[:16]
            self._work = work_root() / self.module.replace("stages.", "") / name
            self._work.mkdir(parents=True, exist_ok=True)
        return self._work

    def report(self, metrics: Metrics, **facts: Any) -> None:
        """Give the measurements that the metrics file will hold, and run facts beside them."""
        self._metrics = metrics
        self.facts |= facts

    def check_unmoved(self) -> None:
        """Raise `InputError` if code or an input changed since the stage began."""
        moved = [str(path) for path, digest in self._inputs.items() if not path.exists() or file_sha256(path) != digest]
        if fingerprint(self.module, ROOT) != self._code:
            moved.append(f"the code of {self.module}")
        if moved:
            raise InputError(
                self.module, "inputs that hold still while the stage runs", f"changed: {', '.join(moved)}", "dvc repro"
            )


@contextlib.contextmanager
def stage(module: str, params_type: type[Params], key: str | None = None) -> Iterator[Stage[Params]]:
    """Run a stage: `with stage("stages.pretrain", Params) as run:`.

    `module` is its importable name; `key` tells the members of a matrix stage apart. The metrics file, written
    only if the block ends well and calls `run.report`, is `reports/metrics/NAME.json`, or `NAME/KEY.json`;
    for `labs.LAB.NAME` it is `labs/LAB/reports/NAME.json`.
    """
    began = time.perf_counter()
    sys.excepthook = tell
    params = read_params(params_type, params_file(module))
    run = Stage(module, params, key)
    previous = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # SIGTERM alone would skip every clean-up
    live.begin(f"{module.removeprefix('stages.')}{'' if key is None else f'@{key}'}")
    ended = "FAILED"
    try:
        yield run
        ended = "FINISHED"
    finally:
        live.finish(ended)
        signal.signal(signal.SIGTERM, previous)
    run.check_unmoved()
    if read_params(params_type, params_file(module)) != params:
        raise InputError(
            params_file(module), "parameters that hold still while the stage runs", "they changed", "dvc repro"
        )
    if run._metrics is not None:
        facts: Mapping[str, Any] = {"seconds": round(time.perf_counter() - began, 3), **run.facts}
        write_metrics(run.metrics_path, run._metrics, facts)
    if run._work is not None:
        shutil.rmtree(run._work, ignore_errors=True)  # the outputs stand; nothing is left to resume


def params_file(module: str) -> str:
    """The parameter file of a stage: params.yaml, or that of its lab."""
    folder, *rest = module.split(".")
    return f"labs/{rest[0]}/params.yaml" if folder == "labs" else "params.yaml"


def metrics_file(module: str, key: str | None) -> Path:
    """Where a stage's metrics go."""
    folder, *rest = module.split(".")
    base = Path("labs") / rest[0] / "reports" if folder == "labs" else Path("reports/metrics")
    return base / f"{rest[-1]}.json" if key is None else base / rest[-1] / f"{key}.json"
