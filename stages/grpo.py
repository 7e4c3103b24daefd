"""Group relative policy optimization of the DPO model on verifiable rewards: facts looked up in a table, and form.

Reads: models/dpo (start and reference), data/corpus/rl_prompts.jsonl (empty where the data is plain text), data/tokens
    (the county's, to be replayed).
Writes: models/grpo, reports/curves/grpo.csv, reports/metrics/grpo.json.
Note: of the prompts those are used that need no tools. A run that was killed goes on from its side checkpoint.
"""

from dataclasses import dataclass, field
from pathlib import Path

from playbook.data.curriculum import WORLD
from playbook.evaluation.posttraining_run import open_model, train_grpo
from playbook.plumbing.runtime import RuntimeConfig, start
from playbook.plumbing.stage import stage
from playbook.posttraining.grpo_loop import GRPOConfig

OUT, CURVE = Path("models/grpo"), "reports/curves/grpo.csv"


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    grpo: GRPOConfig = field(default_factory=GRPOConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def main() -> None:
    """Load, train, save."""
    with stage("stages.grpo", Params) as run:
        runtime = start(run.params.runtime)
        folder = run.input("models/dpo")
        (model, tokenizer), (reference, _) = open_model(folder, runtime), open_model(folder, runtime)
        prompts = run.input("data/corpus/rl_prompts.jsonl")
        older = run.input("data/tokens") / f"{WORLD}.tokens"
        train_grpo(run, prompts, model, reference, tokenizer, run.params.grpo, runtime, OUT, CURVE, older)


if __name__ == "__main__":
    main()
