"""One experiment: every arm once for each seed, everything that was measured kept as records.

A row names its arm, and its step where an arm is measured several times on the way. Seeds draw the order of batches,
the samples, and what else an experiment leaves to chance; prompts and people are the same for all, so that arms and
seeds can be compared row by row. A run that was killed goes on behind the last seed that it finished.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from labs.failure_modes.county import County, read_county
from playbook.evaluation.posttraining_run import open_model
from playbook.model.gpt import GPTMini
from playbook.plumbing.files import read_jsonl, write_jsonl
from playbook.plumbing.runlog import say
from playbook.plumbing.runtime import RuntimeConfig, peak_rss_mb, start
from playbook.plumbing.stage import stage
from playbook.text.tokenizer import Tokenizer

DATA = Path("labs/failure_modes/data")
Row = dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """How often each arm is run."""

    seeds: tuple[int, ...] = (1, 2, 3)


class LabParams(Protocol):
    """What the parameters of every experiment hold beside its own section."""

    @property
    def bench(self) -> Bench: ...
    @property
    def runtime(self) -> RuntimeConfig: ...


@dataclass(frozen=True)
class Lab:
    """What an experiment works with."""

    model: GPTMini
    """The fine-tuned model: start and reference; never trained itself."""
    tokenizer: Tokenizer
    county: County
    work: Path
    """For side checkpoints; each training needs a folder of its own in it."""


Params = TypeVar("Params", bound=LabParams)
Play = Callable[[Lab, Params, int], Iterable[Row]]
"""(lab, parameters, seed) -> rows of all arms."""


def run_experiment(module: str, params_type: type[Params], play: Play[Params]) -> None:
    """Play every seed and write labs/failure_modes/data/NAME.jsonl; its first row holds the facts of the run."""
    with stage(module, params_type) as run:
        runtime = start(run.params.runtime)
        corpus, tuned = run.input("data/corpus"), run.input("models/sft")
        model, tokenizer = open_model(tuned, runtime)
        lab = Lab(model, tokenizer, read_county(corpus), run.work)
        rows = list[Row]()
        for seed in run.params.bench.seeds:
            done = run.work / f"{seed}.jsonl"
            if not done.exists():
                start(replace(run.params.runtime, seed=seed))
                began = time.perf_counter()
                found = [{"seed": seed, **row} for row in play(lab, run.params, seed)]
                seconds = round(time.perf_counter() - began, 1)
                write_jsonl(done, [{"seconds": seconds}, *found])
                say(f"{module} seed {seed}", {"rows": len(found), "seconds": seconds})
            rows += read_jsonl(done)
        seconds = round(sum(row["seconds"] for row in rows if "arm" not in row), 1)
        facts = {"seconds": seconds, "peak_rss_mb": round(peak_rss_mb(), 1), **runtime.facts()}
        write_jsonl(
            DATA / f"{module.rpartition('.')[2]}.jsonl", [{"run": facts}, *(row for row in rows if "arm" in row)]
        )


def of_arm(arm: str, rows: Iterable[Row], step: int | None = None) -> list[Row]:
    """The rows with their arm, and their step if there are several."""
    return [{"arm": arm, **({} if step is None else {"step": step}), **row} for row in rows]
