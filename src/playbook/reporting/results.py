"""What a report is made from: metrics files, training curves, records. What has not been made is simply absent."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from playbook.plumbing.config import read_yaml
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import read_json, read_jsonl
from playbook.plumbing.metrics import Measurement, is_measurement, read_metrics

NOTHING_TO_ASK = "This data is plain text without a table of facts, so there is nothing to ask."
AGENTS = ("base", "sft", "dpo", "grpo")
"""Checkpoints that are measured as agents, in the order of training."""
METRICS = (
    "audit", "tokenizer", "pretrain", "sft", "reward", "dpo", "grpo",
    "evaluate/base", "evaluate/sft", "evaluate/dpo", "evaluate/grpo", "compare", "recipe",
    *(f"agent_eval/{name}" for name in AGENTS),
)  # fmt: skip
"""The files below reports/metrics/ that the report reads, without `.json`."""
CURVES = {"pretrain": Path("reports/curves/pretrain.csv"), "sft": Path("reports/curves/sft.csv")}
"""By stage."""
ALIGNMENT_CURVES = {
    "reward": Path("reports/curves/reward.csv"),
    "dpo": Path("reports/curves/dpo.csv"),
    "grpo": Path("reports/curves/grpo.csv"),
}
"""By stage; with TRL's columns beside some of ours."""
RECORDS = {
    "base": Path("data/records/evaluate/base.jsonl"),
    "sft": Path("data/records/evaluate/sft.jsonl"),
    "dpo": Path("data/records/evaluate/dpo.jsonl"),
    "grpo": Path("data/records/evaluate/grpo.jsonl"),
}
"""By checkpoint."""
SAMPLES = {"base": Path("models/base/samples.jsonl"), "sft": Path("models/sft/samples.jsonl")}
AGENT_RECORDS = {name: Path(f"data/records/agent_eval/{name}.jsonl") for name in AGENTS}
TRAJECTORIES = {AGENTS[-1]: Path(f"data/records/trajectories/{AGENTS[-1]}.jsonl")}
"""Only the last checkpoint's are shown."""
PAIRS = Path("data/records/reward.jsonl")
ATTENTION = Path("data/records/attention.json")
PIPELINE = Path("dvc.yaml")
SHARED = ("num_tokens", "seconds", "loss", "learning_rate", "grad_norm")
COLUMNS = ("num_tokens", "seconds", "loss", "val_loss", "learning_rate", "grad_norm")


@dataclass(frozen=True)
class Results:
    """Everything that was measured, as read back from the files."""

    metrics: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By name as in `METRICS`."""
    curves: dict[str, pd.DataFrame] = field(default_factory=dict)
    """By stage, as in `CURVES` and `ALIGNMENT_CURVES`."""
    records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """By checkpoint, as in `RECORDS`."""
    samples: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """By checkpoint: what the model wrote at each validation of its training."""
    attention: dict[str, Any] = field(default_factory=dict)
    """The task that the picture of attention shows: `pieces` and `panels`, see `evaluation/attention_probe.py`."""
    stages: dict[str, Any] = field(default_factory=dict)
    """The `stages` of dvc.yaml."""
    agent_records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    trajectories: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    pairs: list[dict[str, Any]] = field(default_factory=list)
    """Held-out pairs with both rewards of the reward model."""

    def measurement(self, file: str, name: str) -> Measurement | None:
        """The measurement of a dotted name, or None: `measurement("pretrain", "closed_book.A")`."""
        node: Any = self.metrics.get(file, {})
        for key in name.split("."):
            node = node.get(key, {}) if isinstance(node, dict) else {}
        return Measurement.from_json(node, f"{file}: {name}") if is_measurement(node) else None

    def group(self, file: str, name: str) -> dict[str, Measurement]:
        """The measurements right under a dotted name, by their last part."""
        node: Any = self.metrics.get(file, {})
        for key in name.split("."):
            node = node.get(key, {}) if isinstance(node, dict) else {}
        return {
            key: Measurement.from_json(child, f"{file}: {name}.{key}")
            for key, child in (node.items() if isinstance(node, dict) and not is_measurement(node) else ())
            if is_measurement(child)
        }

    def fact(self, file: str, name: str) -> Any:
        """A run fact, or None: `fact("pretrain", "seconds")`."""
        return self.metrics.get(file, {}).get("run", {}).get(name)


def sources() -> list[Path]:
    """The files that `read_results` reads, those that are there."""
    wanted = [Path(f"reports/metrics/{name}.json") for name in METRICS]
    wanted += [*CURVES.values(), *ALIGNMENT_CURVES.values(), *RECORDS.values(), *SAMPLES.values()]
    wanted += [*AGENT_RECORDS.values(), *TRAJECTORIES.values(), PAIRS, ATTENTION, PIPELINE]
    return [path for path in wanted if path.exists()]


def read_results() -> Results:
    """Read them all; a broken one raises `InputError`, an absent one is left out."""
    there = set(sources())
    return Results(
        {name: read_metrics(path) for name in METRICS if (path := Path(f"reports/metrics/{name}.json")) in there},
        {name: read_curve(path) for name, path in CURVES.items() if path in there}
        | {name: read_curve(path, SHARED) for name, path in ALIGNMENT_CURVES.items() if path in there},
        {name: list(read_jsonl(path)) for name, path in RECORDS.items() if path in there},
        {name: list(read_jsonl(path)) for name, path in SAMPLES.items() if path in there},
        read_json(ATTENTION) if ATTENTION in there else {},
        read_yaml(PIPELINE).get("stages", {}) if PIPELINE in there else {},
        {name: list(read_jsonl(path)) for name, path in AGENT_RECORDS.items() if path in there},
        {name: list(read_jsonl(path)) for name, path in TRAJECTORIES.items() if path in there},
        list(read_jsonl(PAIRS)) if PAIRS in there else [],
    )


def read_curve(path: Path, columns: tuple[str, ...] = COLUMNS) -> pd.DataFrame:
    """A training curve as numbers, empty cells NaN. A missing column or a word among numbers raises `InputError`."""
    try:
        curve = pd.read_csv(path)
        missing = [column for column in columns if column not in curve]
        if missing:
            raise InputError(path, f"the columns {', '.join(columns)}", f"no {missing[0]}", "dvc repro pretrain")
        return curve.astype(float)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(path, "a training curve as CSV", error, "dvc repro pretrain") from None
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(path, "numbers in every column", error, "dvc repro pretrain") from None
