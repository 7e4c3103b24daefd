"""The import into a real store of MLflow's, which takes some seconds to make: so it is made once."""

from pathlib import Path
from typing import Any

import pytest
from pipeline.small_revisions import checkout_with_experiment, read

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]  # of MLflow's own dependencies


def imported(client: Any, root: Path) -> Any:
    from playbook.tracking.importer import Importer  # noqa: PLC0415

    importer = Importer(client, root)
    for revision in read(root):
        importer.add(revision)
    return importer.count


def all_runs(client: Any) -> list[Any]:
    return list(client.search_runs([found.experiment_id for found in client.search_experiments()]))


def test_each_entry_of_a_lock_becomes_one_run_however_often_it_is_imported(tmp_path: Path) -> None:
    from mlflow import MlflowClient  # noqa: PLC0415 - two seconds, for this test alone

    from playbook.tracking.importer import KEY, REVISIONS, safe  # noqa: PLC0415
    from playbook.tracking.store import PIPELINES, TRAJECTORIES  # noqa: PLC0415

    assert safe("stage.evaluate@base") == "stage.evaluate.base"
    root = checkout_with_experiment(tmp_path / "checkout")
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    count = imported(client, root)
    assert count.added == {"pipeline": 2, "stage": 3}
    assert count.known == {"pipeline": 1, "stage": 3}
    assert imported(client, root).added == {"pipeline": 0, "stage": 0}

    (where,) = [found.experiment_id for found in client.search_experiments() if found.name == PIPELINES]
    by_title = {run.info.run_name: run for run in client.search_runs([where])}
    base, fast = by_title["workspace"], by_title["fast"]
    assert base.data.tags[REVISIONS] == "workspace, HEAD"
    assert (base.data.params["train.rate"], fast.data.params["train.rate"]) == ("0.1", "0.2")
    assert fast.data.params["train.list"] == "[1]"
    assert fast.data.metrics["train.closed_book.A"] == pytest.approx(0.8)
    assert fast.data.metrics["ci95/train.closed_book.A.low"] == pytest.approx(0.75)
    assert fast.data.metrics["run/train.seconds"] == 3.5
    curve = client.get_metric_history(fast.info.run_id, "curve/train.loss")
    assert [(point.step, point.value) for point in curve] == [(1, 2.5), (2, 1.5)]
    assert [file.path for file in client.list_artifacts(fast.info.run_id)] == ["reports"]

    shared = client.get_run(base.data.tags["stage.prepare"])  # cached: one run, part of both pipelines
    assert fast.data.tags["stage.prepare"] == shared.info.run_id
    assert shared.data.tags["playbook.pipelines"] == f"{base.info.run_id}, {fast.info.run_id}"
    assert base.data.tags["stage.train"] != fast.data.tags["stage.train"]

    (episodes,) = [found.experiment_id for found in client.search_experiments() if found.name == TRAJECTORIES]
    traces = client.search_traces([episodes])
    assert len(traces) == 2  # one a stage run that has it, however many revisions share it
    assert [span.name for span in traces[0].data.spans] == ["train t1", "turn 1", "search", "turn 2"]
    assert traces[0].data.spans[2].outputs == "a vet"
    runs = {base.data.tags["stage.train"], fast.data.tags["stage.train"]}
    assert {trace.info.trace_metadata["mlflow.sourceRun"] for trace in traces} == runs

    client.update_run(fast.info.run_id, status="RUNNING")  # an import that was cut off
    assert imported(client, root).added == {"pipeline": 1, "stage": 0}
    keys = [run.data.tags[KEY] for run in all_runs(client)]
    assert len(set(keys)) == len(keys) == 5
