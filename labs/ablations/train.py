"""One arm, once for each seed, on as many tokens as its CPU-seconds allow. Run as `python -m labs.ablations.train ARM`.

Reads: labs/ablations/data, labs/ablations/reports/calibrate/ARM.json.
Writes: labs/ablations/data/records/ARM.jsonl, labs/ablations/reports/train/ARM.json.
Note: asked are A and B people in wordings that no training text has. Figures are of single seeds; what they show
    together is the report's to say.
"""

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from labs.ablations.arms import DATA, Arm, make_trainer
from playbook.data.batches import open_validation
from playbook.data.token_file import TokenFile
from playbook.evaluation.closed_book import EvaluateConfig, Record, answer_questions, read_questions
from playbook.evaluation.language import language_metrics
from playbook.evaluation.statistics import clustered_proportion
from playbook.model.checkpoint import weights_sha256
from playbook.model.gpt import ModelConfig
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import write_jsonl
from playbook.plumbing.metrics import Measurement, read_metrics
from playbook.plumbing.runtime import RuntimeConfig, peak_rss_mb, start
from playbook.plumbing.stage import Stage, stage
from playbook.text.tokenizer import load_tokenizer
from playbook.training.trainer import TrainConfig
from playbook.training.validation import validate

CALIBRATED = Path("labs/ablations/reports/calibrate")
RECORDS = Path("labs/ablations/data/records")
SPLITS = ("A", "B")


@dataclass(frozen=True)
class Bench:
    """How often each arm is trained, and how it is asked."""

    seeds: tuple[int, ...] = (1, 2, 3)
    batch_size: int = 256


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    arms: dict[str, Arm]
    model: ModelConfig
    train: TrainConfig
    bench: Bench = field(default_factory=Bench)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def main(key: str) -> None:
    """Train the arm `key` with every seed, and measure."""
    with stage("labs.ablations.train", Params, key) as run:
        if key not in run.params.arms:
            raise InputError("labs.ablations.train", f"one arm of {', '.join(run.params.arms)}", key)
        arm, seeds = run.params.arms[key], run.params.bench.seeds
        for part in (arm.vocabulary, "questions.jsonl"):
            run.input(DATA / part)
        speed = read_metrics(run.input(CALIBRATED / f"{key}.json"))["tokens_over_default"]["value"]
        tokens = round(run.params.train.tokens * speed)
        facts = start(run.params.runtime).facts()
        records, measured, trained = [], dict[str, Any](), []
        for seed in seeds:
            rows, figures, of_run = once(run, arm, tokens, seed)
            records += rows
            measured[str(seed)] = figures
            trained.append(of_run)
        write_jsonl(RECORDS / f"{key}.jsonl", records)
        run.report({"by_seed": measured}, seeds=len(seeds), runs=trained, peak_rss_mb=peak_rss_mb(), **facts)


def once(run: Stage[Params], arm: Arm, tokens: int, seed: int) -> tuple[list[Record], dict[str, Any], dict[str, Any]]:
    """Train with one seed: the records of its answers, its measurements, and its run facts."""
    params = run.params
    runtime = replace(params.runtime, seed=seed)
    trainer = make_trainer(arm, params.model, params.train, tokens, runtime, DATA, run.work / str(seed))
    result, model = trainer.run(), trainer.model
    tokenizer = load_tokenizer(DATA / arm.vocabulary / "tokenizer.json")
    file = TokenFile.open(DATA / arm.vocabulary / "validation.tokens")
    rows = open_validation(file, model.config.context, params.bench.batch_size)
    held_out = validate(model, rows, file.header.text_bytes)
    language = language_metrics(held_out.nats, held_out.tokens, held_out.bytes, seed)
    asked = EvaluateConfig(batch_size=params.bench.batch_size)
    records = answer_questions(read_questions(DATA / "questions.jsonl"), model, tokenizer, asked)
    figures = {"val_bits_per_byte": language["val_bits_per_byte"]}
    figures |= {f"closed_book_{split}": right(records, split) for split in SPLITS}
    facts = {
        "seed": seed + arm.seeds_after, "tokens": result.tokens, "train_seconds": round(result.seconds, 2),
        "params": model.parameter_count(), "weights_sha256": weights_sha256(model),
    }  # fmt: skip
    return [{"seed": seed, **row} for row in records], figures, facts


def right(records: list[Record], split: str) -> Measurement:
    """Right answers about the people of a split, clustered by person."""
    rows = [row for row in records if row["split"] == split]
    return clustered_proportion([row["correct"] for row in rows], [row["entity"] for row in rows])


if __name__ == "__main__":
    main(*sys.argv[1:])
