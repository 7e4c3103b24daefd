"""Train the base model from scratch, and measure what it knows by heart.

Reads: data/tokens, data/tokenizer.json, data/corpus/questions.jsonl (empty where the data is plain text).
Writes: models/base (samples.jsonl there: what it wrote on the way), reports/curves/pretrain.csv,
    reports/metrics/pretrain.json.
Note: a run that was killed goes on from its side checkpoint, to the same bits.
"""

from dataclasses import dataclass, field
from pathlib import Path

from playbook.evaluation.closed_book import EvaluateConfig
from playbook.evaluation.training_run import CurriculumConfig, train_and_report
from playbook.model.gpt import GPTMini, ModelConfig
from playbook.plumbing.runtime import RuntimeConfig, start
from playbook.plumbing.stage import stage
from playbook.text.tokenizer import load_tokenizer

OUT = Path("models/base")
CURVE = "reports/curves/pretrain.csv"


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    pretrain: CurriculumConfig
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)


def main() -> None:
    """Load, train, save, measure."""
    with stage("stages.pretrain", Params) as run:
        params, runtime = run.params, start(run.params.runtime)
        tokenizer = load_tokenizer(run.input("data/tokenizer.json"))
        model = GPTMini(params.model, tokenizer.vocab_size, runtime.dtype).to(runtime.device)
        train_and_report(run, model, tokenizer, params.pretrain, params.evaluate, runtime, OUT, CURVE)


if __name__ == "__main__":
    main()
