"""`playbook evaluate`: a checkpoint, or any OpenAI-compatible endpoint, on a task of the harness. Needs no network.

playbook evaluate --task behaviour --checkpoint models/grpo
playbook evaluate --task my_questions.jsonl --base-url http://localhost:8000/v1 --model NAME
playbook evaluate --task behaviour --records .work/evaluate/behaviour/records.jsonl    # score anew, ask nothing
"""

import argparse
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from playbook.agent.endpoint import EndpointBackend, EndpointConfig
from playbook.commands.assistant import checkpoint
from playbook.data.world.config import WorldConfig
from playbook.data.world.facts import World, build_world
from playbook.evaluation.closed_book import EvaluateConfig
from playbook.evaluation.endpoint_solver import endpoint_solver
from playbook.evaluation.harness import Record, Sample, Solver, Task, checkpoint_solver, read_world, rescored, solve
from playbook.evaluation.tasks import TASKS, file_task
from playbook.model.checkpoint import load_model
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import read_jsonl, write_jsonl
from playbook.plumbing.metrics import walk_measurements, write_metrics
from playbook.plumbing.paths import ROOT, work_root
from playbook.reporting.tables import format_measurement, markdown_table
from playbook.text.tokenizer import load_tokenizer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Task, model, and where the records go."""
    parser.add_argument(
        "--task", required=True, help=f"{', '.join(TASKS)}, or a file of JSON lines (id, prompt, answer)"
    )
    parser.add_argument("--checkpoint", metavar="FOLDER", help="a model trained here (default: the best of models/)")
    parser.add_argument("--base-url", metavar="URL", help="of an OpenAI-compatible endpoint, in place of a checkpoint")
    parser.add_argument("--model", default=EndpointConfig.model, help="its name there")
    parser.add_argument("--records", type=Path, metavar="FILE", help="score these answers anew, and ask nobody")
    parser.add_argument("--corpus", type=Path, default=ROOT / "data/corpus", metavar="FOLDER", help="whose world it is")
    parser.add_argument("--limit", type=int, metavar="N", help="the first N samples only")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="default: .work/evaluate/TASK")


def run(options: argparse.Namespace) -> int:
    """Ask, score, write records.jsonl and metrics.json, print the table."""
    began, config = time.perf_counter(), EvaluateConfig()
    task, world = find(options.task, options.corpus)
    samples = list(islice(task.samples(world), options.limit))
    if not samples:
        raise InputError(options.task, "a task with samples", "none")
    records = answered(task, samples, options, config)
    out = options.out or work_root() / "evaluate" / task.name
    metrics = task.metrics(records, config.seed)
    write_jsonl(out / "records.jsonl", records)
    write_metrics(out / "metrics.json", metrics, {"seconds": round(time.perf_counter() - began, 3), "task": task.name})
    print(table(metrics))
    print(f"\n{len(records)} records in {out / 'records.jsonl'}")
    return 0


def find(name: str, corpus: Path) -> tuple[Task, World]:
    """The task of that name, or of that file; the world that its samples are about (a file's are about nobody's)."""
    if name in TASKS:
        return TASKS[name], read_world(corpus)
    if not Path(name).is_file():
        raise InputError("--task", f"one of {', '.join(TASKS)}, or a file of JSON lines", name)
    return file_task(Path(name)), build_world(WorldConfig())


def answered(
    task: Task, samples: Sequence[Sample], options: argparse.Namespace, config: EvaluateConfig
) -> list[Record]:
    """Records: of old answers, or of whoever is asked."""
    if options.records:
        return rescored(task, samples, read_jsonl(options.records))
    return solve(task, samples, solver(options, config))


def solver(options: argparse.Namespace, config: EvaluateConfig) -> Solver:
    """Whoever answers."""
    if options.base_url:
        if options.checkpoint:
            raise InputError("--base-url", "either a checkpoint or an endpoint", "both")
        endpoint = EndpointConfig(options.base_url, options.model)
        return endpoint_solver(EndpointBackend(endpoint), config.max_new_tokens)
    folder = checkpoint(options.checkpoint)
    return checkpoint_solver(load_model(folder), load_tokenizer(folder / "tokenizer.json"), config)


def table(metrics: dict[str, Any]) -> str:
    """Every measurement with its interval and n."""
    rows = [[name, format_measurement(found), found.n] for name, found in walk_measurements(_as_json(metrics))]
    return markdown_table(rows, ["measure", "value [95%]", "n"])


def _as_json(metrics: dict[str, Any]) -> dict[str, Any]:
    return {name: _as_json(found) if isinstance(found, dict) else found.to_json() for name, found in metrics.items()}
