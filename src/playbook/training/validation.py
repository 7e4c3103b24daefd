"""Loss on held-out text, over every token of it: nats, and bits per byte, which tokenizers can be compared by."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from playbook.data.batches import Batch
from playbook.model.gpt import GPTMini
from playbook.plumbing.errors import InputError
from playbook.training.losses import token_nats


@dataclass(frozen=True)
class Validation:
    """Held-out loss, by row so that an interval can be computed: nats and tokens of each row, bytes of the whole."""

    nats: NDArray[np.float64]
    tokens: NDArray[np.float64]
    bytes: int

    @property
    def loss(self) -> float:
        """Mean nats a token."""
        return float(self.nats.sum() / self.tokens.sum())

    @property
    def perplexity(self) -> float:
        """`exp(loss)`."""
        return math.exp(self.loss)

    @property
    def bits_per_byte(self) -> float:
        """`sum(nats) / ln 2 / bytes`."""
        return float(self.nats.sum() / math.log(2) / self.bytes)


@torch.inference_mode()
def validate(model: GPTMini, batches: Iterable[Batch], total_bytes: int) -> Validation:
    """Score every weighted target of `batches`. `total_bytes` counts the UTF-8 bytes of those targets."""
    device = model.token_embedding.weight.device
    nats, tokens = [], []
    for batch in batches:
        batch = batch.to(device)
        weighted = token_nats(model(batch.inputs, batch.documents), batch.targets) * batch.weights
        nats.append(weighted.sum(1).double().cpu().numpy())
        tokens.append(batch.weights.sum(1).double().cpu().numpy())
    if not nats:
        raise InputError("validation tokens", "at least one row", "none", "use more validation text")
    all_tokens = np.concatenate(tokens)
    kept = all_tokens > 0
    return Validation(np.concatenate(nats)[kept], all_tokens[kept], total_bytes)
