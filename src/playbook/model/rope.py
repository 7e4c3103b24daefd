"""Rotary position embedding (RoPE): query i and key j meet at an angle that depends on i - j.

Su et al., arXiv 2104.09864, section 3.2.2. Half-split layout, as Llama and Qwen have it in Hugging Face: entry k is
paired with entry k + head_dim/2 (the paper pairs neighbours; the two differ by a fixed permutation).
"""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor


def rope_tables(
    positions: Int[Tensor, "rows time"], head_dim: int, theta: float, dtype: torch.dtype
) -> tuple[Float[Tensor, "rows time 1 head_dim"], Float[Tensor, "rows time 1 head_dim"]]:
    """Cosines and signed sines for `apply_rope`. The angle of pair k at position p is `p * theta^(-2k/head_dim)`."""
    frequencies = theta ** (-torch.arange(0, head_dim, 2, device=positions.device) / head_dim)
    angles = positions[..., None, None] * frequencies
    cos, sin = angles.cos(), angles.sin()
    return torch.cat((cos, cos), -1).to(dtype), torch.cat((-sin, sin), -1).to(dtype)


class _Rotation(torch.autograd.Function):
    """x cos + roll(x) sin. Its gradient is the rotation back, two passes over memory where autograd takes four."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return torch.addcmul(x * cos, x.roll(x.size(-1) // 2, -1), sin)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (g,) = gradients
        cos, sin = ctx.saved_tensors
        return torch.addcmul(g * cos, g.roll(g.size(-1) // 2, -1), sin, value=-1), None, None


def apply_rope(
    x: Float[Tensor, "batch time heads head_dim"],
    cos: Float[Tensor, "rows time 1 head_dim"],
    sin: Float[Tensor, "rows time 1 head_dim"],
) -> Float[Tensor, "batch time heads head_dim"]:
    """Rotate every pair (a, b) of `x` by its position's angle: `(a cos - b sin, b cos + a sin)`.

    Rolling by half the head puts each entry's partner under it, so two products and a sum do. The tables are laid out
    for every head first: short rows that are read again and again are slow.
    """
    heads = (-1, -1, x.size(2), -1)
    return _Rotation.apply(x, cos.expand(heads).contiguous(), sin.expand(heads).contiguous())  # type: ignore[no-any-return, no-untyped-call]
