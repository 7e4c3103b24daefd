"""Sampled answers, as a policy gradient needs them: ids, which of them the policy wrote, what each answer is worth.

A reward is a function of the prompt's record and the answer's text, without the reasoning before it. What it raises is
passed on: a fault of the checker that became a 0 would look like a bad policy.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from playbook.inference.generate import generate
from playbook.inference.sampling import SamplingConfig
from playbook.model.gpt import GPTMini
from playbook.plumbing.errors import InputError
from playbook.text.chat import decode_answer, encode_prompt
from playbook.text.special_tokens import END, PAD_ID
from playbook.text.tokenizer import Tokenizer

Record = Mapping[str, Any]
Reward = Callable[[Record, str], float]
"""(the prompt's record, the answer) -> what the answer is worth."""


@dataclass(frozen=True)
class Rollout:
    """Answers to a step's prompts, group after group: row i answers prompt i // group."""

    inputs: Int[Tensor, "batch time"]
    targets: Int[Tensor, "batch time"]
    weights: Float[Tensor, "batch time"]
    """1 on what the policy wrote, END included."""
    rewards: Float[Tensor, " batch"]
    answers: list[str]
    """What was said, without reasoning."""
    tokens: list[int]
    """Of each answer, reasoning included, END not counted."""
    ended: list[bool]

    def take(self, groups: Sequence[int], group: int) -> "Rollout":
        """The answers to these of its prompts alone, each prompt by its place."""
        rows = [row for place in groups for row in range(place * group, (place + 1) * group)]
        return Rollout(
            self.inputs[rows], self.targets[rows], self.weights[rows], self.rewards[rows],
            [self.answers[i] for i in rows], [self.tokens[i] for i in rows], [self.ended[i] for i in rows],
        )  # fmt: skip


def encode_prompts(
    records: Sequence[Record], tokenizer: Tokenizer, context: int, max_new_tokens: int
) -> list[list[int]]:
    """The ids to answer; a prompt that leaves no room for an answer raises `InputError`."""
    prompts = [encode_prompt(record["messages"], tokenizer) for record in records]
    for record, prompt in zip(records, prompts, strict=True):
        if len(prompt) + max_new_tokens > context:
            got = f"{len(prompt)} tokens: {str(record['messages'][-1]['content'])[:60]!r}"
            expected = f"a prompt that leaves {max_new_tokens} of {context} tokens for an answer"
            raise InputError(f"rl prompt {record.get('id', '')}".strip(), expected, got, "raise sft.context")
    return prompts


def roll_out(
    model: GPTMini,
    tokenizer: Tokenizer,
    records: Sequence[Record],
    prompts: Sequence[Sequence[int]],
    group: int,
    sampling: SamplingConfig,
    max_new_tokens: int,
    reward: Reward,
    generator: torch.Generator | None = None,
) -> Rollout:
    """Sample `group` answers to each prompt, all at once over the KV cache, and score them."""
    end, device = tokenizer.id_of(END), model.token_embedding.weight.device
    repeated = [prompt for prompt in prompts for _ in range(group)]
    asked = [record for record in records for _ in range(group)]
    written = generate(model, repeated, sampling, [end], max_new_tokens, generator)
    answers = [str(decode_answer(ids, tokenizer)["content"]).strip() for ids in written]
    rewards = [checked_reward(reward, record, answer) for record, answer in zip(asked, answers, strict=True)]
    ended = [len(ids) < max_new_tokens for ids in written]
    rows = [
        (len(prompt), [*prompt, *ids, *([end] if stopped else [])])
        for prompt, ids, stopped in zip(repeated, written, ended, strict=True)
    ]
    width = max(len(ids) for _, ids in rows)
    whole = torch.full((len(rows), width), PAD_ID)
    weights = torch.zeros(len(rows), width)
    for number, (start, ids) in enumerate(rows):
        whole[number, : len(ids)] = torch.tensor(ids)
        weights[number, start : len(ids)] = 1.0
    return Rollout(
        whole[:, :-1].contiguous().to(device), whole[:, 1:].contiguous().to(device), weights[:, 1:].to(device),
        torch.tensor(rewards, device=device), answers, [len(ids) for ids in written], ended,
    )  # fmt: skip


def checked_reward(reward: Reward, record: Record, answer: str) -> float:
    """The reward as a float; one that is not a finite number raises `InputError`, what it raises goes through."""
    value = float(reward(record, answer))
    if not math.isfinite(value):
        raise InputError(f"reward of the prompt {record.get('id', '')}".strip(), "a finite number", value)
    return value
