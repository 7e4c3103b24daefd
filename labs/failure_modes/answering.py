"""What a fork answers, as rows: sampled or greedy, with worth by gold, length, distance from the reference,
entropy.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch

from labs.failure_modes.county import Prompt
from playbook.data.world.gold import gold_reward, is_abstention
from playbook.evaluation.diversity import bigrams
from playbook.inference.sampling import GREEDY, SamplingConfig
from playbook.model.gpt import GPTMini
from playbook.posttraining.divergence import entropy, exact_kl
from playbook.posttraining.rollouts import Record, Rollout, encode_prompts, roll_out
from playbook.text.chat import encode_document
from playbook.text.special_tokens import PAD_ID
from playbook.text.tokenizer import Tokenizer
from playbook.training.losses import token_nats

Row = dict[str, Any]
LONGEST = 20
"""Tokens of an answer at most."""


def answer_rows(
    model: GPTMini, reference: GPTMini, tokenizer: Tokenizer, prompts: Sequence[Prompt], seed: int, greedy: bool = False
) -> list[Row]:
    """One answer to each prompt, a row each, with the measures

    - `gold`: the gold reward; `right`: 1 where the right value is asserted and no other, whatever the form, or where
      there is no answer and the answer says so; `false`: 1 where it is neither right nor an abstention
    - `length`: tokens, the last one of the turn not counted; `cut`: 1 where it did not end by itself
    - `kl`: exact KL from the reference in nats, summed over the answer; `entropy`: mean nats a token
    - `distinct`: different word pairs over all word pairs of the answer
    """
    generator = torch.Generator(model.token_embedding.weight.device).manual_seed(seed)
    sampling = GREEDY if greedy else SamplingConfig()
    ids = encode_prompts(prompts, tokenizer, model.config.context, LONGEST)
    rollout = roll_out(model, tokenizer, prompts, ids, 1, sampling, LONGEST, gold_worth, generator)
    nats, spread = divergences(model, reference, rollout)
    rows = []
    for number, (prompt, answer) in enumerate(zip(prompts, rollout.answers, strict=True)):
        pairs = bigrams(answer)
        right, said_nothing = is_right(prompt, answer), is_abstention(answer)
        rows.append({
            "unit": prompt["entity"], "id": prompt["id"], "answer": answer, "known": prompt["known"],
            "gold": float(rollout.rewards[number]), "right": float(right),
            "false": float(not right and not said_nothing), "abstained": float(said_nothing),
            "length": rollout.tokens[number], "cut": float(not rollout.ended[number]),
            "kl": nats[number], "entropy": spread[number], "distinct": len(set(pairs)) / len(pairs) if pairs else 0.0,
        })  # fmt: skip
    return rows


def gold_worth(prompt: Record, answer: str) -> float:
    """The gold reward."""
    return gold_reward(prompt, answer).total


def is_right(prompt: Record, answer: str) -> bool:
    """The right value and no other, in whatever form; or an abstention where there is no answer."""
    if not prompt["known"]:
        return is_abstention(answer)
    parts = gold_reward(prompt, answer).parts
    return parts["correct"] == 1


@torch.inference_mode()
def divergences(model: GPTMini, reference: GPTMini, rollout: Rollout) -> tuple[list[float], list[float]]:
    """Of each answer: the exact KL in nats over all of it, and the mean entropy of its tokens."""
    logits, weights = model(rollout.inputs), rollout.weights
    kl = exact_kl(logits, reference(rollout.inputs), weights).sum(1).clamp(min=0)
    spread = (entropy(logits) * weights).sum(1) / weights.sum(1).clamp(min=1)
    return kl.tolist(), spread.tolist()


@torch.inference_mode()
def text_rows(model: GPTMini, tokenizer: Tokenizer, texts: Sequence[str]) -> list[Row]:
    """Of each held-out text: `bits_per_byte`."""
    encoded = [encode_document(text, tokenizer) for text in texts]
    width = max(len(one.ids) for one in encoded)
    ids = torch.full((len(encoded), width), PAD_ID)
    for number, one in enumerate(encoded):
        ids[number, : len(one.ids)] = torch.tensor(one.ids)
    weights = torch.arange(1, width)[None] < torch.tensor([len(one.ids) for one in encoded])[:, None]
    nats = (token_nats(model(ids[:, :-1]), ids[:, 1:]) * weights).sum(1)
    return [
        {"unit": f"text {number}", "bits_per_byte": float(loss) / math.log(2) / one.text_bytes}
        for number, (loss, one) in enumerate(zip(nats, encoded, strict=True))
    ]
