"""The feed-forward half of a block: widen, bend, narrow. Three ways to bend.

GELU: Hendrycks & Gimpel, arXiv 1606.08415. ReLU^2: So et al. (Primer), arXiv 2109.08668, section 3.
SwiGLU: Shazeer, arXiv 2002.05202, equation 6.
"""

from typing import Any, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from playbook.model.linear import Linear

Activation = Literal["gelu", "relu2", "swiglu"]


class _ReLUSquared(torch.autograd.Function):
    """relu(x)^2 keeping only relu(x): its gradient is 2 relu(x), so half the memory traffic of autograd's."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        kept = x.relu()
        ctx.save_for_backward(kept)
        return kept * kept

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (g,) = gradients
        (kept,) = ctx.saved_tensors
        dx: Tensor = (g * kept).mul_(2)
        return dx


def relu_squared(x: Float[Tensor, "... width"]) -> Float[Tensor, "... width"]:
    """`max(x, 0)^2`."""
    return _ReLUSquared.apply(x)  # type: ignore[no-any-return, no-untyped-call]


class MLP(nn.Module):
    """`narrow(activation(widen(x)))`; SwiGLU multiplies by a second, gating projection: `narrow(silu(gate) * up)`.

    The hidden width is 4 x width; for SwiGLU 8/3 x width, so that the number of weights stays the same.
    """

    def __init__(self, width: int, activation: Activation, bias: bool) -> None:
        super().__init__()
        self.activation = activation
        hidden = 8 * width // 3 if activation == "swiglu" else 4 * width
        self.widen = Linear(width, 2 * hidden if activation == "swiglu" else hidden, bias=bias)
        self.narrow = Linear(hidden, width, bias=bias)

    def forward(self, x: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch time width"]:
        h = self.widen(x)
        if self.activation == "gelu":
            h = F.gelu(h)
        elif self.activation == "relu2":
            h = relu_squared(h)
        else:
            gate, up = h.chunk(2, -1)
            h = F.silu(gate) * up
        out: Tensor = self.narrow(h)
        return out
