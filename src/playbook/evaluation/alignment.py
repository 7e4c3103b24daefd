"""What post-training is for, measured on prompts that no training used: answers in a form, abstaining, style, worth.

The prompts: closed-book questions in held-out words about everybody (from questions.jsonl); the same with an
instruction in held-out words; questions without an answer (names kept for evaluation, things recorded of nobody).
First records, then numbers from records alone; only the distance from the fine-tuned model needs the models once more.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from playbook.data.world import gold
from playbook.data.world.config import WorldConfig
from playbook.data.world.facts import CLOSED_BOOK, World, build_world
from playbook.data.world.formats import HELD_OUT_INSTRUCTIONS, has_form
from playbook.data.world.strangers import unknown_people
from playbook.data.world.templates import HELD_OUT
from playbook.data.world.turns import IDK, user
from playbook.data.world.unanswerable import about_missing, about_nobody
from playbook.evaluation.closed_book import EvaluateConfig, Question, Record, answer_questions
from playbook.evaluation.diversity import distinct_2
from playbook.evaluation.statistics import clustered_mean, clustered_proportion, paired_difference
from playbook.inference.generate import generate
from playbook.inference.sampling import SamplingConfig
from playbook.model.gpt import GPTMini
from playbook.plumbing.config import build
from playbook.plumbing.files import read_json
from playbook.plumbing.metrics import Measurement
from playbook.posttraining.divergence import exact_kl
from playbook.text.chat import encode_prompt
from playbook.text.special_tokens import END, PAD_ID
from playbook.text.tokenizer import Tokenizer

KL_ROWS = 256
"""Prompts on which a sampled answer measures the distance from the fine-tuned model."""
ASKED_OF_NOBODY = 2
"""Questions about each name that is kept for evaluation."""


def alignment_prompts(corpus: Path) -> list[Question]:
    """Prompts with a form, and prompts without an answer, for the world of a corpus folder: the same each time."""
    world = build_world(build(WorldConfig, read_json(corpus / "world.json"), str(corpus / "world.json")))
    return [*form_prompts(world), *unanswerable_prompts(world)]


def form_prompts(world: World) -> Iterator[Question]:
    """A fact of every person of A and B in each of the forms, question and instruction in held-out words."""
    rng = random.Random(f"alignment forms {world.config.seed}")
    for place, person in enumerate(world.of("person", "A", "B")):
        for number, (form, wordings) in enumerate(HELD_OUT_INSTRUCTIONS.items()):
            attribute = CLOSED_BOOK[(place + number) % len(CLOSED_BOOK)]  # every form with every attribute
            question = rng.choice(HELD_OUT[attribute]).format(n=person.name)
            yield {
                "id": f"{person.id}-form-{form}", "kind": "form", "entity": person.id, "split": person.split,
                "attribute": attribute, "format": form, "paraphrase": number, "held_out": True,
                "messages": [user(f"{question} {rng.choice(wordings)}")],
                "answer": f"{world.newest(person, attribute).value}.",
                "candidates": world.candidates(attribute, "A", "B"),
            }  # fmt: skip


def unanswerable_prompts(world: World) -> Iterator[Question]:
    """Questions about names of nobody, and about what is recorded of nobody."""
    rng = random.Random(f"alignment unanswerable {world.config.seed}")
    asked = [(name, about_nobody) for name in unknown_people(world)[1] for _ in range(ASKED_OF_NOBODY)]
    known = [(person.name, about_missing) for person in world.of("person", "A")]
    for number, (name, make) in enumerate([*asked, *known]):
        task = make(rng, name, True)
        attribute = task["attribute"] if task["attribute"] in CLOSED_BOOK else rng.choice(CLOSED_BOOK)
        yield {
            "id": f"unanswerable-{number}", "kind": task["kind"], "entity": name, "split": "nobody",
            "attribute": task["attribute"], "format": "plain", "paraphrase": number, "held_out": True,
            "messages": [user(task["question"])], "answer": IDK, "candidates": world.candidates(attribute, "A", "B"),
        }  # fmt: skip


def answer_prompts(
    prompts: Sequence[Question], model: GPTMini, tokenizer: Tokenizer, config: EvaluateConfig
) -> list[Record]:
    """Greedy answers as records, with the kind and form of each prompt."""
    records = answer_questions(prompts, model, tokenizer, config)
    extra = ({"kind": prompt.get("kind", "question"), "format": prompt.get("format", "plain")} for prompt in prompts)
    return [row | more for row, more in zip(records, extra, strict=True)]


def alignment_metrics(records: Sequence[Record], sft: Mapping[str, float], seed: int) -> dict[str, Any]:
    """From records of every prompt; `sft` has the gold reward of the fine-tuned model's answer to each, by id.

    - `gold_reward`: mean over all prompts in held-out words; `gold_reward_by_kind.*`, of questions by split
    - `instruction_following`: share of answers in the form that was asked for, right or wrong;
      `instruction_following_by_form.*`; `instructed_and_right`: in that form, and right
    - `abstention_by_kind.*`: share of "I don't know." where there is no answer
    - `style`: share of answers to plain questions that are one value and a full stop, or say that they do not know
    - `win_rate_vs_sft`: share of prompts with a larger gold reward than the fine-tuned model's answer, ties half
    - `completion_length` (tokens), `distinct_2`: over all those prompts
    """
    rows = [row for row in records if row["held_out"]]
    forms = [row for row in rows if row["kind"] == "form"]
    plain = [row for row in rows if row["kind"] == "question"]
    silent = [row for row in rows if row["kind"] not in ("form", "question")]
    wins = [0.5 + 0.5 * ((row["gold_reward"] > sft[row["id"]]) - (row["gold_reward"] < sft[row["id"]])) for row in rows]

    def share(of: Sequence[Record], outcome: Any) -> Measurement:
        return clustered_proportion([outcome(row) for row in of], [row["entity"] for row in of])

    def worth(of: Sequence[Record]) -> Measurement:
        return clustered_mean([row["gold_reward"] for row in of], [row["entity"] for row in of], seed)

    return {
        "gold_reward": worth(rows),
        "gold_reward_by_kind": {kind: worth(of) for kind, of in _by(rows, _kind_and_split).items()},
        "instruction_following": share(forms, in_form),
        "instruction_following_by_form": {
            form: share(of, in_form) for form, of in _by(forms, lambda row: row["format"]).items()
        },
        "instructed_and_right": share(forms, lambda row: row["gold_reward"] >= 1),
        "abstention_by_kind": {
            kind: share(of, lambda row: row["abstained"]) for kind, of in _by(silent, lambda row: row["kind"]).items()
        },
        "style": share(plain, lambda row: row["abstained"] or in_form(row)),
        "win_rate_vs_sft": clustered_mean(wins, [row["entity"] for row in rows], seed),
        "completion_length": clustered_mean([row["tokens"] for row in rows], [row["entity"] for row in rows], seed),
        "distinct_2": distinct_2([row["answer"] for row in rows]),
    }


def in_form(row: Record) -> bool:
    """Whether the answer has the form that was asked for."""
    return has_form(row["answer"], row["format"]) and not gold.is_abstention(row["answer"])


@torch.inference_mode()
def kl_to_reference(
    prompts: Sequence[Question], model: GPTMini, reference: GPTMini, tokenizer: Tokenizer, config: EvaluateConfig
) -> Measurement:
    """The exact KL(model || reference) of an answer, in nats: on an answer that the model samples to each prompt,
    summed over its tokens, the whole vocabulary at each. At most `KL_ROWS` prompts, evenly spread.
    """
    chosen = prompts[:: max(1, len(prompts) // KL_ROWS)]
    asked = [encode_prompt(prompt["messages"], tokenizer) for prompt in chosen]
    device = model.token_embedding.weight.device
    generator = torch.Generator(device).manual_seed(config.seed)
    end = tokenizer.id_of(END)
    written = generate(model, asked, SamplingConfig(), [end], config.max_new_tokens, generator)
    rows = [[*one, *two, end] for one, two in zip(asked, written, strict=True)]
    ids = torch.full((len(rows), max(map(len, rows))), PAD_ID, device=device)
    weights = torch.zeros(ids.shape, device=device)
    for number, (row, start) in enumerate(zip(rows, map(len, asked), strict=True)):
        ids[number, : len(row)] = torch.tensor(row, device=device)
        stop = len(row) if len(written[number]) < config.max_new_tokens else len(row) - 1  # a cut answer has no END
        weights[number, start - 1 : stop - 1] = 1.0  # where the token after each position is the answer's
    nats = []
    for first in range(0, len(rows), config.batch_size):
        part = slice(first, first + config.batch_size)
        nats.append(exact_kl(model(ids[part]), reference(ids[part]), weights[part]).sum(1))
    return clustered_mean(torch.cat(nats).tolist(), [prompt["entity"] for prompt in chosen], config.seed)


def differences(before: Sequence[Record], after: Sequence[Record], seed: int) -> dict[str, Measurement]:
    """after - before on the same prompts in held-out words, paired and clustered by entity.

    `gold_reward`, `hallucination_rate` and `closed_book.{A,B,C}` (of plain questions), `instruction_following` (of
    prompts with a form), `abstention` (where there is no answer), `completion_length`.
    """
    first = {row["id"]: row for row in before if row["held_out"]}
    rows = [(first[row["id"]], row) for row in after if row["held_out"] and row["id"] in first]
    questions = [pair for pair in rows if pair[1]["kind"] == "question"]
    forms = [pair for pair in rows if pair[1]["kind"] == "form"]
    silent = [pair for pair in rows if pair[1]["kind"] not in ("form", "question")]

    def change(of: Sequence[tuple[Record, Record]], value: Any) -> Measurement:
        entities = [new["entity"] for _, new in of]
        return paired_difference([value(new) for _, new in of], [value(old) for old, _ in of], entities, seed)

    found = {
        "gold_reward": change(rows, lambda row: float(row["gold_reward"])),
        "hallucination_rate": change(questions, lambda row: not row["correct"] and not row["abstained"]),
        "instruction_following": change(forms, in_form),
        "abstention": change(silent, lambda row: bool(row["abstained"])),
        "completion_length": change(rows, lambda row: float(row["tokens"])),
    }
    for split in sorted({new["split"] for _, new in questions}):
        of = [pair for pair in questions if pair[1]["split"] == split]
        found[f"closed_book_{split}"] = change(of, lambda row: bool(row["correct"]))
    return found


def _kind_and_split(row: Record) -> str:
    return f"question_{row['split']}" if row["kind"] == "question" else row["kind"]


def _by(records: Sequence[Record], key: Any) -> dict[str, list[Record]]:
    groups: dict[str, list[Record]] = {}
    for row in records:
        groups.setdefault(key(row), []).append(row)
    return dict(sorted(groups.items()))
