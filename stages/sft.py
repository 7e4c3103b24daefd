"""Fine-tune the base model on conversations, with loss on the assistant's turns alone, and measure what it still knows.

Reads: models/base, data/tokens, data/corpus/questions.jsonl (empty where the data is plain text).
Writes: models/sft (samples.jsonl there: what it wrote on the way), reports/curves/sft.csv, reports/metrics/sft.json.
Note: conversations may be longer than the rows of pretraining; the model is saved with the context it was tuned on.
    Plain text holds no conversations: there it goes on with the text.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

from playbook.evaluation.closed_book import EvaluateConfig
from playbook.evaluation.training_run import SftConfig, train_and_report
from playbook.model.checkpoint import load_model
from playbook.plumbing.errors import InputError
from playbook.plumbing.runtime import RuntimeConfig, start
from playbook.plumbing.stage import stage
from playbook.text.tokenizer import load_tokenizer

OUT = Path("models/sft")
CURVE = "reports/curves/sft.csv"


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    sft: SftConfig
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)


def main() -> None:
    """Load, train, save, measure."""
    with stage("stages.sft", Params) as run:
        params, runtime = run.params, start(run.params.runtime)
        base = run.input("models/base")
        model, tokenizer = load_model(base, runtime.device, runtime.dtype), load_tokenizer(base / "tokenizer.json")
        if model.position_embedding is not None and params.sft.context != (learned := model.config.context):
            raise InputError("params.yaml: sft.context", f"{learned}, the learned positions", params.sft.context)
        model.config = replace(model.config, context=params.sft.context)
        train_and_report(run, model, tokenizer, params.sft, params.evaluate, runtime, OUT, CURVE)


if __name__ == "__main__":
    main()
