"""Train GPTMini on tinyshakespeare with one of the budgets of params.yaml. Run as `python -m labs.real_text.train ARM`.

Reads: labs/real_text/data/tokens and tokenizer.json.
Writes: labs/real_text/reports/train/ARM.json, reports/curves/ARM.csv, samples/ARM.txt.
Note: each budget is a run of its own, whose learning rate ends at zero; the validation loss is that of the last step,
never the best of several.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path

import torch

from playbook.data.batches import WindowBatches, validation_windows
from playbook.data.token_file import TokenFile
from playbook.evaluation.language import language_metrics
from playbook.inference.generate import generate
from playbook.inference.sampling import SamplingConfig
from playbook.model.checkpoint import weights_sha256
from playbook.model.gpt import GPTMini, ModelConfig
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import atomic_write
from playbook.plumbing.runtime import RuntimeConfig, peak_rss_mb, start
from playbook.plumbing.stage import stage
from playbook.text.tokenizer import load_tokenizer
from playbook.training.throughput import matmul_rate
from playbook.training.trainer import TrainConfig, Trainer
from playbook.training.validation import Validation, validate

LAB = Path("labs/real_text")
DATA, REPORTS = LAB / "data", LAB / "reports"
VALIDATION_BATCH = 64
"""Rows scored at once."""


@dataclass(frozen=True)
class Arm:
    """One budget: a shape and a training run."""

    model: ModelConfig
    train: TrainConfig


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    arms: dict[str, Arm]
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)


def main(key: str) -> None:
    """Train the arm `key`, score the whole validation split, write a page in its style."""
    with stage("labs.real_text.train", Params, key) as run:
        if key not in run.params.arms:
            raise InputError("labs.real_text.train", f"one arm of {', '.join(run.params.arms)}", key)
        arm, runtime = run.params.arms[key], start(run.params.runtime)
        tokenizer = load_tokenizer(run.input(DATA / "tokenizer.json"))
        tokens = run.input(DATA / "tokens")
        training, held_out = (TokenFile.open(tokens / f"{part}.tokens") for part in ("train", "validation"))
        training.verify()
        model = GPTMini(arm.model, tokenizer.vocab_size, runtime.dtype).to(runtime.device)
        batches = WindowBatches(training, arm.model.context, arm.train.batch, runtime.seed)

        def held_out_loss(model: GPTMini) -> Validation:
            rows = validation_windows(held_out, arm.model.context, VALIDATION_BATCH)
            return validate(model, rows, held_out.header.text_bytes)

        result = Trainer(model, batches, arm.train, run.work, validate=held_out_loss).run()
        result.curve.write(REPORTS / "curves" / f"{key}.csv")
        generator = torch.Generator(runtime.device).manual_seed(runtime.seed)
        page = generate(model, [tokenizer.encode("\n")], run.params.sampling, (), 600, generator)[0]
        with atomic_write(LAB / "samples" / f"{key}.txt") as handle:
            handle.write(tokenizer.decode(page).strip() + "\n")
        final = held_out_loss(model)
        rate = matmul_rate(model, arm.train.batch, arm.model.context)
        run.report(
            language_metrics(final.nats, final.tokens, final.bytes, runtime.seed),
            tokens=result.tokens, train_seconds=result.seconds, tokens_per_second=result.tokens_per_second,
            mfu=result.operations / result.seconds / rate, matmul_gflops=rate / 1e9, peak_rss_mb=peak_rss_mb(),
            params=model.parameter_count(), weights_sha256=weights_sha256(model), **runtime.facts(),
        )  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
