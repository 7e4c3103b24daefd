"""A linear layer that keeps float32 weights and multiplies in the precision of its input.

This is all there is to mixed precision here: the embedding emits bfloat16 (or float32), every product follows it,
and gradients come back to the float32 weights through the cast. (Micikevicius et al., arXiv 1710.03740, section 3.1.)
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class Linear(nn.Linear):
    """`y = x W^T + b`, computed in x's dtype; the weights are not rounded where they are stored."""

    def forward(self, x: Float[Tensor, "... width_in"]) -> Float[Tensor, "... width_out"]:
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return F.linear(x, self.weight.to(x.dtype), bias)

    @torch.no_grad()
    def initialise(self, std: float) -> None:
        """Normal weights of standard deviation `std` (0: all zero), zero bias."""
        nn.init.normal_(self.weight, std=std) if std > 0 else nn.init.zeros_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)
