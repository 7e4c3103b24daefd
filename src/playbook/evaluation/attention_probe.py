"""How the model chooses among passages, as far as attention shows it: three steps, and the head that takes each.

    copy_name      about to write whom it is about, it looks at the name in the question, not at the titles of others
    bind_passage   on a value in a passage, it looks back at the name in that passage, not at names in others
    read_value     after "name, noun:", it looks at the value in the passage of that name, not at the others' values

Of each step: the share of attention on where it should be (`right`) and on where it should not (`wrong`), of the one
head that looks right most. That head is chosen on every second task and measured on the others, so that choosing among
heads flatters nothing. Tasks are those of `skills`, kind read_3. Knows nothing of how the picture is drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from playbook.data.world.reasoning import NOUN
from playbook.evaluation.skills import Task
from playbook.evaluation.statistics import clustered_mean
from playbook.model.attention_maps import attention_maps
from playbook.model.gpt import GPTMini
from playbook.text.chat import encode_content, encode_prompt
from playbook.text.special_tokens import THINK, USER
from playbook.text.tokenizer import Tokenizer

STEPS = ("copy_name", "bind_passage", "read_value")


@dataclass(frozen=True)
class Look:
    """From which token a step looks, where it should, and where it should not."""

    query: int
    right: list[int]
    wrong: list[int]


@dataclass(frozen=True)
class Reading:
    """A task as the model has it before it when the value comes next: ids, their texts, and the looks of each step."""

    ids: list[int]
    pieces: list[str]
    looks: dict[str, Look]


def prepare(task: Task, tokenizer: Tokenizer) -> Reading:
    """Prompt and reasoning up to the colon, and which of their tokens are names and values."""
    prompt = encode_prompt(task["messages"], tokenizer)
    said = encode_content(f"{task['name']}, {NOUN[task['attribute']]}:", tokenizer)
    ids = [*prompt, tokenizer.id_of(THINK), *said]
    pieces = [tokenizer.decode([token]) for token in ids]
    text = "".join(pieces)
    starts = [sum(map(len, pieces[:i])) for i in range(len(pieces) + 1)]

    def spans(part: str, first: int, last: int) -> list[list[int]]:
        """The tokens of each occurrence of `part` between two characters."""
        found = [at for at in range(first, last) if text.startswith(part, at)]
        return [[i for i in range(len(ids)) if starts[i + 1] > at and starts[i] < at + len(part)] for at in found]

    lines = task["messages"][0]["content"].split("\n")
    values = [*task["others"]]
    values.insert(task["position"] - 1, task["answer"].removesuffix("."))
    names, told, begin = [], [], 0
    for line, value in zip(lines, values, strict=True):
        begin = text.index(line, begin)
        name, end = line.partition(", ")[0], begin + len(line)
        names.append([token for span in spans(name, begin, end) for token in span])
        told.append(spans(value, begin + len(name), end)[0][:1])
    at = task["position"] - 1
    value_at = told[at][0]
    return Reading(ids, pieces, {
        "copy_name": Look(len(prompt), spans(task["name"], text.rindex(USER), len(text))[0], _others(names, at)),
        "bind_passage": Look(
            value_at,
            [token for token in names[at] if token < value_at],
            [token for token in _others(names, at) if token < value_at],
        ),
        "read_value": Look(len(ids) - 1, told[at], _others(told, at)),
    })  # fmt: skip


def probe(tasks: Sequence[Task], model: GPTMini, tokenizer: Tokenizer, seed: int) -> tuple[dict[str, Any], Any]:
    """(metrics `attention.STEP.{right,wrong}`, what a picture of the first task needs)."""
    readings = [prepare(task, tokenizer) for task in tasks]
    shares: dict[str, list[Tensor]] = {step: [] for step in STEPS}
    for reading in readings:
        maps = attention_maps(model, reading.ids)
        for step, look in reading.looks.items():
            row = maps[:, :, look.query]
            shares[step].append(torch.stack([row[:, :, look.right].sum(-1), row[:, :, look.wrong].sum(-1)]))
    entities = [task["entity"] for task in tasks[1::2]]
    metrics, panels = {}, []
    first = attention_maps(model, readings[0].ids)
    for step, found in shares.items():
        chosen = torch.stack(found[0::2])[:, 0].mean(0)
        layer, head = divmod(int(chosen.argmax()), chosen.size(1))
        measured = torch.stack(found[1::2])[:, :, layer, head]
        metrics[step] = {
            name: clustered_mean(measured[:, i].tolist(), entities, seed) for i, name in enumerate(("right", "wrong"))
        }
        look = readings[0].looks[step]
        weights = first[layer, head, look.query].tolist()
        shown = {"layer": layer + 1, "head": head + 1, "query": look.query, "right": look.right, "weights": weights}
        panels.append({"step": step, **shown})
    return {"attention": metrics}, {"pieces": readings[0].pieces, "panels": panels}


def _others(spans: Sequence[list[int]], at: int) -> list[int]:
    """The tokens of all spans but one."""
    return [token for number, span in enumerate(spans) if number != at for token in span]
