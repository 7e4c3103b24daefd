"""Train the base model from scratch, and measure what it knows by heart.

Reads: data/tokens, data/tokenizer.json, data/corpus/questions.jsonl (empty where the data is plain text).
Writes: models/base (samples.jsonl there: what it wrote on the way), reports/curves/pretrain.csv,
    reports/metrics/pretrain.json.
Note: a run that was killed goes on from its side checkpoint, to the same bits.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

from playbook.data.batches import open_stream, open_validation
from playbook.data.token_file import TokenFile
from playbook.evaluation.closed_book import EvaluateConfig, answer_questions, closed_book_metrics, read_questions
from playbook.evaluation.language import language_metrics
from playbook.evaluation.samples import continue_openings
from playbook.model.checkpoint import save_model, weights_sha256
from playbook.model.gpt import GPTMini, ModelConfig
from playbook.plumbing.files import read_jsonl, write_jsonl
from playbook.plumbing.runtime import RuntimeConfig, peak_rss_mb, start
from playbook.plumbing.stage import stage
from playbook.text.tokenizer import load_tokenizer
from playbook.training.throughput import matmul_rate
from playbook.training.trainer import TrainConfig, Trainer
from playbook.training.validation import Validation, validate

OUT = Path("models/base")
SAMPLES = "samples.jsonl"
"""What it wrote at each validation."""


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    pretrain: TrainConfig
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)


def main() -> None:
    """Load, train, save, measure."""
    with stage("stages.pretrain", Params) as run:
        params, runtime = run.params, start(run.params.runtime)
        tokenizer = load_tokenizer(run.input("data/tokenizer.json"))
        tokens = run.input("data/tokens")
        training, held_out = (TokenFile.open(tokens / f"{part}.tokens") for part in ("train", "validation"))
        training.verify()
        questions = run.input("data/corpus/questions.jsonl")
        model = GPTMini(params.model, tokenizer.vocab_size, runtime.dtype).to(runtime.device)
        config = params.pretrain
        batches = open_stream(training, params.model.context, config.batch, runtime.seed)

        diary = run.work / SAMPLES

        def held_out_loss(model: GPTMini) -> Validation:
            rows = open_validation(held_out, params.model.context, params.evaluate.batch_size)
            found = validate(model, rows, held_out.header.text_bytes)
            with open(diary, "a", encoding="utf-8") as page:
                for sample in continue_openings(model, tokenizer, held_out, 2, runtime.seed):
                    page.write(json.dumps({"val_loss": found.loss, **sample}, ensure_ascii=False) + "\n")
            return found

        result = Trainer(model, batches, config, run.work, validate=held_out_loss).run()
        save_model(model, OUT)
        tokenizer.save(OUT / "tokenizer.json")
        # a run that was killed repeats its last samples to the letter
        write_jsonl(OUT / SAMPLES, {(row["val_loss"], row["prompt"]): row for row in read_jsonl(diary)}.values())
        result.curve.write("reports/curves/pretrain.csv")

        final = held_out_loss(model)
        metrics = language_metrics(final.nats, final.tokens, final.bytes, runtime.seed)
        if questions.stat().st_size:  # plain text has none
            records = answer_questions(read_questions(questions), model, tokenizer, params.evaluate)
            metrics |= closed_book_metrics(records, runtime.seed)
        rate = matmul_rate(model, config.batch, params.model.context)
        achieved = result.tokens_per_second * model.flops_per_token(params.model.context)
        run.report(
            metrics, tokens=result.tokens, train_seconds=result.seconds, tokens_per_second=result.tokens_per_second,
            mfu=achieved / rate, matmul_gflops=rate / 1e9, peak_rss_mb=peak_rss_mb(), params=model.parameter_count(),
            weights_sha256=weights_sha256(model), **runtime.facts(),
        )  # fmt: skip


if __name__ == "__main__":
    main()
