"""Attention against plain loops, the fused kernel, and what a causal mask promises."""

import math

import pytest
import torch

from playbook.model.attention import (
    MultiHeadAttention,
    attention_weights,
    causal_mask,
    fused_attention,
    scaled_dot_product_attention,
)

BATCH, HEADS, TIME, DIM = 2, 3, 5, 4


def plain_loops(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float) -> torch.Tensor:
    """Causal attention as one would compute it by hand."""
    out = torch.zeros_like(q)
    for b in range(q.size(0)):
        for h in range(q.size(1)):
            for i in range(q.size(2)):
                scores = [scale * float(q[b, h, i] @ k[b, h, j]) for j in range(i + 1)]
                exps = [math.exp(s - max(scores)) for s in scores]
                for j, e in enumerate(exps):
                    out[b, h, i] += e / sum(exps) * v[b, h, j]
    return out


def qkv() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return tuple(torch.randn(BATCH, HEADS, TIME, DIM) for _ in range(3))  # type: ignore[return-value]


def test_written_out_equals_plain_loops() -> None:
    q, k, v = qkv()
    ours = scaled_dot_product_attention(q, k, v, causal_mask(TIME, TIME), 0.7)
    torch.testing.assert_close(ours, plain_loops(q, k, v, 0.7), atol=1e-6, rtol=1e-5)


def test_fast_path_equals_written_out_forward_and_backward() -> None:
    q, k, v = (x.requires_grad_() for x in qkv())
    mask = causal_mask(TIME, TIME)
    written, fused = (f(q, k, v, mask, 0.7) for f in (scaled_dot_product_attention, fused_attention))
    torch.testing.assert_close(written, fused, atol=1e-6, rtol=1e-5)
    weight = torch.randn_like(written)
    for ours, theirs in zip(
        torch.autograd.grad((written * weight).sum(), (q, k, v)),
        torch.autograd.grad((fused * weight).sum(), (q, k, v)),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)


def test_weights_are_a_distribution_over_the_past() -> None:
    q, k, _ = qkv()
    weights = attention_weights(q, k, causal_mask(TIME, TIME), 1.0)
    torch.testing.assert_close(weights.sum(-1), torch.ones(BATCH, HEADS, TIME))
    assert weights.triu(1).abs().max() == 0
    torch.testing.assert_close(weights[:, :, 0, 0], torch.ones(BATCH, HEADS))


def test_causal_mask_of_fewer_queries_than_keys_ends_at_the_last_key() -> None:
    assert causal_mask(2, 4).tolist() == [[True, True, True, False], [True, True, True, True]]


@pytest.mark.parametrize("kv_heads", [1, 2, 6])
def test_grouped_query_equals_repeated_heads(kv_heads: int) -> None:
    """Sharing a key/value head is the same as giving each query head of the group a copy of it."""
    heads, dim = 6, 2
    grouped = MultiHeadAttention(heads * dim, heads, kv_heads, bias=False, qk_norm=False, qk_gain=1.0)
    full = MultiHeadAttention(heads * dim, heads, heads, bias=False, qk_norm=False, qk_gain=1.0)
    w = grouped.project_in.weight.detach().unflatten(0, (-1, dim))
    q, k, v = w.split((heads, kv_heads, kv_heads))
    repeat = heads // kv_heads
    full.project_in.weight.data = torch.cat(
        (q, k.repeat_interleave(repeat, 0), v.repeat_interleave(repeat, 0))
    ).flatten(0, 1)
    full.project_out.weight.data = grouped.project_out.weight.data
    x = torch.randn(BATCH, TIME, heads * dim)
    mask = causal_mask(TIME, TIME)
    torch.testing.assert_close(grouped(x, mask), full(x, mask), atol=1e-6, rtol=1e-5)


def test_qk_norm_makes_scores_blind_to_the_size_of_x() -> None:
    layer = MultiHeadAttention(12, 3, 3, bias=False, qk_norm=True, qk_gain=3.0)
    x = torch.randn(BATCH, TIME, 12)
    (q, k, _), (q10, k10, _) = layer.queries_keys_values(x, None), layer.queries_keys_values(10 * x, None)
    torch.testing.assert_close(q, q10, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(k, k10, atol=1e-3, rtol=1e-3)
    assert layer.scale == pytest.approx(3 / math.sqrt(4))
