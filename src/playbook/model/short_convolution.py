"""A short causal convolution: each token takes in a learned share of the few tokens right before it, entry by entry.

Attention then finds in one step what takes two without: a name of two tokens stands whole at its second, and what
follows a name can be found by the name. Called a Canon layer in Physics of Language Models 4.1 (Allen-Zhu, arXiv
2512.17351); H3 (Fu et al., arXiv 2212.14052, section 3.1) has it as the shift that associative recall needs.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from playbook.model.kv_cache import Tail


class _TakenIn(torch.autograd.Function):
    """The sum, from `seen` (what came before, then x), with its gradient written out: two thirds of the passes over
    memory that autograd takes, and no copies of the weights for every token."""

    @staticmethod
    def forward(ctx: Any, seen: Tensor, weight: Tensor, sees: Tensor) -> Tensor:
        ctx.save_for_backward(seen, weight, sees)
        reach = len(weight)
        out = seen[:, reach:].clone()
        for back, shifted in enumerate(_shifts(seen, reach)):
            out.addcmul_(shifted * sees[back], weight[back])
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        (g,) = gradients
        seen, weight, sees = ctx.saved_tensors
        reach = len(weight)
        d_seen, d_weight = torch.zeros_like(seen), torch.empty_like(weight)
        d_seen[:, reach:] = g
        for back, (shifted, d_shifted) in enumerate(zip(_shifts(seen, reach), _shifts(d_seen, reach), strict=True)):
            where = g * sees[back]
            d_shifted.addcmul_(where, weight[back])
            d_weight[back] = (where * shifted).sum((0, 1))
        return d_seen, d_weight, None


def _shifts(seen: Tensor, reach: int) -> list[Tensor]:
    """Views of `seen` one, two ... `reach` tokens back."""
    time = seen.size(1) - reach
    return [seen[:, reach - back : reach - back + time] for back in range(1, reach + 1)]


class ShortConvolution(nn.Module):
    """`x[t] + weight[0] * x[t - 1] + ... + weight[reach - 1] * x[t - reach]`: depthwise, so it costs little."""

    def __init__(self, width: int, reach: int) -> None:
        super().__init__()
        self.reach = reach
        self.weight = nn.Parameter(torch.empty(reach, 1, width))

    def initialise(self) -> None:
        """Uniform within 1/sqrt(fan-in), as is usual for convolutions; the token itself counts among what goes in."""
        bound = (self.reach + 1) ** -0.5
        nn.init.uniform_(self.weight, -bound, bound)

    def forward(
        self, x: Float[Tensor, "batch time width"], mask: Bool[Tensor, "*rows time keys"], tail: Tail | None = None
    ) -> Float[Tensor, "batch time width"]:
        """Takes in what the attention `mask` lets a token see. A `tail` holds what came before `x`, and is moved on."""
        time = x.size(1)
        seen = torch.cat(
            [x.new_zeros(x.size(0), self.reach, x.size(2)) if tail is None else tail.read(x, self.reach), x], 1
        )
        if tail is not None:
            tail.inputs = seen[:, time:]
        sees = torch.stack([visible(mask, k)[..., None] for k in range(1, self.reach + 1)]).to(x.dtype)
        return _TakenIn.apply(seen, self.weight.to(x.dtype), sees)  # type: ignore[no-any-return, no-untyped-call]


def visible(mask: Bool[Tensor, "*rows time keys"], back: int) -> Bool[Tensor, "rows time"]:
    """May each token see the one `back` before it? The diagonals of an attention mask below its main one.

    >>> visible(torch.ones(4, 4, dtype=torch.bool).tril(), 2)
    tensor([[False, False,  True,  True]])
    """
    time, keys = mask.shape[-2:]
    rows = mask.reshape(-1, time, keys)
    found = rows.diagonal(keys - time - back, -2, -1) if back < keys else rows[:, 0, :0]
    return torch.cat([found.new_zeros(found.size(0), time - found.size(1)), found], 1)
