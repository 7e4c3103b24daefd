"""One arm, once for each seed, measured several times on the way. Run as `python -m labs.recipe.train ARM`.

Reads: the main chain's data/tokens, data/tokenizer.json, data/corpus.
Writes: labs/recipe/reports/train/ARM.json, reports/curves/ARM.csv.
Note: tasks are about C people, in held-out wordings: short passages of one sentence each, and whole pages. The figures
    on the way are those of a run whose learning rate has not fallen yet, not of a shorter run.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import pandas as pd

from labs.recipe.rungs import rung_rows, rungs_standing
from playbook.data.batches import open_validation
from playbook.data.curriculum import Phase, open_curriculum
from playbook.data.token_file import TokenFile
from playbook.evaluation.closed_book import EvaluateConfig
from playbook.evaluation.short_passages import SHORT, share, short_tasks
from playbook.evaluation.skills import Record, converse, model_answerer, read_bench
from playbook.model.gpt import GPTMini, ModelConfig
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import atomic_write, read_jsonl, write_jsonl
from playbook.plumbing.runtime import RuntimeConfig, peak_rss_mb, start
from playbook.plumbing.stage import stage
from playbook.text.tokenizer import load_tokenizer
from playbook.training.trainer import TrainConfig, Trainer
from playbook.training.validation import Validation, validate

REPORTS = Path("labs/recipe/reports")
PAGES = ("read_1", "read_3", "swapped_names")
KINDS = (*SHORT, *PAGES)
DIARY = "measured.jsonl"
"""In the work folder: what was measured on the way; a run that was killed repeats its last lines."""


@dataclass(frozen=True)
class Bench:
    """With which seeds, and on how many tasks of each kind."""

    seeds: tuple[int, ...]
    rows: int = 70


@dataclass(frozen=True)
class Arm:
    """One curriculum, and what else differs from the main chain."""

    curriculum: tuple[Phase, ...]
    rope_theta: float | None = None
    convolution: int | None = None

    def model(self, base: ModelConfig) -> ModelConfig:
        """The lab's shape with this arm's changes."""
        own = {field.name: getattr(self, field.name) for field in fields(ModelConfig) if hasattr(self, field.name)}
        return replace(base, **{name: value for name, value in own.items() if value is not None})


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    arms: dict[str, Arm]
    bench: Bench
    model: ModelConfig
    train: TrainConfig
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def main(key: str) -> None:
    """Train the arm `key` with every seed, and measure."""
    with stage("labs.recipe.train", Params, key) as run:
        if key not in run.params.arms:
            raise InputError("labs.recipe.train", f"one arm of {', '.join(run.params.arms)}", key)
        params, runtime = run.params, start(run.params.runtime)
        tokenizer, tokens = load_tokenizer(run.input("data/tokenizer.json")), run.input("data/tokens")
        world, pages = read_bench(run.input("data/corpus"))
        rows = rung_rows(world, tokenizer, params.bench.rows)
        tasks = [*short_tasks(world, params.bench.rows)]
        for kind in PAGES:
            tasks += [task for task in pages if task["kind"] == kind][: params.bench.rows]

        def ask(model: GPTMini) -> list[Record]:
            return converse(tasks, world, model_answerer(model, tokenizer, EvaluateConfig()))

        def climbed(model: GPTMini) -> dict[str, float]:
            return {f"rung_{kind}": found.value for kind, found in rungs_standing(model, rows).items()}

        of_all = (params, params.arms[key], tokens, tokenizer.vocab_size)
        last = {}
        for seed in params.bench.seeds:
            if not (done := run.work / f"{seed}.jsonl").exists():  # else it was finished before a kill
                write_jsonl(done, train(*of_all, seed, run.work, ask, climbed))
            last[seed] = list(read_jsonl(done))
        curve = {(row["seed"], row["num_tokens"]): row for row in read_jsonl(run.work / DIARY)}
        with atomic_write(REPORTS / "curves" / f"{key}.csv") as handle:
            pd.DataFrame(list(curve.values())).to_csv(handle, index=False)
        measured = {kind: share([row for rows in last.values() for row in rows], kind) for kind in KINDS}
        single = {str(seed): {kind: share(rows, kind) for kind in KINDS} for seed, rows in last.items()}
        run.report({**measured, "by_seed": single}, seeds=len(last), peak_rss_mb=peak_rss_mb(), **runtime.facts())


def train(
    params: Params,
    arm: Arm,
    tokens: Path,
    vocab_size: int,
    seed: int,
    work: Path,
    ask: Callable[[GPTMini], list[Record]],
    climbed: Callable[[GPTMini], dict[str, float]],
) -> list[Record]:
    """One run of an arm, measured at each validation (a line of the diary); returns the records of the last."""
    runtime = start(replace(params.runtime, seed=seed))
    config = arm.model(params.model)
    model = GPTMini(config, vocab_size, runtime.dtype).to(runtime.device)
    batches = open_curriculum(tokens, arm.curriculum, config.context, params.train.batch, params.train.tokens, seed)
    held_out = TokenFile.open(tokens / "validation.tokens")
    records: list[Record] = []

    def measure(model: GPTMini) -> Validation:
        records[:] = ask(model)
        row = {"seed": seed, "num_tokens": trainer.tokens, "seconds": round(trainer.seconds, 1)}
        with open(work / DIARY, "a", encoding="utf-8") as page:
            page.write(json.dumps(row | climbed(model) | {kind: share(records, kind).value for kind in KINDS}) + "\n")
        return validate(model, open_validation(held_out, config.context, 64), held_out.header.text_bytes)

    trainer = Trainer(model, batches, params.train, work / str(seed), validate=measure)
    trainer.run()
    return records


if __name__ == "__main__":
    main(*sys.argv[1:])
