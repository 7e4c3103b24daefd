"""Norms and activations: closed forms, and hand-written gradients against finite differences."""

import pytest
import torch

from playbook.model.mlp import MLP, relu_squared
from playbook.model.norm import EPSILON, LayerNorm, rms_norm


def test_rms_norm_gradient_against_finite_differences() -> None:
    x = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda t: rms_norm(t), x, atol=1e-3, rtol=1e-3, eps=1e-3)


def test_rms_norm_equals_torch_forward_and_backward() -> None:
    x = torch.randn(3, 5, requires_grad=True)
    ours, theirs = rms_norm(x), torch.nn.functional.rms_norm(x, (5,), eps=EPSILON)
    torch.testing.assert_close(ours, theirs)
    weight = torch.randn_like(ours)
    torch.testing.assert_close(
        torch.autograd.grad((ours * weight).sum(), x)[0], torch.autograd.grad((theirs * weight).sum(), x)[0]
    )


def test_layer_norm_without_training_has_mean_zero_and_unit_variance() -> None:
    y = LayerNorm(64, bias=True)(torch.randn(2, 3, 64) * 5 + 7)
    torch.testing.assert_close(y.mean(-1), torch.zeros(2, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(y.var(-1, unbiased=False), torch.ones(2, 3), atol=1e-3, rtol=0)


def test_relu_squared_and_its_gradient() -> None:
    x = torch.tensor([-2.0, 0.5, 3.0], requires_grad=True)
    y = relu_squared(x)
    assert y.tolist() == [0.0, 0.25, 9.0]
    assert torch.autograd.grad(y.sum(), x)[0].tolist() == [0.0, 1.0, 6.0]


@pytest.mark.parametrize("activation", ["gelu", "relu2", "swiglu"])
def test_every_activation_has_about_the_same_number_of_weights(activation: str) -> None:
    mlp = MLP(96, activation, bias=False)  # type: ignore[arg-type]
    assert sum(p.numel() for p in mlp.parameters()) == 8 * 96 * 96
    assert mlp(torch.randn(2, 3, 96)).shape == (2, 3, 96)


def test_swiglu_is_the_product_of_silu_gate_and_up() -> None:
    mlp = MLP(3, "swiglu", bias=False)
    x = torch.randn(1, 2, 3)
    gate, up = (x @ mlp.widen.weight.T).chunk(2, -1)
    torch.testing.assert_close(mlp(x), (gate * gate.sigmoid() * up) @ mlp.narrow.weight.T)
