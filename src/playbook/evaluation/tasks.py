"""Every task of the harness by name: what `playbook evaluate --task` takes."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from playbook.data.world.facts import World
from playbook.data.world.gold import is_correct
from playbook.data.world.questions import question_rows
from playbook.evaluation.alignment import form_prompts, in_form, unanswerable_prompts
from playbook.evaluation.behaviour import BEHAVIOUR
from playbook.evaluation.closed_book import closed_book_metrics, verdict
from playbook.evaluation.harness import Record, Sample, Task
from playbook.evaluation.instructions import INSTRUCTION_FOLLOWING
from playbook.evaluation.statistics import clustered_mean, clustered_proportion, proportion
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import read_jsonl
from playbook.plumbing.metrics import Measurement

COPIED = ("entity", "split", "attribute", "paraphrase", "held_out")


def score_question(sample: Sample, answer: str) -> Record:
    """A closed-book question, or one with a form, as the chain's own records have it; tokens are counted as words."""
    asked = {key: sample[key] for key in COPIED}
    said = {"gold": sample["answer"], "kind": sample.get("kind", "question"), "format": sample.get("format", "plain")}
    return asked | said | verdict(sample, answer) | {"tokens": len(answer.split())}


def held_out_questions(world: World) -> Iterator[Sample]:
    """Closed-book questions in words that training has not used."""
    return (row for row in question_rows(world) if row["held_out"])


def forms_and_doubts(world: World) -> Iterator[Sample]:
    """Facts in a form, and questions without an answer."""
    yield from form_prompts(world)
    yield from unanswerable_prompts(world)


def form_metrics(records: Sequence[Record], seed: int) -> dict[str, Any]:
    """`gold_reward`; `instruction_following`, of prompts with a form, all and by form; `abstention`, of the others."""
    forms = [row for row in records if row["kind"] == "form"]
    kinds = dict.fromkeys(row["kind"] for row in records if row["kind"] != "form")
    silent = {kind: [row for row in records if row["kind"] == kind] for kind in kinds}
    by_form = {form: [row for row in forms if row["format"] == form] for form in dict.fromkeys(map(_form_of, forms))}
    return {
        "gold_reward": clustered_mean([row["gold_reward"] for row in records], _entities(records), seed),
        "instruction_following": _share(forms, in_form),
        "instruction_following_by_form": {form: _share(rows, in_form) for form, rows in by_form.items()},
        "abstention": {kind: _share(rows, lambda row: row["abstained"]) for kind, rows in silent.items()},
    }


def file_task(path: Path) -> Task:
    """A task of one's own: JSON lines with `id`, `messages` (or `prompt`, a text) and the one right `answer`."""

    def samples(world: World | None) -> Iterator[Sample]:
        for number, row in enumerate(read_jsonl(path), start=1):
            messages = row.get("messages") or [{"role": "user", "content": row.get("prompt")}]
            texts = [row.get("id"), row.get("answer"), *(turn.get("content") for turn in messages)]
            if not all(isinstance(text, str) and text for text in texts):
                raise InputError(f"{path}:{number}", "id, messages or prompt, and answer, all of text", sorted(row))
            yield {"id": row["id"], "messages": messages, "answer": row["answer"]}

    def score(sample: Sample, answer: str) -> Record:
        return {"gold": sample["answer"], "correct": is_correct(answer, sample["answer"])}

    def metrics(records: Sequence[Record], seed: int) -> dict[str, Any]:
        return {"correct": proportion([row["correct"] for row in records])}

    return Task(path.stem, samples, score, metrics)


def _share(rows: Sequence[Record], outcome: Callable[[Record], bool]) -> Measurement:
    return clustered_proportion([outcome(row) for row in rows], _entities(rows))


def _entities(rows: Sequence[Record]) -> list[str]:
    return [row["entity"] for row in rows]


def _form_of(row: Record) -> str:
    return str(row["format"])


TASKS = {
    task.name: task
    for task in (
        Task("closed_book", held_out_questions, score_question, closed_book_metrics),
        Task("forms", forms_and_doubts, score_question, form_metrics),
        BEHAVIOUR,
        INSTRUCTION_FOLLOWING,
    )
}
