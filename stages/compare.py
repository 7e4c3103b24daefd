"""What each stage of training changed: differences between consecutive checkpoints on the same prompts, paired.

Reads: data/records/evaluate (the answers of every checkpoint).
Writes: reports/metrics/compare.json.
Note: made from records alone; no model is loaded. On plain text there are no questions, so nothing to compare.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from playbook.evaluation.alignment import differences
from playbook.evaluation.closed_book import EvaluateConfig
from playbook.plumbing.files import read_jsonl
from playbook.plumbing.stage import stage

CHECKPOINTS = ("base", "sft", "dpo", "grpo")


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)


def main() -> None:
    """Compare the neighbours, and the last with the first."""
    with stage("stages.compare", Params) as run:
        folder = run.input("data/records/evaluate")
        records = {name: list(read_jsonl(Path(folder) / f"{name}.jsonl")) for name in CHECKPOINTS}
        asked = all(rows and "gold_reward" in rows[0] for rows in records.values())
        couples = [*pairwise(CHECKPOINTS), (CHECKPOINTS[0], CHECKPOINTS[-1])] if asked else []
        seed = run.params.evaluate.seed
        run.report({f"{new}_minus_{old}": differences(records[old], records[new], seed) for old, new in couples})


if __name__ == "__main__":
    main()
