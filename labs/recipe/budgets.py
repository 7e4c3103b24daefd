"""Five skills at one budget of fine-tuning, once for each seed. Run as `python -m labs.recipe.budgets BUDGET`.

Reads: the main chain's models/base, data/tokens, data/corpus.
Writes: labs/recipe/reports/budgets/BUDGET.json.
Note: each budget is a run of its own, with phases and schedule in proportion, not a stop on the way of a longer one.
"""

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

from labs.recipe.train import Bench
from playbook.evaluation.closed_book import EvaluateConfig
from playbook.evaluation.skills import Record, converse, model_answerer, read_bench, skill_metrics
from playbook.evaluation.training_run import SftConfig, make_trainer
from playbook.model.checkpoint import load_model
from playbook.model.gpt import GPTMini
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import read_json, read_jsonl, write_json, write_jsonl
from playbook.plumbing.runtime import Runtime, RuntimeConfig, peak_rss_mb, start
from playbook.plumbing.stage import stage
from playbook.text.tokenizer import load_tokenizer

SKILLS = ("known_facts", "read_1", "read_3", "hops_2", "hops_3", "false_answer_rate", "false_refusal_rate")


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    bench: Bench
    fine_tuning: SftConfig
    """The main chain's `sft`, to the letter (a test compares them)."""
    budgets: dict[str, float]
    """Share of the tokens of fine-tuning."""
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def main(key: str) -> None:
    """Fine-tune with the budget `key` and every seed, and measure all skills of all seeds together."""
    with stage("labs.recipe.budgets", Params, key) as run:
        if key not in run.params.budgets:
            raise InputError("labs.recipe.budgets", f"one budget of {', '.join(run.params.budgets)}", key)
        params, runtime = run.params, start(run.params.runtime)
        base, tokens = run.input("models/base"), run.input("data/tokens")
        world, tasks = read_bench(run.input("data/corpus"))
        config = replace(params.fine_tuning, tokens=round(params.budgets[key] * params.fine_tuning.tokens))
        records, seconds = list[Record](), list[float]()
        for seed in params.bench.seeds:
            done, took = run.work / f"{seed}.jsonl", run.work / f"{seed}.json"
            if not took.exists():  # else it was finished before a kill
                seeded = start(replace(params.runtime, seed=seed))
                model, spent = tune(base, tokens, config, seeded, run.work / str(seed))
                tokenizer = load_tokenizer(base / "tokenizer.json")
                write_jsonl(done, converse(tasks, world, model_answerer(model, tokenizer, EvaluateConfig())))
                write_json(took, spent)
            records += read_jsonl(done)
            seconds.append(read_json(took))
        measured = skill_metrics(records)
        run.report(
            {name: measured[name] for name in SKILLS}, seeds=len(seconds), tokens=config.tokens,
            train_seconds=sum(seconds) / len(seconds), peak_rss_mb=peak_rss_mb(), **runtime.facts(),
        )  # fmt: skip


def tune(base: Path, tokens: Path, config: SftConfig, runtime: Runtime, work: Path) -> tuple[GPTMini, float]:
    """(the model, seconds of training) of one run from the base model; one that was killed goes on."""
    model, tokenizer = load_model(base, runtime.device, runtime.dtype), load_tokenizer(base / "tokenizer.json")
    model.config = replace(model.config, context=config.context)
    return model, make_trainer(model, tokenizer, tokens, config, runtime, work).run().seconds


if __name__ == "__main__":
    main(*sys.argv[1:])
