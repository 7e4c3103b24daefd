"""From logits to the next token: temperature, top-k, top-p.

Top-p (nucleus): Holtzman et al., arXiv 1904.09751, section 3.1. Knows nothing of the model.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from playbook.plumbing.errors import InputError


@dataclass(frozen=True)
class SamplingConfig:
    """How to choose a token. Temperature 0 takes the most likely one."""

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if self.temperature < 0:
            raise InputError("temperature", "at least 0", self.temperature)
        if self.top_k is not None and self.top_k < 1:
            raise InputError("top_k", "at least 1, or null for all", self.top_k)
        if not 0 < self.top_p <= 1:
            raise InputError("top_p", "in (0, 1]", self.top_p)


GREEDY = SamplingConfig(temperature=0.0)


def filter_logits(logits: Float[Tensor, "batch vocab"], config: SamplingConfig) -> Float[Tensor, "batch vocab"]:
    """Divide by the temperature, then set to -inf all but the `top_k` largest and the smallest set of tokens whose
    probabilities reach `top_p` (the token that crosses the line stays in).
    """
    logits = logits / config.temperature
    if config.top_k is not None and config.top_k < logits.size(-1):
        smallest_kept = logits.topk(config.top_k).values[:, -1:]
        logits = logits.masked_fill(logits < smallest_kept, -math.inf)
    if config.top_p < 1:
        ordered, order = logits.sort(dim=-1, descending=True)
        probabilities = ordered.softmax(-1)
        mass_before = (
            probabilities.cpu().cumsum(-1).to(probabilities.device) - probabilities
        )  # a GPU sums in no fixed order
        ordered = ordered.masked_fill(mass_before >= config.top_p, -math.inf)
        logits = torch.empty_like(logits).scatter_(-1, order, ordered)
    return logits


def sample(
    logits: Float[Tensor, "batch vocab"], config: SamplingConfig, generator: torch.Generator | None = None
) -> Int[Tensor, " batch"]:
    """Draw one token a row."""
    if config.temperature == 0:
        return logits.argmax(-1)
    probabilities = filter_logits(logits, config).softmax(-1)
    return torch.multinomial(probabilities, 1, generator=generator).squeeze(-1)
