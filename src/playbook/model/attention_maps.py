"""Where each head looks: the attention weights of every layer for one row, for pictures and probes.

Weights say where a head reads from, not what it does with it (Jain and Wallace, arXiv 1902.10186): a probe that moves
the text and watches the answer says more, a picture says it faster.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from playbook.model.attention import MultiHeadAttention, attention_weights
from playbook.model.gpt import GPTMini


@torch.no_grad()
def attention_maps(model: GPTMini, ids: Sequence[int]) -> Float[Tensor, "layers heads queries keys"]:
    """The weights of each head of each layer over one row of ids; every query's weights sum to 1."""
    maps: list[Tensor] = []

    def keep(layer: MultiHeadAttention, given: tuple[Any, ...]) -> None:
        x, mask, rope = given[:3]
        q, k, _ = layer.queries_keys_values(x, rope)
        k = k.repeat_interleave(layer.heads // layer.kv_heads, dim=1)
        maps.append(attention_weights(q, k, mask, layer.scale)[0].float())

    layers = [module for module in model.modules() if isinstance(module, MultiHeadAttention)]
    hooks = [layer.register_forward_pre_hook(keep) for layer in layers]
    try:
        model.hidden(torch.tensor([list(ids)], device=model.token_embedding.weight.device))
    finally:
        for hook in hooks:
            hook.remove()
    return torch.stack(maps)
