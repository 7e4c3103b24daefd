"""Closed-book questions: what a model knows by heart. First records, one an answer; then numbers, from records alone.

Splits: A = biography and questions trained on, B = biography only, C = never trained on. The headline counts questions
in words that no training text used ("held out"). Extraction, B against A: Allen-Zhu and Li, arXiv 2309.14316.

A model's fault (an empty answer, one that never ends) is recorded and scored as it is; a fault of ours raises.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playbook.data.world import gold
from playbook.evaluation.chance import Matches, above_chance, chance
from playbook.evaluation.diversity import consistency, distinct_2
from playbook.evaluation.statistics import clustered_mean, clustered_proportion
from playbook.inference.generate import generate
from playbook.inference.sampling import GREEDY
from playbook.model.gpt import GPTMini
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import read_jsonl
from playbook.plumbing.metrics import Measurement
from playbook.plumbing.runlog import progress
from playbook.text.chat import decode_answer, encode_prompt
from playbook.text.special_tokens import END
from playbook.text.tokenizer import Tokenizer

Question = Mapping[str, Any]
Record = dict[str, Any]
CrossMeasure = Callable[[Sequence[Record], Matches, int], Measurement | None]

QUESTION_KEYS = ("id", "entity", "split", "attribute", "paraphrase", "held_out", "messages", "answer", "candidates")
COPIED = ("id", "entity", "split", "attribute", "paraphrase", "held_out")


@dataclass(frozen=True)
class EvaluateConfig:
    """The `evaluate` section of params.yaml."""

    batch_size: int = 256
    """Questions answered, or rows scored, at once; more is faster until the memory is full."""
    max_new_tokens: int = 64
    """An answer, with the reasoning before it, that has not ended by then is cut."""
    samples: int = 64
    """Continuations of held-out text that are drawn where the data has no questions."""
    seed: int = 1
    """Of the bootstrap."""

    def __post_init__(self) -> None:
        for name in ("batch_size", "max_new_tokens", "samples"):
            if getattr(self, name) < 1:
                raise InputError(name, "at least 1", getattr(self, name))


def read_questions(path: str | Path) -> list[Question]:
    """Read questions.jsonl; a row that lacks a key, an id that comes twice or no row raises `InputError`."""
    rows: list[Question] = list(read_jsonl(path))
    ids = set()
    for number, row in enumerate(rows, start=1):
        if missing := [key for key in QUESTION_KEYS if key not in row]:
            raise InputError(
                f"{path}:{number}", f"the keys {', '.join(QUESTION_KEYS)}", f"no {missing[0]!r}", "dvc repro"
            )
        if row["id"] in ids:
            raise InputError(f"{path}:{number}", "ids that differ", f"{row['id']!r} again", "dvc repro")
        ids.add(row["id"])
    if not rows:
        raise InputError(path, "at least one question", "an empty file", "dvc repro")
    return rows


def answer_questions(
    questions: Sequence[Question], model: GPTMini, tokenizer: Tokenizer, config: EvaluateConfig
) -> list[Record]:
    """Ask every question once, greedily; returns one scored record a question, in the same order. `tokens` counts the
    reasoning too, which is no part of the answer.

    Questions of a batch have about the same length, so that little of it is padding.
    """
    prompts = [encode_prompt(question["messages"], tokenizer) for question in questions]
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    room = model.config.context - max(map(len, prompts))
    if room < 1:
        raise InputError("model.context", "room for the longest question and an answer", f"{room} tokens left")
    length = min(config.max_new_tokens, room)
    answers: dict[int, list[int]] = {}
    for start in progress(range(0, len(order), config.batch_size), "closed book"):
        chosen = order[start : start + config.batch_size]
        new_ids = generate(model, [prompts[i] for i in chosen], GREEDY, [tokenizer.id_of(END)], length)
        answers.update(zip(chosen, new_ids, strict=True))
    return [
        record(question, str(decode_answer(answers[i], tokenizer)["content"]).strip(), len(answers[i]))
        for i, question in enumerate(questions)
    ]


def record(question: Question, answer: str, tokens: int) -> Record:
    """One row of records.jsonl: the question, what the model said, and the verdict."""
    asked = {key: question[key] for key in COPIED}
    said = {"prompt": question["messages"][-1]["content"], "answer": answer, "gold": question["answer"]}
    return asked | said | verdict(question, answer) | {"tokens": tokens}


def rescore(records: Iterable[Record], questions: Iterable[Question]) -> list[Record]:
    """Judge old answers by today's rules, without a model; an answer to no question raises `InputError`."""
    asked = {question["id"]: question for question in questions}
    rows = list(records)
    if strange := [row["id"] for row in rows if row["id"] not in asked]:
        raise InputError(f"record {strange[0]}", "records of these questions", "no such question", "dvc repro evaluate")
    return [record(asked[row["id"]], row["answer"], row["tokens"]) for row in rows]


