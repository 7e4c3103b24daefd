"""GPTMini: what it must do before any training, whatever its options."""

import math
from dataclasses import replace
from itertools import product
from typing import Any, cast

import pytest
import torch
from toy import BATCH, TIME, VOCAB, randomised

from playbook.model.gpt import GPTMini, ModelConfig
from playbook.plumbing.errors import InputError

SHAPE = {"context": 16, "layers": 2, "width": 28, "heads": 2}
VARIANTS = [
    ModelConfig(**SHAPE, preset=preset, norm_position=position, tie_embeddings=tied, kv_heads=kv_heads)  # type: ignore[arg-type]
    for preset, position, tied, kv_heads in product(("gpt2", "modern"), ("pre", "post"), (True, False), (None, 1))
]


def ids() -> torch.Tensor:
    return torch.randint(VOCAB, (BATCH, TIME))


@pytest.mark.parametrize("config", VARIANTS, ids=str)
def test_a_future_token_changes_no_past_logit(config: ModelConfig) -> None:
    model = randomised(GPTMini(config, VOCAB))
    before = ids()
    after = before.clone()
    after[:, 7] = (after[:, 7] + 1) % VOCAB
    a, b = model(before), model(after)
    assert a.shape == (BATCH, TIME, VOCAB)
    torch.testing.assert_close(a[:, :7], b[:, :7])
    assert (a[:, 7:] - b[:, 7:]).abs().amax((1, 2)).min() > 1e-4


@pytest.mark.parametrize("config", VARIANTS, ids=str)
@pytest.mark.parametrize("packed", [False, True])
def test_what_is_asked_at_one_position_is_what_stands_there(config: ModelConfig, packed: bool) -> None:
    model = randomised(GPTMini(replace(config, convolution=2), VOCAB))
    rows, at = ids(), torch.arange(BATCH) * 3 % TIME
    documents = (torch.arange(TIME) // 4).expand(BATCH, TIME) if packed else None
    one, whole = model.hidden(rows, documents, at=at), model.hidden(rows, documents)
    assert one.shape == (BATCH, 1, SHAPE["width"])
    torch.testing.assert_close(one[:, 0], whole[torch.arange(BATCH), at])


@pytest.mark.parametrize("preset", ["gpt2", "modern"])
def test_initial_loss_is_near_ln_vocab(preset: str) -> None:
    model = GPTMini(ModelConfig(**SHAPE, preset=preset), VOCAB)  # type: ignore[arg-type]
    loss = torch.nn.functional.cross_entropy(model(ids()).flatten(0, 1), ids().flatten())
    assert loss.item() == pytest.approx(math.log(VOCAB), abs=0.05)


def test_documents_packed_into_a_row_do_not_see_each_other(tiny: GPTMini) -> None:
    """Two documents side by side give what each gives alone (RoPE: only distances matter)."""
    first, second = torch.randint(VOCAB, (1, 5)), torch.randint(VOCAB, (1, 6))
    row = torch.cat((first, second), 1)
    documents = torch.tensor([[0] * 5 + [1] * 6])
    together = tiny(row, documents)
    torch.testing.assert_close(together[:, :5], tiny(first), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(together[:, 5:], tiny(second), atol=1e-5, rtol=1e-4)
    assert (together[:, 5:] - tiny(row)[:, 5:]).abs().max() > 1e-3


def test_order_of_tokens_matters(tiny: GPTMini) -> None:
    row = torch.arange(6)[None]
    swapped = row[:, [1, 0, 2, 3, 4, 5]]
    assert (tiny(row)[:, -1] - tiny(swapped)[:, -1]).abs().max() > 1e-3


def test_tied_embeddings_are_one_tensor() -> None:
    tied, untied = (GPTMini(ModelConfig(**SHAPE, tie_embeddings=tie), VOCAB) for tie in (True, False))  # type: ignore[arg-type]
    assert tied.head.weight is tied.token_embedding.weight
    assert untied.parameter_count() - tied.parameter_count() == VOCAB * 28


def test_parameter_count_of_gpt2_small_is_the_published_one() -> None:
    with torch.device("meta"):
        model = GPTMini(ModelConfig(context=1024, layers=12, width=768, heads=12, preset="gpt2"), 50257)
    assert model.parameter_count() == 124_439_808


def test_gpt2_preset_equals_transformers() -> None:
    """Our `gpt2` preset and Hugging Face's GPT-2 with the same weights give the same logits."""
    transformers = pytest.importorskip("transformers")
    theirs = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=VOCAB, n_positions=16, n_embd=28, n_layer=2, n_head=2, activation_function="gelu"
        )
    ).eval()
    ours = GPTMini(ModelConfig(**SHAPE, preset="gpt2"), VOCAB).eval()  # type: ignore[arg-type]
    with torch.no_grad():
        ours.token_embedding.weight.copy_(theirs.transformer.wte.weight)
        assert ours.position_embedding is not None
        ours.position_embedding.weight.copy_(theirs.transformer.wpe.weight)
        for mine, block in zip(cast(Any, ours.blocks), theirs.transformer.h, strict=True):
            pairs = [
                (mine.attention.project_in, block.attn.c_attn), (mine.attention.project_out, block.attn.c_proj),
                (mine.mlp.widen, block.mlp.c_fc), (mine.mlp.narrow, block.mlp.c_proj),
            ]  # fmt: skip
            for layer, conv in pairs:
                layer.weight.copy_(conv.weight.T)
                layer.bias.copy_(conv.bias.normal_(std=0.1))
    row = ids()
    torch.testing.assert_close(ours(row), theirs(row).logits, atol=1e-5, rtol=1e-4)


def test_learned_positions_end_at_the_context() -> None:
    model = GPTMini(ModelConfig(**SHAPE, preset="gpt2"), VOCAB)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="16, got 17"):
        model(torch.zeros(1, 17, dtype=torch.long))


def test_flops_of_a_linear_stack_are_six_a_weight(tiny: GPTMini) -> None:
    linear = tiny.parameter_count() - tiny.token_embedding.weight.numel()
    assert tiny.flops_per_token(context=10) == 6 * linear + 12 * 2 * 28 * 10
    head = tiny.head.weight.numel()
    assert tiny.flops_per_token(context=10, counted=0.25) == 6 * (linear - 0.75 * head) + 12 * 2 * 28 * 10


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"heads": 3}, "heads"),
        ({"kv_heads": 3, "heads": 4}, "kv_heads"),
        ({"width": 6, "heads": 2}, "heads"),
        ({"layers": 0}, "layers"),
    ],
)
def test_impossible_shapes_name_the_parameter(changes: dict[str, int], where: str) -> None:
    with pytest.raises(InputError) as error:
        ModelConfig(**{**SHAPE, **changes})  # type: ignore[arg-type]
    assert error.value.where == where
