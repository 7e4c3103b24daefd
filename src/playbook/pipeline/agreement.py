"""Do dvc.lock, the files that git tracks, code and parameters tell the same story? Each function yields what does not.

Works in a fresh clone too: an output that only DVC's cache holds may be absent, and what is absent contradicts nothing.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from playbook.pipeline.baseline import GATED
from playbook.pipeline.comparison import Column
from playbook.pipeline.dag import overlap, relative
from playbook.pipeline.reasons import FOLLOWS, reasons
from playbook.pipeline.revisions import Revision
from playbook.plumbing.metrics import Measurement
from playbook.reporting.headline import LINES, Line, judge_change
from playbook.reporting.tables import format_measurement

ABSENT = (": deleted", ": not in cache")
"""How DVC calls a file that is in the workspace, or in the cache, no longer or not yet."""


def changed_outputs(repo: Any, root: Path) -> Iterator[str]:
    """Outputs that are not what dvc.lock says that their stage wrote: a digit changed by hand, a file left behind."""
    for stage in repo.index.stages:
        for out in stage.outs:
            path = relative(out.fs_path, root)
            if out.hash_info and (not out.use_cache or out.exists):
                yield from (
                    f"{name}: {state}, by dvc.lock of {stage.addressing}" for name, state in out.status().items()
                )
            elif not out.hash_info and out.exists and not out.use_cache:
                yield f"{path}: {stage.addressing} is to write it, and dvc.lock does not say that it ran"


def strays(repo: Any, root: Path, tracked: list[str]) -> Iterator[str]:
    """Files among the reports that no stage writes: typed by hand, or left by a stage that is gone."""
    outs = [relative(out.fs_path, root) for stage in repo.index.stages for out in stage.outs]
    for name in tracked:
        if "reports" in Path(name).parts[:3:2] and not any(overlap(name, out) for out in outs):
            yield f"{name}: no stage writes it"


def torn_lock(revision: Revision) -> tuple[list[str], list[str]]:
    """(main chain, labs): inputs that another stage is on record to have written otherwise. A lab may lag behind."""
    pipelines = revision.pipelines()
    written = {out["path"]: out["md5"] for entries in pipelines.values() for e in entries.values() for out in e["outs"]}
    main, labs = list[str](), list[str]()
    for pipeline, entries in pipelines.items():
        for name, entry in entries.items():
            for dep in entry.get("deps") or []:
                if written.get(dep["path"], dep.get("md5")) != dep.get("md5"):
                    lock = "dvc.lock" if pipeline == "main" else f"{pipeline}/dvc.lock"
                    told = f"{lock}: {name} has used another {dep['path']} than its maker has left"
                    (main if pipeline == "main" else labs).append(told)
    return main, labs


def stale(repo: Any, root: Path) -> tuple[list[str], list[str]]:
    """(main chain, labs): stages that would run again, with the first reason. Absent files are no reason."""
    main, labs = list[str](), list[str]()
    for name, told in reasons(repo, root).items():
        own = [why for why in told if not why.startswith(FOLLOWS) and not why.endswith(ABSENT)]
        if own:
            (labs if ":" in name else main).append(f"{name}: {own[0]}")
    return main, labs


def regressions(before: Column, now: Column, lines: tuple[Line, ...] = LINES) -> Iterator[str]:
    """Headline figures that fell out of the interval that they had, to the wrong side; and changes that had their whole
    interval on the promised side of 0, and have it no more."""
    for line in lines:
        if line.rule not in GATED or line.name.startswith("run."):
            continue
        old, new = _measured(before, line), _measured(now, line)
        if old is not None and new is not None and _is_worse(old, new, line):
            yield f"{line.label}: {format_measurement(old, 3)} before, now {format_measurement(new, 3)}"


def _is_worse(old: Measurement, new: Measurement, line: Line) -> bool:
    if line.rule in ("rises", "falls"):
        was, still = (judge_change(measured, line.rule == "rises")[1] == "met" for measured in (old, new))
        return was and not still
    low, high = old.ci95
    return new.value < low if line.rule == "at least" else new.value > high


def _measured(column: Column, line: Line) -> Measurement | None:
    found = (column.results.measurement(file, line.name) for file in line.files)
    return next((measured for measured in found if measured is not None), None)


def pages(texts: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[str]:
    """Pages whose generated blocks are not what the metrics files give, with the first line that differs."""
    for name, text in texts.items():
        if text != wanted[name]:
            pairs = zip(text.splitlines(), wanted[name].splitlines(), strict=False)
            line = next((i for i, (one, other) in enumerate(pairs, start=1) if one != other), len(text.splitlines()))
            yield f"{name}:{line}: not what the metrics files give (`make readme` writes it anew)"
