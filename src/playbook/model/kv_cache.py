"""The key/value cache: what attention has computed for the tokens before, so that a new token costs one step.

Prompts of unequal length are padded on the left, so that all rows end together; `padding` says by how much.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


class Tail:
    """The last few inputs of a short convolution; zeros before there were any."""

    def __init__(self) -> None:
        self.inputs: Tensor | None = None

    def read(self, x: Float[Tensor, "batch time width"], reach: int) -> Float[Tensor, "batch reach width"]:
        """What stands before `x`."""
        return x.new_zeros(x.size(0), reach, x.size(2)) if self.inputs is None else self.inputs


class LayerCache:
    """Keys and values of one block, in buffers of fixed capacity, and the tail of its convolution if it has one."""

    def __init__(
        self, batch: int, kv_heads: int, capacity: int, head_dim: int, device: torch.device, dtype: torch.dtype
    ) -> None:
        self.keys = torch.empty(batch, kv_heads, capacity, head_dim, device=device, dtype=dtype)
        self.values = torch.empty_like(self.keys)
        self.length = 0
        self.tail = Tail()

    def append(
        self, k: Float[Tensor, "batch kv_heads time head_dim"], v: Float[Tensor, "batch kv_heads time head_dim"]
    ) -> tuple[Float[Tensor, "batch kv_heads keys head_dim"], Float[Tensor, "batch kv_heads keys head_dim"]]:
        """Store new keys and values; returns all so far. Overflow raises ValueError."""
        end = self.length + k.size(2)
        if end > self.keys.size(2):
            raise ValueError(f"cache of {self.keys.size(2)} positions cannot hold {end}")
        self.keys[:, :, self.length : end] = k
        self.values[:, :, self.length : end] = v
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]


class KVCache:
    """One `LayerCache` a block, and how far each row was padded on the left."""

    def __init__(self, layers: list[LayerCache], padding: Int[Tensor, " batch"]) -> None:
        self.layers, self.padding = layers, padding

    @property
    def length(self) -> int:
        """Positions filled so far, padding included."""
        return self.layers[0].length

    def keep(self, rows: Int[Tensor, " kept"]) -> None:
        """Forget all rows but these."""
        self.padding = self.padding[rows]
        for layer in self.layers:
            layer.keys, layer.values = layer.keys[rows], layer.values[rows]
            if layer.tail.inputs is not None:
                layer.tail.inputs = layer.tail.inputs[rows]

    def positions(self, time: int) -> Int[Tensor, "batch time"]:
        """The position of each of the next `time` tokens in its own row: 0 is the first token that is not padding."""
        columns = torch.arange(self.length, self.length + time, device=self.padding.device)
        return (columns[None] - self.padding[:, None]).clamp(min=0)

    def mask(self, time: int) -> Bool[Tensor, "batch 1 time keys"]:
        """Causal, and blind to padding. (A padding query sees itself, for a softmax over nothing is NaN.)"""
        columns = torch.arange(self.length + time, device=self.padding.device)
        queries = columns[self.length :]
        causal = columns[None, :] <= queries[:, None]
        real = columns[None, None, :] >= self.padding[:, None, None]
        itself = columns[None, :] == queries[:, None]
        return ((causal & real) | itself)[:, None]