def verdict(question: Question, answer: str) -> dict[str, Any]:
    """Is the answer right, is it "I don't know", and what is it worth: the gold rules applied once more, offline."""
    return {
        "correct": gold.is_correct(answer, question["answer"]),
        "abstained": gold.is_abstention(answer),
        "gold_reward": gold.gold_reward(question, answer).total,
    }


def closed_book_metrics(records: Sequence[Record], seed: int) -> dict[str, Any]:
    """The closed-book part of the results contract, from records alone. Intervals are clustered by entity.

    On questions in held-out words (on all of them, where none is held out):
    - `closed_book.{A,B,C}`: share of right answers, and `closed_book_by_attribute.{split}.{attribute}`
    - `closed_book_chance.{A,B,C}`: expected share if the answers were dealt out among other entities, see `chance`;
      `closed_book_above_chance.{A,B,C}`: the paired difference, whose interval holds 0 where nobody is known
    - `abstention_rate.{A,B,C}`: share of answers that say "I don't know"
    - `hallucination_rate`: share of all answers, A, B and C together, that are wrong and do not abstain;
      `hallucination_rate_by_split.{A,B,C}`
    - `gold_reward`, `completion_length` (tokens), `distinct_2`
    On all questions:
    - `closed_book_seen_words.{A,B,C}`: share of right answers to questions in words that training has used
    - `consistency`: share of (entity, attribute) pairs whose paraphrases all get the same answer
    """
    headline = [row for row in records if row["held_out"]] or list(records)
    if not headline:
        raise ValueError("no records to score")
    seen_words = [row for row in records if not row["held_out"]]
    return {
        "closed_book": _by_split(headline, _right),
        "closed_book_chance": _compared(chance, headline, seed),
        "closed_book_above_chance": _compared(above_chance, headline, seed),
        "closed_book_seen_words": _by_split(seen_words, _right),
        "closed_book_by_attribute": {
            split: {name: _share(of, _right) for name, of in _grouped(rows, "attribute").items()}
            for split, rows in _grouped(headline, "split").items()
        },
        "abstention_rate": _by_split(headline, lambda row: row["abstained"]),
        "hallucination_rate": _share(headline, _hallucinated),
        "hallucination_rate_by_split": _by_split(headline, _hallucinated),
        "gold_reward": _mean(headline, "gold_reward", seed),
        "completion_length": _mean(headline, "tokens", seed),
        "distinct_2": distinct_2([row["answer"] for row in headline]),
        **{name: found for name, found in (("consistency", consistency(records)),) if found is not None},
    }


def _right(row: Record) -> bool:
    return bool(row["correct"])


def _hallucinated(row: Record) -> bool:
    return not row["correct"] and not row["abstained"]


def _grouped(records: Iterable[Record], key: str) -> dict[str, list[Record]]:
    groups: dict[str, list[Record]] = defaultdict(list)
    for row in records:
        groups[row[key]].append(row)
    return dict(sorted(groups.items()))


def _by_split(records: Sequence[Record], outcome: Callable[[Record], bool]) -> dict[str, Measurement]:
    return {split: _share(rows, outcome) for split, rows in _grouped(records, "split").items()}


def _share(records: Sequence[Record], outcome: Callable[[Record], bool]) -> Measurement:
    return clustered_proportion([outcome(row) for row in records], [row["entity"] for row in records])


def _mean(records: Sequence[Record], key: str, seed: int) -> Measurement:
    return clustered_mean([row[key] for row in records], [row["entity"] for row in records], seed)


def _compared(measure: CrossMeasure, records: Sequence[Record], seed: int) -> dict[str, Measurement]:
    found = {split: measure(rows, gold.is_correct, seed) for split, rows in _grouped(records, "split").items()}
    return {split: measured for split, measured in found.items() if measured is not None}
