"""The final checkpoint in MLflow's model registry, once for each content: `models:/agentic-llm-playbook/VERSION`.

The final checkpoint is the last key of the matrix of `evaluate` in dvc.yaml: the end of the chain that people talk to.
"""

import tempfile
from pathlib import Path

import mlflow
from mlflow import MlflowClient

from playbook.pipeline.revisions import Revision
from playbook.plumbing.config import read_yaml
from playbook.plumbing.errors import InputError
from playbook.plumbing.paths import ROOT
from playbook.tracking import chat_model

NAME = "agentic-llm-playbook"
CONTENT = "playbook.checkpoint"


def final_checkpoint(root: Path) -> str:
    """The folder of the last checkpoint that `evaluate` looks at, such as models/sft."""
    keys = read_yaml(root / "dvc.yaml")["stages"]["evaluate"]["matrix"]["checkpoint"]
    return f"models/{keys[-1]}"


def register(client: MlflowClient, revision: Revision, run_id: str) -> str | None:
    """Register the revision's final checkpoint under its pipeline run; its version, or None where nothing was to do.

    It is taken from DVC's cache: what lies in models/ may be another one.
    """
    path = final_checkpoint(revision.root)
    outs = [out for entry in revision.pipelines().get("main", {}).values() for out in entry["outs"]]
    digest = next((out["md5"] for out in outs if out["path"] == path), None)
    if digest is None:
        return None
    for version in client.search_model_versions(f"name = '{NAME}'"):
        if client.get_model_version(NAME, version.version).tags.get(CONTENT) == digest:
            return None
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / Path(path).name
        copy.mkdir()
        for name, md5 in revision.listing(digest).items():
            content = revision.recorded(f"{path}/{name}", md5)
            if content is None:
                raise InputError(f"{path}/{name}", "a checkpoint that DVC's cache holds", "it is gone", "dvc repro")
            (copy / name).write_bytes(content)
        if not any(copy.iterdir()):
            return None
        return _log(client, copy, run_id, digest)


def _log(client: MlflowClient, checkpoint: Path, run_id: str, digest: str) -> str:
    mlflow.set_tracking_uri(client.tracking_uri)
    with mlflow.start_run(run_id=run_id):
        logged = mlflow.pyfunc.log_model(
            name="chat", python_model=str(Path(chat_model.__file__)), artifacts={"checkpoint": str(checkpoint)},
            code_paths=[str(ROOT / "src/playbook")], pip_requirements=str(ROOT / "requirements.lock"),
            registered_model_name=NAME,
        )  # fmt: skip
    version = str(logged.registered_model_version)
    client.set_model_version_tag(NAME, version, CONTENT, digest)
    return version
