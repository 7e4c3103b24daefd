"""The loss of language modelling: pure functions of tensors."""

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


def token_nats(logits: Float[Tensor, "*rows vocab"], targets: Int[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
    """Cross-entropy of every target in nats: `-log softmax(logits)[target]`. Uniform logits give ln(vocab)."""
    return F.cross_entropy(logits.flatten(0, -2), targets.flatten(), reduction="none").view_as(targets)


def weighted_mean(nats: Float[Tensor, "batch time"], weights: Float[Tensor, "batch time"]) -> Float[Tensor, ""]:
    """`sum(w * nats) / sum(w)`; a batch without any weight has loss 0 and no gradient."""
    return (nats * weights).sum() / weights.sum().clamp(min=1e-9)
