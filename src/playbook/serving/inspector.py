"""What a model read and wrote, token by token: how likely each was, what else it might have been, where heads look.

Knows models and tokens, nothing of pages.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from playbook.inference.generate import write
from playbook.inference.sampling import SamplingConfig
from playbook.model.attention_maps import attention_maps
from playbook.serving.checkpoints import Checkpoint
from playbook.text.chat import encode_prompt
from playbook.text.special_tokens import END, SPECIAL_TOKENS

RIVALS = 6
"""How many of the likeliest tokens are kept at each place."""
NEW_TOKENS = 64


@dataclass(frozen=True)
class Token:
    """One token of a row."""

    text: str
    special: bool
    probability: float | None
    """Given all tokens before it; None for the first, which nothing comes before."""
    rivals: tuple[tuple[str, float], ...]
    """The likeliest tokens at its place, with their probabilities."""


@dataclass(frozen=True)
class Reading:
    """A question and an answer as a model sees them."""

    ids: tuple[int, ...]
    start: int
    """The first token that the model wrote itself."""
    tokens: tuple[Token, ...]
    ended: bool
    """It wrote END; otherwise it was cut at `NEW_TOKENS`."""

    @property
    def answer(self) -> str:
        """What it wrote, as text."""
        return "".join(token.text for token in self.tokens[self.start :] if not token.special).strip()

    @property
    def certainty(self) -> float:
        """The probability of its least certain token."""
        return min((token.probability or 0.0 for token in self.tokens[self.start :]), default=0.0)


def read(checkpoint: Checkpoint, question: str, temperature: float = 0.0, seed: int = 1) -> Reading:
    """Ask one question, as the models were trained to be asked: one turn of the user. Temperature 0 is greedy."""
    model, tokenizer = checkpoint.model, checkpoint.tokenizer
    prompt = encode_prompt([{"role": "user", "content": question}], tokenizer)
    end = tokenizer.id_of(END)
    room = max(1, min(NEW_TOKENS, model.config.context - len(prompt)))
    sampling, generator = SamplingConfig(temperature), torch.Generator().manual_seed(seed)
    written = write(model, [prompt], sampling, [end], room, generator)[0]
    ids = [*prompt, *written.ids, *([end] if written.stopped else [])]
    return Reading(tuple(ids), len(prompt), tuple(_tokens(checkpoint, ids)), written.stopped)


@torch.inference_mode()
def _tokens(checkpoint: Checkpoint, ids: list[int]) -> list[Token]:
    model, tokenizer = checkpoint.model, checkpoint.tokenizer
    chances = model(torch.tensor([ids]))[0].softmax(-1)
    best = chances.topk(min(RIVALS, chances.size(-1)), dim=-1)
    pieces = {i: tokenizer.decode([i]) for i in {*ids, *best.indices.flatten().tolist()}}
    special = {tokenizer.id_of(name) for name in SPECIAL_TOKENS}
    tokens = []
    for place, token in enumerate(ids):
        chance, rivals = None, list[tuple[str, float]]()
        if place:
            chance = chances[place - 1, token].item()
            found = zip(best.indices[place - 1].tolist(), best.values[place - 1].tolist(), strict=True)
            rivals = [(pieces[i], p) for i, p in found]
        tokens.append(Token(pieces[token], token in special, chance, tuple(rivals)))
    return tokens


def heads(checkpoint: Checkpoint) -> list[str]:
    """Names of all heads, and of their mean: what `looks` takes."""
    config = checkpoint.model.config
    return ["mean of all heads", *(f"layer {i}, head {j}" for i in range(config.layers) for j in range(config.heads))]


def looks(checkpoint: Checkpoint, reading: Reading, place: int, head: str) -> Float[Tensor, " keys"]:
    """How much the position that wrote token `place` looks at each token up to itself; the weights sum to 1.

    Token `place` is predicted one position earlier, so the weights are those of the query at `place - 1`.
    """
    query = max(0, place - 1)
    maps = attention_maps(checkpoint.model, reading.ids[: query + 1])[:, :, query]
    number = heads(checkpoint).index(head)
    return maps.mean((0, 1)) if number == 0 else maps.flatten(0, 1)[number - 1]
