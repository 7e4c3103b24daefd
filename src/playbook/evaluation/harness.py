"""Any task, any model: samples go to a solver, what it says is scored, and numbers are made from the records alone.

    samples  what is asked: an id, the messages, and whatever its scorer wants to know
    solver   messages -> answers: a checkpoint, an endpoint, a script in a test; it sees nothing else of a sample
    score    (sample, answer) -> what is noted of that answer
    metrics  records -> measurements

So a solver cannot look at the gold answer, and to score anew is not to generate anew. The split into these four is
that of Inspect (inspect.aisi.org.uk); one file of types, as in OpenAI's simple-evals.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playbook.data.world.config import WorldConfig
from playbook.data.world.facts import World, build_world
from playbook.evaluation.closed_book import EvaluateConfig
from playbook.inference.generate import generate
from playbook.inference.sampling import GREEDY
from playbook.model.gpt import GPTMini
from playbook.plumbing.config import build
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import read_json
from playbook.plumbing.runlog import progress
from playbook.text.chat import decode_answer, encode_prompt
from playbook.text.special_tokens import END
from playbook.text.tokenizer import Tokenizer

Sample = Mapping[str, Any]
Record = dict[str, Any]
Messages = Sequence[Mapping[str, Any]]
Solver = Callable[[Sequence[Messages]], Sequence[str]]
"""All conversations at once, so that it may batch them; one answer each, in order."""


@dataclass(frozen=True)
class Task:
    """What is asked, how an answer is judged, and what is computed from the judgements."""

    name: str
    samples: Callable[[World], Iterable[Sample]]
    """All of them, the same each time for the same world."""
    score: Callable[[Sample, str], Record]
    """Never raises for what a model says: any text is an answer, if a bad one."""
    metrics: Callable[[Sequence[Record], int], dict[str, Any]]
    """Records and the seed of the bootstrap -> measurements by name."""


def read_world(corpus: Path) -> World:
    """The world of a corpus folder, which its `world.json` tells."""
    found = read_json(corpus / "world.json", "dvc repro prepare")
    return build_world(build(WorldConfig, found, str(corpus / "world.json")))


def solve(task: Task, samples: Sequence[Sample], solver: Solver) -> list[Record]:
    """Ask everything, score everything: one record a sample, in order. Ids that come twice raise `InputError`."""
    if len({sample["id"] for sample in samples}) < len(samples):
        raise InputError(f"task {task.name}", "samples whose ids differ", "an id that comes twice")
    answers = solver([sample["messages"] for sample in samples])
    return [record(task, sample, answer) for sample, answer in zip(samples, answers, strict=True)]


def record(task: Task, sample: Sample, answer: str) -> Record:
    """One line of records.jsonl: which sample, what was asked last, what was said, what that is worth."""
    return {
        "task": task.name, "id": sample["id"], "prompt": sample["messages"][-1]["content"], "answer": answer,
        **task.score(sample, answer),
    }  # fmt: skip


def rescored(task: Task, samples: Iterable[Sample], records: Iterable[Record]) -> list[Record]:
    """Old answers judged by today's rules; an answer to no sample raises `InputError`."""
    known = {sample["id"]: sample for sample in samples}
    rows = list(records)
    if strange := [row["id"] for row in rows if row["id"] not in known]:
        raise InputError(f"record {strange[0]}", f"records of the task {task.name}", "no such sample")
    return [record(task, known[row["id"]], row["answer"]) for row in rows]


def checkpoint_solver(model: GPTMini, tokenizer: Tokenizer, config: EvaluateConfig) -> Solver:
    """A model trained here, greedily. A prompt that leaves no room for a whole answer is answered by nothing, so that
    no answer depends on what it is batched with. Reasoning is no part of the answer."""

    def answers(conversations: Sequence[Messages]) -> list[str]:
        prompts = [encode_prompt(list(messages), tokenizer) for messages in conversations]
        room = model.config.context - config.max_new_tokens
        order = [i for i in range(len(prompts)) if len(prompts[i]) <= room]
        order.sort(key=lambda i: len(prompts[i]))  # so that little of a batch is padding
        said = [""] * len(prompts)
        for first in progress(range(0, len(order), config.batch_size), "answers"):
            chosen = order[first : first + config.batch_size]
            stop = [tokenizer.id_of(END)]
            written = generate(model, [prompts[i] for i in chosen], GREEDY, stop, config.max_new_tokens)
            for i, ids in zip(chosen, written, strict=True):
                said[i] = str(decode_answer(ids, tokenizer)["content"]).strip()
        return said

    return answers
