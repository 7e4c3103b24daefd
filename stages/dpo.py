"""Direct preference optimization of the fine-tuned model, which is its own frozen reference.

Reads: models/sft, data/corpus/preferences.jsonl (empty where the data is plain text without preferences).
Writes: models/dpo, reports/curves/dpo.csv, reports/metrics/dpo.json.
Note: the reference's log-probabilities are computed once, before training; only one model is held after that.
"""

from dataclasses import dataclass, field
from pathlib import Path

from playbook.evaluation.posttraining_run import open_model, train_dpo
from playbook.plumbing.runtime import RuntimeConfig, start
from playbook.plumbing.stage import stage
from playbook.posttraining.pairs import read_pairs
from playbook.posttraining.preference_training import DPOConfig

OUT, CURVE = Path("models/dpo"), "reports/curves/dpo.csv"


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    dpo: DPOConfig
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def main() -> None:
    """Load, train, save."""
    with stage("stages.dpo", Params) as run:
        runtime = start(run.params.runtime)
        model, tokenizer = open_model(run.input("models/sft"), runtime)
        rows = read_pairs(run.input("data/corpus/preferences.jsonl"))
        train_dpo(run, rows, model, tokenizer, run.params.dpo, runtime, OUT, CURVE)


if __name__ == "__main__":
    main()
