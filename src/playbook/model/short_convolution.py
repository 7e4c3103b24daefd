"""A short causal convolution: each token takes in a learned share of the few tokens right before it, entry by entry.

Attention then finds in one step what takes two without: a name of two tokens stands whole at its second, and what
follows a name can be found by the name. Called a Canon layer in Physics of Language Models 4.1 (Allen-Zhu, arXiv
2512.17351); H3 (Fu et al., arXiv 2212.14052, section 3.1) has it as the shift that associative recall needs.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from playbook.model.kv_cache import Tail


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
        time, weight = x.size(1), self.weight.to(x.dtype)
        seen = torch.cat(
            [x.new_zeros(x.size(0), self.reach, x.size(2)) if tail is None else tail.read(x, self.reach), x], 1
        )
        if tail is not None:
            tail.inputs = seen[:, time:]
        out = x
        for k in range(1, self.reach + 1):
            shifted = seen[:, self.reach - k : self.reach - k + time]
            out = out + shifted * (weight[k - 1] * visible(mask, k)[..., None].to(x.dtype))
        return out


def visible(mask: Bool[Tensor, "*rows time keys"], back: int) -> Bool[Tensor, "rows time"]:
    """May each token see the one `back` before it? The diagonals of an attention mask below its main one.

    >>> visible(torch.ones(4, 4, dtype=torch.bool).tril(), 2)
    tensor([[False, False,  True,  True]])
    """
    time, keys = mask.shape[-2:]
    found = mask.reshape(-1, time, keys).diagonal(keys - time - back, -2, -1) if back < keys else mask.new_zeros(1, 0)
    return torch.cat([found.new_zeros(found.size(0), time - found.size(1)), found], 1)
