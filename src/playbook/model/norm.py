"""LayerNorm and RMSNorm. Both rescale each token's vector to unit size; RMSNorm does not subtract the mean.

LayerNorm: Ba et al., arXiv 1607.06450, equation 4. RMSNorm: Zhang & Sennrich, arXiv 1910.07467, equation 4.
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

EPSILON = 1e-5


class _RMSNorm(torch.autograd.Function):
    """x / rms(x) with its gradient written out: torch's own is made of a dozen passes over memory, this of five.

    With r = 1/rms(x) and y = r x over n entries: dx = r (g - y * mean(g * y)).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True)  # sums in float32, whatever x is
        inverse_rms = (norm.square() / x.size(-1) + EPSILON).rsqrt()
        y: Tensor = x * inverse_rms
        ctx.save_for_backward(y, inverse_rms)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (g,) = gradients
        y, inverse_rms = ctx.saved_tensors
        along_y = (g * y).mean(-1, keepdim=True)
        dx: Tensor = torch.addcmul(g, y, along_y, value=-1).mul_(inverse_rms)
        return dx


def rms_norm(x: Float[Tensor, "... width"]) -> Float[Tensor, "... width"]:
    """`x / sqrt(mean(x^2) + epsilon)` over the last axis, without a gain.

    >>> rms_norm(torch.tensor([3.0, -3.0]))
    tensor([ 1.0000, -1.0000])
    """
    return _RMSNorm.apply(x)  # type: ignore[no-any-return, no-untyped-call]


class RMSNorm(nn.Module):
    """RMSNorm without a gain: the linear layer that always follows can hold it."""

    def forward(self, x: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch time width"]:
        return rms_norm(x)


class LayerNorm(nn.Module):
    """LayerNorm with a learned gain and, as GPT-2 has it, a learned bias."""

    def __init__(self, width: int, bias: bool) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None

    def forward(self, x: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch time width"]:
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return F.layer_norm(x, self.gain.shape, self.gain.to(x.dtype), bias, EPSILON)
