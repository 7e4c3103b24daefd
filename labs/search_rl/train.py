"""One arm, once for each seed: a start, the test, GRPO, the test again. Run as `python -m labs.search_rl.train ARM`.

Reads: models/sft, data/corpus, data/index.
Writes: labs/search_rl/data/ARM.jsonl (a row a seed, time, decoding and question), reports/train/ARM.json,
    reports/curves/ARM.csv.
Note: the fine-tuned model looks up whatever it is asked, which leaves nothing to learn. So the start, which is also the
    reference, is a fork of it that answers a share of all questions at once with a value that it makes up.
    Practice is about strangers, the test about C people in held-out wordings. A run that was killed goes on from its
    side checkpoint; seeds that were finished are not run again.
"""

import copy
import math
import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.special import stdtrit

from playbook.agent.backends import Backend, GPTMiniBackend, Reply
from playbook.agent.loop import Episode
from playbook.agent.retriever import DocumentStore
from playbook.data.world.facts import World
from playbook.data.world.turns import assistant
from playbook.evaluation.agent_arms import UNANSWERABLE, AgentConfig, Bench, run_arm
from playbook.evaluation.agent_bench import open_bench
from playbook.evaluation.agent_metrics import EXACT_KINDS
from playbook.evaluation.posttraining_run import open_model
from playbook.evaluation.practice_tasks import PracticeConfig, practice_tasks, strangers, write_store
from playbook.evaluation.search_rollouts import Practice, Sampler, SearchLoop, SearchReward
from playbook.evaluation.skills import read_bench
from playbook.evaluation.statistics import clustered_mean, clustered_proportion
from playbook.model.gpt import GPTMini
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import atomic_write, read_jsonl, write_jsonl
from playbook.plumbing.metrics import Measurement
from playbook.plumbing.runtime import Runtime, RuntimeConfig, peak_rss_mb, start
from playbook.plumbing.stage import Stage, stage
from playbook.posttraining.answer_training import FitConfig, fit
from playbook.posttraining.grpo_loop import GRPOConfig
from playbook.posttraining.pairs import Answer, encode_answer
from playbook.text.tokenizer import Tokenizer

HOME = Path("labs/search_rl")
TUNED = Path("models/sft")
ARM = "agentic_rag"
SAMPLED, GREEDY = "sampled", "greedy"
KINDS = (*EXACT_KINDS, *UNANSWERABLE)
"""Of the test; forms and instructions in documents are not what is practised."""
KEPT = ("id", "kind", "hops", "entity", "answer", "gold", "correct", "abstained", "calls", "wrong_calls", "stop")
BOOTSTRAP_SEED = 1
Record = dict[str, Any]


@dataclass(frozen=True)
class BenchConfig:
    """With which seeds, how many questions of the test, and how sampled answers to them are drawn."""

    seeds: tuple[int, ...]
    tasks: int = 240
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if len(set(self.seeds)) < 2:
            raise InputError("bench.seeds", "two different seeds at least, for a spread", self.seeds)


@dataclass(frozen=True)
class Arm:
    """What is different."""

    masked: bool = True
    shuffled: bool = False


@dataclass(frozen=True)
class Start:
    """What the fine-tuned model is made to unlearn."""

    hasty: float
    """Share of the questions that it is taught to answer at once."""
    fit: FitConfig

    def __post_init__(self) -> None:
        if not 0 <= self.hasty <= 1:
            raise InputError("start.hasty", "a share", self.hasty)


