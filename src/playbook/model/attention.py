"""Causal self-attention: each token looks back at the tokens before it and takes a weighted mean of their values.

Vaswani et al., arXiv 1706.03762, section 3.2. Grouped-query: Ainslie et al., arXiv 2305.13245.
QK-norm: Henry et al., arXiv 2010.04245; its fixed gain is what lets attention get sharp (without one the score of
unit vectors cannot exceed sqrt(head_dim)).
Knows nothing of blocks, losses or sampling.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from playbook.model.kv_cache import LayerCache
from playbook.model.linear import Linear
from playbook.model.norm import rms_norm
from playbook.model.rope import apply_rope

Rope = tuple[Float[Tensor, "rows time 1 head_dim"], Float[Tensor, "rows time 1 head_dim"]]


def causal_mask(queries: int, keys: int, device: torch.device | None = None) -> Bool[Tensor, "queries keys"]:
    """True where a query may look: at its own key and at those before it. The last query stands at the last key.

    >>> causal_mask(2, 3)
    tensor([[ True,  True, False],
            [ True,  True,  True]])
    """
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)


def scaled_dot_product_attention(
    q: Float[Tensor, "batch heads queries head_dim"],
    k: Float[Tensor, "batch heads keys head_dim"],
    v: Float[Tensor, "batch heads keys head_dim"],
    mask: Bool[Tensor, "*rows queries keys"],
    scale: float,
) -> Float[Tensor, "batch heads queries head_dim"]:
    """`softmax(scale * q k^T) v` with every key that `mask` forbids left out. Written out, as in the paper.

    On a CPU at contexts of a few hundred tokens this is also the fast path: the fused kernel's backward pass
    takes four times as long there.
    """
    return attention_weights(q, k, mask, scale) @ v


def attention_weights(
    q: Float[Tensor, "batch heads queries head_dim"],
    k: Float[Tensor, "batch heads keys head_dim"],
    mask: Bool[Tensor, "*rows queries keys"],
    scale: float,
) -> Float[Tensor, "batch heads queries keys"]:
    """How much each query takes from each key; every row sums to 1."""
    forbidden = torch.zeros(mask.shape, dtype=q.dtype, device=q.device).masked_fill_(~mask, -math.inf)
    scores = (q * scale) @ k.transpose(-2, -1) + forbidden
    return scores.softmax(dim=-1)


def fused_attention(
    q: Float[Tensor, "batch heads queries head_dim"],
    k: Float[Tensor, "batch heads keys head_dim"],
    v: Float[Tensor, "batch heads keys head_dim"],
    mask: Bool[Tensor, "*rows queries keys"],
    scale: float,
) -> Float[Tensor, "batch heads queries head_dim"]:
    """The same by torch's fused kernel: never holds the scores, and is the fast path on a GPU and at long contexts."""
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale)


LONG_CONTEXT = 1024
"""Keys beyond which the fused kernel wins on a CPU too: the scores no longer fit its caches."""


class MultiHeadAttention(nn.Module):
    """Multi-head self-attention over `batch time width`.

    `kv_heads` < `heads` shares each key/value head among a group of query heads. With `qk_norm`, queries and keys
    are scaled to unit root-mean-square, and scores multiplied by the fixed `qk_gain`.
    """

    def __init__(self, width: int, heads: int, kv_heads: int, bias: bool, qk_norm: bool, qk_gain: float) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = heads, kv_heads, width // heads
        self.qk_norm = qk_norm
        self.scale = (qk_gain if qk_norm else 1.0) / math.sqrt(self.head_dim)
        self.project_in = Linear(width, (heads + 2 * kv_heads) * self.head_dim, bias=bias)
        self.project_out = Linear(width, width, bias=bias)

    def forward(
        self,
        x: Float[Tensor, "batch time width"],
        mask: Bool[Tensor, "*rows time keys"],
        rope: Rope | None = None,
        cache: LayerCache | None = None,
        at: Int[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch places width"]:
        """Attend within `x`, and to the cached keys if there is a `cache` (which then grows by x's).

        From every position of `x`, or with `at` from that one of each row alone.
        """
        q, k, v = self.queries_keys_values(x, rope)
        if cache is not None:
            k, v = cache.append(k, v)
        if at is not None:
            rows = torch.arange(len(at), device=at.device)
            q, mask = q[rows, :, at, None], mask.expand(len(at), 1, *mask.shape[-2:])[rows, :, at, None]
        group = self.heads // self.kv_heads
        if group > 1:
            k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)
        attend = fused_attention if q.is_cuda or k.size(2) > LONG_CONTEXT else scaled_dot_product_attention
        y = attend(q, k, v, mask, self.scale)
        out: Tensor = self.project_out(y.transpose(1, 2).flatten(2))
        return out

    def queries_keys_values(
        self, x: Float[Tensor, "batch time width"], rope: Rope | None
    ) -> tuple[
        Float[Tensor, "batch heads time head_dim"],
        Float[Tensor, "batch kv_heads time head_dim"],
        Float[Tensor, "batch kv_heads time head_dim"],
    ]:
        """Project, normalise and rotate. Queries and keys go together: one pass over memory instead of two."""
        joint = self.project_in(x).unflatten(-1, (self.heads + 2 * self.kv_heads, self.head_dim))
        qk, v = joint.split((self.heads + self.kv_heads, self.kv_heads), dim=2)
        if self.qk_norm:
            qk = rms_norm(qk)
        if rope is not None:
            qk = apply_rope(qk, *rope)
        q, k = qk.split((self.heads, self.kv_heads), dim=2)
        return q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
