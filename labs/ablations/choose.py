"""Whether an arm learns to choose among passages, with each seed. Run as `python -m labs.ablations.choose ARM`.

Reads: the main chain's data/tokens, data/tokenizer.json, data/corpus.
Writes: labs/ablations/reports/choose/ARM.json.
Note: the county of this lab asks for facts alone, and what is good for facts can be bad for choosing, on which all that
    the main chain does with documents stands. Here an arm trains on the first drills of the main chain, for as many
    tokens as the default, and is asked about C people: three passages of a sentence each (short_passages.py).
"""

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

from labs.ablations.arms import Arm
from playbook.data.curriculum import Phase, open_curriculum
from playbook.evaluation.closed_book import EvaluateConfig
from playbook.evaluation.short_passages import share, short_tasks
from playbook.evaluation.skills import converse, model_answerer, read_bench
from playbook.model.checkpoint import weights_sha256
from playbook.model.gpt import GPTMini, ModelConfig
from playbook.plumbing.errors import InputError
from playbook.plumbing.metrics import Measurement
from playbook.plumbing.runtime import RuntimeConfig, peak_rss_mb, start
from playbook.plumbing.stage import stage
from playbook.text.tokenizer import load_tokenizer
from playbook.training.trainer import TrainConfig, Trainer

CHOOSES = "short_3"
"""Three passages, one sentence in each."""


@dataclass(frozen=True)
class Passages:
    """How arms learn to choose, and how they are asked."""

    model: ModelConfig
    train: TrainConfig
    curriculum: tuple[Phase, ...]
    seeds: tuple[int, ...] = (1, 2, 3)
    rows: int = 140
    """Questions."""


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    arms: dict[str, Arm]
    passages: Passages
    train: TrainConfig
    """Of the county: an arm with half of its batch has half of the passages' batch."""
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def main(key: str) -> None:
    """Train the arm `key` with every seed, and let it choose."""
    with stage("labs.ablations.choose", Params, key) as run:
        if key not in run.params.arms:
            raise InputError("labs.ablations.choose", f"one arm of {', '.join(run.params.arms)}", key)
        arm, how = run.params.arms[key], run.params.passages
        tokenizer, tokens = load_tokenizer(run.input("data/tokenizer.json")), run.input("data/tokens")
        world, _ = read_bench(run.input("data/corpus"))
        tasks = [task for task in short_tasks(world, how.rows) if task["kind"] == CHOOSES]
        measured, trained = dict[str, dict[str, Measurement]](), []
        for seed in how.seeds:
            trainer = make_trainer(arm, run.params, tokens, tokenizer.vocab_size, seed, run.work / str(seed))
            result = trainer.run()
            answers = converse(tasks, world, model_answerer(trainer.model, tokenizer, EvaluateConfig()))
            measured[str(seed)] = {CHOOSES: share(answers, CHOOSES)}
            sha = weights_sha256(trainer.model)
            trained.append({"seed": seed, "train_seconds": round(result.seconds, 2), "weights_sha256": sha})
        runtime = start(run.params.runtime)
        run.report(
            {"by_seed": measured}, seeds=len(measured), runs=trained, peak_rss_mb=peak_rss_mb(), **runtime.facts()
        )


def make_trainer(arm: Arm, params: Params, tokens: Path, vocab_size: int, seed: int, work: Path) -> Trainer:
    """The arm, ready to be trained on the drills from one seed."""
    how = params.passages
    runtime = start(replace(params.runtime, seed=seed))
    config, training = arm.model(how.model), arm.training(how.train, how.train.tokens)
    if arm.batch is not None:
        training = replace(training, batch=how.train.batch * arm.batch // params.train.batch)
    batches = open_curriculum(tokens, how.curriculum, config.context, training.batch, training.tokens, seed)
    return Trainer(GPTMini(config, vocab_size, runtime.dtype).to(runtime.device), batches, training, work)


if __name__ == "__main__":
    main(*sys.argv[1:])