@dataclass(frozen=True)
class Params:
    """Sections of labs/search_rl/params.yaml."""

    arms: dict[str, Arm]
    bench: BenchConfig
    start: Start
    agent: AgentConfig = field(default_factory=AgentConfig)
    practice: PracticeConfig = field(default_factory=PracticeConfig)
    reward: SearchReward = field(default_factory=SearchReward)
    grpo: GRPOConfig = field(default_factory=GRPOConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def main(key: str) -> None:
    """Train the arm `key` with every seed; measure before and after."""
    with stage("labs.search_rl.train", Params, key) as run:
        params, arm = run.params, run.params.arms.get(key)
        if arm is None:
            raise InputError("labs.search_rl.train", f"one arm of {', '.join(params.arms)}", key)
        folder, corpus, index = run.input(TUNED), run.input("data/corpus"), run.input("data/index")
        county, runtime = read_bench(corpus)[0], start(params.runtime)
        records, curves = list[Record](), list[pd.DataFrame]()
        for seed in params.bench.seeds:
            done, curve = run.work / f"{seed}.jsonl", run.work / f"{seed}.csv"
            if not done.exists():  # else it was finished before a kill
                rows = one_seed(run, params, arm, seed, folder, (corpus, index), county, runtime, curve)
                write_jsonl(done, rows)
            records += list(read_jsonl(done))
            curves.append(pd.read_csv(curve).assign(seed=seed))
        write_jsonl(HOME / "data" / f"{key}.jsonl", records)
        with atomic_write(HOME / "reports/curves" / f"{key}.csv") as handle:
            pd.concat(curves).to_csv(handle, index=False)
        facts = {"seeds": len(params.bench.seeds), "peak_rss_mb": peak_rss_mb(), **runtime.facts()}
        run.report(measured(records), **facts)


def one_seed(
    run: Stage[Params], params: Params, arm: Arm, seed: int, folder: Path, test: tuple[Path, Path], county: World,
    runtime: Runtime, curve: Path,
) -> list[Record]:  # fmt: skip
    """Before, training, after: rows of the test."""
    runtime = start(replace(params.runtime, seed=seed))
    tuned, tokenizer = open_model(folder, runtime)
    world = strangers(county, params.practice, seed)
    path = run.work / f"strangers{seed}.sqlite"
    write_store(path, world, seed)
    tasks = list(practice_tasks(county, world, params.practice, seed))
    work = run.work / str(seed)
    work.mkdir(parents=True, exist_ok=True)
    with DocumentStore(path) as store:
        bench = Bench(tasks, {}, store, store, tokenizer, params.agent)
        reference = hasty(tuned, tokenizer, bench, params, work, seed)
        model = copy.deepcopy(reference)

        def examined(when: str) -> list[Record]:
            return [{"seed": seed, "when": when, **row} for row in examine(model, tokenizer, params, seed, *test)]

        def episode(task: Any) -> Episode:
            return bench.episode(ARM, task)

        before = examined("before")
        practice = Practice(episode, params.reward, arm.masked, arm.shuffled, params.agent.batch_size)
        SearchLoop(model, reference, tokenizer, tasks, practice, params.grpo, work, seed).run().write(curve)
    return [*before, *examined("after")]


def hasty(model: GPTMini, tokenizer: Tokenizer, bench: Bench, params: Params, work: Path, seed: int) -> GPTMini:
    """A fork that begins as `model` does, or at once with a value which is the answer to another such question."""
    rng, config = random.Random(f"hasty {seed}"), params.agent
    backend = GPTMiniBackend(model, tokenizer, config.max_new_tokens, config.batch_size)
    replies = backend.complete([bench.episode(ARM, task).request() for task in bench.tasks])
    values: dict[str, list[str]] = {}
    for task in bench.tasks:
        if task["kind"] in EXACT_KINDS:
            values.setdefault(task["attribute"], []).append(task["answer"])
    rows = list[Answer]()
    for task, reply in zip(bench.tasks, replies, strict=True):
        made_up = values.get(task["attribute"], [])
        if made_up and rng.random() < params.start.hasty:
            turn: dict[str, Any] = assistant(rng.choice(made_up))
        elif isinstance(reply, Reply) and not reply.fault:
            turn = reply.message
        else:
            continue
        rows.append(encode_answer(task["messages"], [turn], tokenizer, model.config.context))
    return fit(model, rows, params.start.fit, work / "start", seed)


def examine(
    model: GPTMini, tokenizer: Tokenizer, params: Params, seed: int, corpus: Path, index: Path
) -> list[Record]:  # fmt: skip
    """The test, with answers sampled as in training and once more greedy: a row each for every question."""
    config = params.agent
    bench = open_bench(corpus, index, tokenizer, replace(config, tasks=10**9), few=False)
    tasks = [task for task in bench.tasks if task["kind"] in KINDS][: params.bench.tasks]
    generator = torch.Generator(model.token_embedding.weight.device).manual_seed(seed)
    backends: dict[str, Backend] = {
        SAMPLED: Sampler(
            model, tokenizer, config.max_new_tokens, config.batch_size, generator, params.bench.temperature
        ),
        GREEDY: GPTMiniBackend(model, tokenizer, config.max_new_tokens, config.batch_size),
    }  # fmt: skip
    return [
        {"decoding": decoding, **{name: row[name] for name in KEPT}}
        for decoding, backend in backends.items()
        for row in run_arm(ARM, bench, tasks, backend)[0]
    ]


def measured(records: list[Record]) -> dict[str, Any]:
    """What is compared, by way of decoding."""
    return {way: compared([row for row in records if row["decoding"] == way]) for way in (SAMPLED, GREEDY)}


def compared(records: list[Record]) -> dict[str, Any]:
    """Right answers and calls, before and after, over the entities asked about; and the differences, over seeds."""
    found: dict[str, Any] = {}
    sides = {when: [row for row in records if row["when"] == when] for when in ("before", "after")}
    for when, rows in sides.items():
        entities = [row["entity"] for row in rows]
        found[when] = {
            "exact_match": clustered_proportion([row["correct"] for row in rows], entities),
            "calls_per_question": clustered_mean([row["calls"] for row in rows], entities, BOOTSTRAP_SEED),
            "answerable": share(rows, EXACT_KINDS),
            "unanswerable": share(rows, UNANSWERABLE),
            **{f"hops_{hops}": share([r for r in rows if r["hops"] == hops], ("lookup",)) for hops in (1, 2, 3)},
        }
    found["difference"] = {
        "exact_match": minus(sides["after"], sides["before"], "correct"),
        "calls_per_question": minus(sides["after"], sides["before"], "calls"),
    }
    return found


def share(rows: list[Record], kinds: tuple[str, ...]) -> Measurement:
    """Right answers to questions of these kinds."""
    of = [row for row in rows if row["kind"] in kinds]
    return clustered_proportion([row["correct"] for row in of], [row["entity"] for row in of])


def minus(rows: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]], column: str) -> Measurement:
    """Mean of a column less that of others with the same seeds and questions: mean over seeds, with Student's interval.

    A run's luck moves all of its answers together, so it is runs that count.

    >>> before, after = ([{"seed": 1, "right": a}, {"seed": 2, "right": b}] for a, b in ((0, 0), (0.1, 0.3)))
    >>> [round(end, 2) for end in minus(after, before, "right").ci95]
    [-1.07, 1.47]
    """
    ours, theirs = (pd.DataFrame(side).groupby("seed")[column].mean().to_dict() for side in (rows, others))
    found, n = np.array([value - theirs[seed] for seed, value in ours.items()]), len(ours)
    mean, half = float(found.mean()), float(stdtrit(n - 1, 0.975) * found.std(ddof=1) / math.sqrt(n))
    return Measurement(mean, (mean - half, mean + half), n, n)


if __name__ == "__main__":
    main(*sys.argv[1:])
