"""GPTMini: token ids in, logits out, and nothing else. Loss, optimizer and sampling live elsewhere.

Two presets: `gpt2` is the model of Radford et al. (2019) - LayerNorm, learned positions, GELU, biases, tied
embeddings; `modern` is what nine years of small changes made of it - RMSNorm, RoPE, QK-norm, ReLU^2, no biases,
output projections that start at zero.
"""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from playbook.model.attention import MultiHeadAttention, causal_mask
from playbook.model.block import Block, NormPosition
from playbook.model.kv_cache import KVCache, LayerCache
from playbook.model.linear import Linear
from playbook.model.mlp import MLP, Activation
from playbook.model.norm import LayerNorm, RMSNorm
from playbook.model.rope import rope_tables
from playbook.model.short_convolution import ShortConvolution
from playbook.plumbing.errors import InputError


@dataclass(frozen=True)
class ModelConfig:
    """The shape of a GPTMini; the `model` section of params.yaml. A preset sets every `None`."""

    context: int = 128
    """The most tokens it is trained on at once, and with learned positions the most it can read."""
    layers: int = 4
    width: int = 128
    heads: int = 4
    kv_heads: int | None = None
    """Key/value heads (grouped-query attention); None: as many as `heads`."""
    preset: Literal["gpt2", "modern"] = "modern"
    norm: Literal["layernorm", "rmsnorm"] | None = None
    norm_position: NormPosition = "pre"
    position: Literal["learned", "rope"] | None = None
    activation: Activation | None = None
    bias: bool | None = None
    qk_norm: bool | None = None
    qk_gain: float = 3.0
    """Attention scores of unit-size queries and keys are multiplied by this before the softmax."""
    tie_embeddings: bool | None = None
    zero_init: bool | None = None
    """Output projections start at zero, so that every block starts as the identity."""
    rope_theta: float = 1000.0
    convolution: int = 0
    """So many tokens before it does each token take in before attention, by a short convolution; 0: none."""

    def __post_init__(self) -> None:
        for name in ("context", "layers", "width", "heads"):
            if getattr(self, name) < 1:
                raise InputError(name, "at least 1", getattr(self, name))
        if self.convolution < 0:
            raise InputError("convolution", "at least 0", self.convolution)
        if self.width % self.heads:
            raise InputError("heads", f"a divisor of width {self.width}", self.heads)
        if self.heads % self.resolved_kv_heads:
            raise InputError("kv_heads", f"a divisor of heads {self.heads}", self.kv_heads)
        if self.resolve().position == "rope" and (self.width // self.heads) % 2:
            raise InputError("heads", "an even head size (width / heads) for RoPE", self.width // self.heads)

    @property
    def resolved_kv_heads(self) -> int:
        """`kv_heads`, or `heads` where that is None."""
        return self.heads if self.kv_heads is None else self.kv_heads

    def resolve(self) -> "ModelConfig":
        """The same with every None filled in by the preset."""
        missing = {name: value for name, value in PRESETS[self.preset].items() if getattr(self, name) is None}
        resolved = object.__new__(ModelConfig)  # skips __post_init__, which calls us
        for field in dataclasses.fields(self):
            object.__setattr__(resolved, field.name, missing.get(field.name, getattr(self, field.name)))
        return resolved


PRESETS: dict[str, dict[str, Any]] = {
    "gpt2": {"norm": "layernorm", "position": "learned", "activation": "gelu", "bias": True, "qk_norm": False,
             "tie_embeddings": True, "zero_init": False},
    "modern": {"norm": "rmsnorm", "position": "rope", "activation": "relu2", "bias": False, "qk_norm": True,
               "tie_embeddings": False, "zero_init": True},
}  # fmt: skip


class GPTMini(nn.Module):
    """A decoder-only Transformer. `dtype` is the precision of activations and products; weights are float32."""

    def __init__(self, config: ModelConfig, vocab_size: int, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.config, self.vocab_size, self.dtype = config.resolve(), vocab_size, dtype
        c = self.config
        self.token_embedding = nn.Embedding(vocab_size, c.width)
        self.position_embedding = nn.Embedding(c.context, c.width) if c.position == "learned" else None
        self.blocks = nn.ModuleList(self._block() for _ in range(c.layers))
        self.final_norm = self._norm()
        self.head = Linear(c.width, vocab_size, bias=False)
        if c.tie_embeddings:
            self.head.weight = self.token_embedding.weight
        self.initialise()

    def _norm(self) -> nn.Module:
        return RMSNorm() if self.config.norm == "rmsnorm" else LayerNorm(self.config.width, bool(self.config.bias))

    def _block(self) -> Block:
        c = self.config
        attention = MultiHeadAttention(
            c.width, c.heads, c.resolved_kv_heads, bool(c.bias), bool(c.qk_norm), c.qk_gain
        )  # fmt: skip
        mlp = MLP(c.width, c.activation or "gelu", bool(c.bias))
        convolution = ShortConvolution(c.width, c.convolution) if c.convolution else None
        return Block(attention, mlp, (self._norm(), self._norm()), c.norm_position, convolution)

    def initialise(self) -> None:
        """GPT-2's .02 for embeddings (section 2.3 of its report: output projections shrink with depth), or for the
        `modern` preset 1/sqrt(fan-in) for inputs and zero for outputs, which keeps Muon's updates in proportion.
        """
        c = self.config
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        if self.position_embedding is not None:
            nn.init.normal_(self.position_embedding.weight, std=0.02)
        for block in self.blocks:
            assert isinstance(block, Block)
            for layer, is_output in (
                (block.attention.project_in, False), (block.attention.project_out, True),
                (block.mlp.widen, False), (block.mlp.narrow, True),
            ):  # fmt: skip
                if is_output:
                    layer.initialise(0.0 if c.zero_init else 0.02 / math.sqrt(2 * c.layers))
                else:
                    layer.initialise(1 / math.sqrt(c.width) if c.zero_init else 0.02)
            if block.convolution is not None:
                block.convolution.initialise()
        if not c.tie_embeddings:
            self.head.initialise(0.0 if c.zero_init else 0.02)

    def forward(
        self,
        ids: Int[Tensor, "batch time"],
        documents: Int[Tensor, "batch time"] | None = None,
        cache: KVCache | None = None,
    ) -> Float[Tensor, "batch time vocab"]:
        """Logits of the next token at every position, in float32.

        `documents` numbers the documents packed into a row: attention then stays within each. With a `cache`, `ids`
        are the tokens that follow those already in it.
        """
        logits: Tensor = self.head(self.hidden(ids, documents, cache))
        return logits.float()

    def hidden(
        self,
        ids: Int[Tensor, "batch time"],
        documents: Int[Tensor, "batch time"] | None = None,
        cache: KVCache | None = None,
        at: Int[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch places width"]:
        """What the head reads: the normalised stream after the last block.

        With `at` only at that position of each row, `batch 1 width`: the last block then computes little else.
        """
        time = ids.size(1)
        if cache is not None:
            positions, mask = cache.positions(time), cache.mask(time)
        else:
            positions, mask = torch.arange(time, device=ids.device)[None], self._mask(time, documents, ids.device)
        x = self.token_embedding(ids)
        rope = None
        if self.position_embedding is None:
            rope = rope_tables(positions, self.config.width // self.config.heads, self.config.rope_theta, self.dtype)
        else:
            if (longest := int(positions.max()) + 1) > self.config.context:
                raise ValueError(f"learned positions end at {self.config.context}, got {longest} tokens")
            x = x + self.position_embedding(positions)
        x = x.to(self.dtype)
        for i, block in enumerate(self.blocks):
            last = i == len(self.blocks) - 1
            x = block(x, mask, rope, None if cache is None else cache.layers[i], at if last else None)
        out: Tensor = self.final_norm(x)
        return out

    @staticmethod
    def _mask(time: int, documents: Tensor | None, device: torch.device) -> Bool[Tensor, "*rows time time"]:
        mask = causal_mask(time, time, device)
        if documents is None:
            return mask
        same = documents[:, :, None] == documents[:, None, :]
        return (mask & same)[:, None]

    def new_cache(self, padding: Int[Tensor, " batch"], capacity: int) -> KVCache:
        """An empty cache of `capacity` positions for rows padded on the left by `padding`."""
        c = self.config
        layers = [
            LayerCache(len(padding), c.resolved_kv_heads, capacity, c.width // c.heads, padding.device, self.dtype)
            for _ in range(c.layers)
        ]
        return KVCache(layers, padding)

    def parameter_count(self) -> int:
        """Trained numbers; tied embeddings count once."""
        return sum(p.numel() for p in self.parameters())

    def flops_per_token(self, context: int, counted: float = 1.0) -> float:
        """Matrix-multiply operations of one training step, forward and backward, per token (multiply and add: two).

        6 for each weight of a linear layer, and for attention's two products over `context` keys 12 x width x layers,
        counted in full though half are masked, because they are computed (Kaplan et al., arXiv 2001.08361, s. 2.1).
        `counted` is the share of tokens whose target carries loss: the others need no head.
        """
        linear = sum(m.weight.numel() for m in self.blocks.modules() if isinstance(m, Linear))
        head = counted * self.head.weight.numel()
        return 6.0 * (linear + head) + 12.0 * self.config.layers * self.config.width * context
