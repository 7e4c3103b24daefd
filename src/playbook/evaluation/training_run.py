"""What pretraining and fine-tuning share: train over a curriculum, save the model, measure what it knows by heart.

A run that was killed goes on from its side checkpoint, to the same bits.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from playbook.data.batches import open_validation
from playbook.data.curriculum import Phase, open_curriculum
from playbook.data.token_file import TokenFile
from playbook.evaluation.closed_book import EvaluateConfig, answer_questions, closed_book_metrics, read_questions
from playbook.evaluation.language import language_metrics
from playbook.evaluation.samples import continue_openings
from playbook.model.checkpoint import save_model, weights_sha256
from playbook.model.gpt import GPTMini
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import read_jsonl, write_jsonl
from playbook.plumbing.runtime import Runtime, peak_rss_mb
from playbook.plumbing.stage import Stage
from playbook.text.chat import spaced
from playbook.text.tokenizer import Tokenizer
from playbook.training.throughput import matmul_rate
from playbook.training.trainer import TrainConfig, Trainer, language_modelling
from playbook.training.validation import Validation, validate

SAMPLES = "samples.jsonl"
"""Beside the model: what it wrote at each validation."""


@dataclass(frozen=True)
class CurriculumConfig(TrainConfig):
    """A training run over several token files."""

    curriculum: tuple[Phase, ...] = ()
    """None: pretraining text throughout, which is what plain text gets in any case."""
    emphasis: dict[str, float] = field(default_factory=dict)
    """Word -> weight of its token in the loss, for a word on which much depends and that is one in very many."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for word, weight in self.emphasis.items():
            if not weight > 0:
                raise InputError(f"emphasis.{word}", "a weight above 0", weight)


@dataclass(frozen=True)
class SftConfig(CurriculumConfig):
    """The `sft` section of params.yaml."""

    context: int = 256
    """Tokens of a row; RoPE reads on where pretraining ended, learned positions do not."""


def train_and_report(
    run: Stage[Any],
    model: GPTMini,
    tokenizer: Tokenizer,
    config: CurriculumConfig,
    evaluate: EvaluateConfig,
    runtime: Runtime,
    out: Path,
    curve: str,
) -> None:
    """Train `model` in place, save it in the folder `out` and its curve as CSV, and report the stage's metrics."""
    tokens, questions = run.input("data/tokens"), run.input("data/corpus/questions.jsonl")
    context = model.config.context
    held_out = TokenFile.open(tokens / "validation.tokens")
    diary = run.work / SAMPLES

    def held_out_loss(model: GPTMini) -> Validation:
        found = validate(model, open_validation(held_out, context, evaluate.batch_size), held_out.header.text_bytes)
        with open(diary, "a", encoding="utf-8") as page:
            for sample in continue_openings(model, tokenizer, held_out, 2, runtime.seed):
                page.write(json.dumps({"val_loss": found.loss, **sample}, ensure_ascii=False) + "\n")
        return found

    result = make_trainer(model, tokenizer, tokens, config, runtime, run.work, held_out_loss).run()
    save_model(model, out)
    tokenizer.save(out / "tokenizer.json")
    # a run that was killed repeats its last samples to the letter
    write_jsonl(out / SAMPLES, {(row["val_loss"], row["prompt"]): row for row in read_jsonl(diary)}.values())
    result.curve.write(curve)

    final = held_out_loss(model)
    metrics: dict[str, Any] = dict(language_metrics(final.nats, final.tokens, final.bytes, runtime.seed))
    if questions.stat().st_size:  # plain text has none
        records = answer_questions(read_questions(questions), model, tokenizer, evaluate)
        metrics |= closed_book_metrics(records, runtime.seed)
    rate = matmul_rate(model, config.batch, context)
    run.report(
        metrics, tokens=result.tokens, train_seconds=result.seconds, tokens_per_second=result.tokens_per_second,
        mfu=result.operations / result.seconds / rate, matmul_gflops=rate / 1e9, peak_rss_mb=peak_rss_mb(),
        params=model.parameter_count(), weights_sha256=weights_sha256(model), **runtime.facts(),
    )  # fmt: skip


def make_trainer(
    model: GPTMini, tokenizer: Tokenizer, tokens: Path, config: CurriculumConfig, runtime: Runtime, work: Path,
    validate: Callable[[GPTMini], Validation] | None = None,
) -> Trainer:  # fmt: skip
    """A trainer of `model` over the curriculum of `config`, on the token files of a folder."""
    context = model.config.context
    batches = open_curriculum(tokens, config.curriculum, context, config.batch, config.tokens, runtime.seed)
    objective = language_modelling(config.document_mask, word_weights(config.emphasis, tokenizer, runtime))
    return Trainer(model, batches, config, work, objective, validate)


def word_weights(emphasis: Mapping[str, float], tokenizer: Tokenizer, runtime: Runtime) -> Float[Tensor, " vocab"]:
    """1 for every token but those of the words; one that is not a token, as in a small vocabulary, has no weight."""
    weights = torch.ones(tokenizer.vocab_size, device=runtime.device)
    for word, weight in emphasis.items():
        written = [token for token in range(tokenizer.vocab_size) if tokenizer.decode([token]) == spaced(word)]
        weights[written] = weight
    return weights
