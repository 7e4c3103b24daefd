"""`make track`: every revision and experiment as runs of MLflow, each stage's entry in dvc.lock once.

A stage run is known by a digest of its entry, a pipeline run by the digests of its stages, so a second import adds
nothing, and a stage that DVC took from its cache is the very run that computed it. A stage can belong to many
pipelines, and an MLflow run has one parent only: they are joined by tags, in both directions.
"""

import csv
import io
import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

from playbook.pipeline.revisions import HEAD, Revision, entry_files, entry_key, entry_metrics, entry_params
from playbook.tracking.store import LABS, PIPELINES, STAGES, TRAJECTORIES, experiment
from playbook.tracking.trajectories import log_episodes

KEY, KIND, NAME, REVISIONS = "playbook.key", "playbook.kind", "playbook.name", "playbook.revisions"
BATCH = 1000
"""Metrics a call: MLflow takes no more."""
BATCH_PARAMS = 100
LONGEST = 6000
"""Characters of a parameter's value that MLflow keeps."""
MOST_POINTS = 500
"""Of a curve; a picture shows no more."""


@dataclass
class Count:
    """What an import did."""

    added: dict[str, int] = field(default_factory=lambda: {"pipeline": 0, "stage": 0})
    known: dict[str, int] = field(default_factory=lambda: {"pipeline": 0, "stage": 0})


