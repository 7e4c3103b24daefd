"""Where MLflow keeps its runs: one SQLite file and one folder of artifacts at the root of the checkout."""

import os
from pathlib import Path

from mlflow import MlflowClient

PIPELINES, STAGES, LABS, TRAJECTORIES = "pipelines", "stages", "labs", "trajectories"
"""MLflow experiments: whole chains to compare, the stages that they are made of, studies, what agents did."""
ARTIFACTS = "mlartifacts"


def store_uri(root: Path) -> str:
    """The tracking URI: `MLFLOW_TRACKING_URI` if it is set, else the SQLite file of this checkout."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root / 'mlflow.db'}"


def experiment(client: MlflowClient, root: Path, name: str) -> str:
    """The id of an MLflow experiment, made where it is not there yet."""
    known = client.get_experiment_by_name(name)
    if known is not None:
        return str(known.experiment_id)
    local = (client.tracking_uri or "").startswith("sqlite:")
    return str(client.create_experiment(name, (root / ARTIFACTS / name).as_uri() if local else None))
