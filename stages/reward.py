"""Train a reward model on preference pairs, and write its card on pairs about people that it was not trained on.

Reads: models/sft, data/corpus/preferences.jsonl (empty where the data is plain text without preferences).
Writes: models/reward, data/records/reward.jsonl (both rewards of every held-out pair), reports/curves/reward.csv,
    reports/metrics/reward.json.
Note: the gold reward stands beside the pairs and is looked at only for the card, after training.
"""

from dataclasses import dataclass, field
from pathlib import Path

from playbook.evaluation.posttraining_run import open_model, train_reward_model
from playbook.plumbing.runtime import RuntimeConfig, start
from playbook.plumbing.stage import stage
from playbook.posttraining.pairs import read_pairs
from playbook.posttraining.preference_training import RewardConfig

OUT, CURVE, RECORDS = Path("models/reward"), "reports/curves/reward.csv", "data/records/reward.jsonl"


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    reward: RewardConfig
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def main() -> None:
    """Load, train, judge."""
    with stage("stages.reward", Params) as run:
        runtime = start(run.params.runtime)
        model, tokenizer = open_model(run.input("models/sft"), runtime)
        rows = read_pairs(run.input("data/corpus/preferences.jsonl"))
        train_reward_model(run, rows, model, tokenizer, run.params.reward, runtime, OUT, CURVE, RECORDS)


if __name__ == "__main__":
    main()