class Importer:
    """Imports revisions, one after the other, into one MLflow store."""

    def __init__(self, client: MlflowClient, root: Path) -> None:
        mlflow.set_tracking_uri(client.tracking_uri)  # spans have no client of their own
        self.client, self.count = client, Count()
        self.experiments = {name: experiment(client, root, name) for name in (PIPELINES, STAGES, LABS, TRAJECTORIES)}
        self.runs = dict(self._known())
        self.last: dict[str, str] = {}
        """Revision -> the run of its main pipeline."""

    def _known(self) -> Iterator[tuple[str, str]]:
        """(key, run id) of what has been imported; what an interrupted import left half way is deleted."""
        token = None
        while True:
            page = self.client.search_runs(list(self.experiments.values()), max_results=500, page_token=token)
            for run in page:
                if run.data.tags.get(KEY) and run.info.status == "FINISHED":
                    yield run.data.tags[KEY], run.info.run_id
                elif run.data.tags.get(KEY):
                    self.client.delete_run(run.info.run_id)
            token = page.token
            if not token:
                return

    def add(self, revision: Revision) -> None:
        """Import each pipeline of a revision, with the stages that are not known yet."""
        for name, entries in revision.pipelines().items():
            joined = {stage: self._stage(revision, stage, entry) for stage, entry in entries.items()}
            self._pipeline(revision, name, entries, joined)

    def _stage(self, revision: Revision, name: str, entry: Mapping[str, Any]) -> str:
        key = entry_key({"stage": name, **entry})
        if self._counted("stage", key):
            return self.runs[key]
        values, params = metric_values(revision, entry, ""), entry_params(entry)
        run_id = self._run(STAGES, f"{name} {key[:6]}", key, "stage", name, params, values)
        for path, content in entry_files(revision, entry, ".json", "reports").items():
            self._artifact(run_id, path, content)
        for content in entry_files(revision, entry, ".jsonl", "records").values():
            log_episodes(content, name, self.experiments[TRAJECTORIES], run_id)
        return self._finish(run_id, key)

    def _pipeline(self, revision: Revision, name: str, entries: Mapping[str, Any], joined: Mapping[str, str]) -> None:
        key = entry_key({"pipeline": name, "stages": joined})
        if not self._counted("pipeline", key):
            params: dict[str, Any] = {}
            values: list[Metric] = []
            for stage, entry in entries.items():
                params |= {leaf: x for leaf, x in entry_params(entry).items() if leaf != "code"}
                values += metric_values(revision, entry, f"{stage}.")
            where = PIPELINES if name == "main" else LABS
            title = revision.name
            if title == HEAD and revision.commit:
                title += f" {revision.commit[:7]}"
            title = title if name == "main" else f"{Path(name).name} {title}"
            run_id = self._run(where, title, key, "pipeline", name, params, values)
            tags = [RunTag(safe(f"stage.{stage}"), stage_run) for stage, stage_run in joined.items()]
            self.client.log_batch(run_id, tags=tags)
            self._reports(revision, run_id, "reports" if name == "main" else f"{name}/reports")
            self._finish(run_id, key)
        if name == "main":
            self.last[revision.name] = self.runs[key]
        self._join(revision, key, joined)

    def _join(self, revision: Revision, key: str, joined: Mapping[str, str]) -> None:
        """Tag the pipeline with the revisions that have it, each stage run with the pipelines that it is part of."""
        self._add_to_tag(self.runs[key], REVISIONS, revision.name)
        for stage_run in joined.values():
            self._add_to_tag(stage_run, "playbook.pipelines", self.runs[key])
            self._add_to_tag(stage_run, REVISIONS, revision.name)

    def _add_to_tag(self, run_id: str, tag: str, value: str) -> None:
        known = [text for text in self.client.get_run(run_id).data.tags.get(tag, "").split(", ") if text]
        if value not in known:
            self.client.set_tag(run_id, tag, ", ".join([*known, value]))

    def _counted(self, kind: str, key: str) -> bool:
        is_known = key in self.runs
        counts = self.count.known if is_known else self.count.added
        counts[kind] += 1
        return is_known

    def _run(
        self, where: str, title: str, key: str, kind: str, name: str, params: Mapping[str, Any], values: list[Metric]
    ) -> str:
        tags = {KEY: key, KIND: kind, NAME: name}
        run_id = str(self.client.create_run(self.experiments[where], run_name=title, tags=tags).info.run_id)
        written = [Param(safe(leaf), as_text(value)) for leaf, value in params.items()]
        for start in range(0, len(written), BATCH_PARAMS):
            self.client.log_batch(run_id, params=written[start : start + BATCH_PARAMS])
        for start in range(0, len(values), BATCH):
            self.client.log_batch(run_id, metrics=values[start : start + BATCH])
        return run_id

    def _finish(self, run_id: str, key: str) -> str:
        self.client.set_terminated(run_id)
        self.runs[key] = run_id
        return run_id

    def _artifact(self, run_id: str, path: str, content: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / Path(path).name
            file.write_bytes(content)
            self.client.log_artifact(run_id, str(file), str(Path(path).parent))

    def _reports(self, revision: Revision, run_id: str, folder: str) -> None:
        """The pages, tables, figures and metrics as this revision has them."""
        with tempfile.TemporaryDirectory() as copy:
            for name in revision.names(folder):
                content = revision.read(name)
                if content is not None:
                    (Path(copy) / name).parent.mkdir(parents=True, exist_ok=True)
                    (Path(copy) / name).write_bytes(content)
            self.client.log_artifacts(run_id, copy)


def safe(name: str) -> str:
    """A name with the characters that MLflow takes: "stage.evaluate@base" becomes "stage.evaluate.base"."""
    return re.sub(r"[^\w\-. :/]", ".", name)


def as_text(value: Any) -> str:
    """A parameter as MLflow shows it: a list as JSON, cut where MLflow would refuse it."""
    return (json.dumps(value) if isinstance(value, list | dict) else str(value))[:LONGEST]


def metric_values(revision: Revision, entry: Mapping[str, Any], prefix: str) -> list[Metric]:
    """Measurements (value under its name, ends of the interval under `ci95/`), numeric run facts, and curves."""
    measured, facts = entry_metrics(revision, entry)
    found = [_metric(f"{prefix}{name}", m.value) for name, m in measured.items()]
    for name, m in measured.items():
        found += [_metric(f"ci95/{prefix}{name}.{end}", x) for end, x in zip(("low", "high"), m.ci95, strict=True)]
    numbers = {name: x for name, x in facts.items() if isinstance(x, int | float) and not isinstance(x, bool)}
    found += [_metric(f"run/{prefix}{name}", x) for name, x in numbers.items()]
    for content in entry_files(revision, entry, ".csv", "curves").values():
        found += curve_values(content, f"curve/{prefix}")
    return found


def curve_values(content: bytes, prefix: str) -> list[Metric]:
    """The points of a curve; `step` counts steps where the curve does, else rows. Long ones are thinned evenly."""
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    found = []
    for column in (name for name in (rows[0] if rows else {}) if name != "step"):
        points = [(int(row.get("step") or i), float(row[column])) for i, row in enumerate(rows) if row[column]]
        every = -(-len(points) // MOST_POINTS)
        kept = [point for i, point in enumerate(points) if i % every == 0 or i == len(points) - 1] if points else []
        found += [_metric(f"{prefix}{column}", value, step) for step, value in kept]
    return found


def _metric(name: str, value: float, step: int = 0) -> Metric:
    return Metric(safe(name), float(value), 0, step)
