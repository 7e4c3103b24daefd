"""A Transformer block: attention, then MLP, each added to the stream it reads (the residual).

Pre-LN normalises what a sublayer reads, and leaves the stream itself alone; Post-LN, as in the 2017 paper,
normalises the stream after each addition, and needs warm-up to train (Xiong et al., arXiv 2002.04745).
"""

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from playbook.model.attention import MultiHeadAttention, Rope
from playbook.model.kv_cache import LayerCache
from playbook.model.mlp import MLP
from playbook.model.short_convolution import ShortConvolution

NormPosition = Literal["pre", "post"]


class Block(nn.Module):
    """`x + attention(norm(x))`, then `x + mlp(norm(x))` (Pre-LN), or `norm(x + attention(x))` ... (Post-LN).

    With a `convolution`, attention reads through it.
    """

    def __init__(
        self,
        attention: MultiHeadAttention,
        mlp: MLP,
        norms: tuple[nn.Module, nn.Module],
        norm_position: NormPosition,
        convolution: ShortConvolution | None = None,
    ) -> None:
        super().__init__()
        self.attention, self.mlp = attention, mlp
        self.attention_norm, self.mlp_norm = norms
        self.norm_position, self.convolution = norm_position, convolution

    def forward(
        self,
        x: Float[Tensor, "batch time width"],
        mask: Bool[Tensor, "*rows time keys"],
        rope: Rope | None = None,
        cache: LayerCache | None = None,
        at: Int[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch places width"]:
        """With `at` only what comes out at that position of each row: `batch 1 width`."""

        def attend(read: Tensor) -> Tensor:
            if self.convolution is not None:
                read = self.convolution(read, mask, None if cache is None else cache.tail)
            found: Tensor = self.attention(read, mask, rope, cache, at)
            return found

        stream = x if at is None else x[torch.arange(len(at), device=at.device), at, None]
        if self.norm_position == "pre":
            x = stream + attend(self.attention_norm(x))
            out: Tensor = x + self.mlp(self.mlp_norm(x))
        else:
            x = self.attention_norm(stream + attend(x))
            out = self.mlp_norm(x + self.mlp(x))
        return out
