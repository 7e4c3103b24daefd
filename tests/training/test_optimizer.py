"""Muon and AdamW: closed forms, and which weights go to which."""

import math

import pytest
import torch

from playbook.model.gpt import GPTMini
from playbook.plumbing.errors import InputError
from playbook.training.muon import Muon, orthogonalise
from playbook.training.optimizer import OptimizerConfig, clip_gradients, make_optimizers, set_learning_rate


@pytest.mark.parametrize("shape", [(3, 7, 7), (2, 5, 9), (2, 9, 5)])
def test_orthogonalise_brings_singular_values_near_one_and_keeps_directions(shape: tuple[int, int, int]) -> None:
    u, _, vh = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    values = torch.logspace(-1.6, 0, u.size(-1))  # all of them more than a hundredth of their norm
    result = orthogonalise(u * values @ vh)
    assert result.shape == shape
    found = u.mT @ result @ vh.mT  # diagonal: the directions are kept
    torch.testing.assert_close(found, torch.diag_embed(found.diagonal(dim1=-2, dim2=-1)), atol=1e-4, rtol=0)
    kept = found.diagonal(dim1=-2, dim2=-1)
    assert kept.min() > 0.72
    assert kept.max() < 1.28


def test_a_stack_is_its_matrices_one_by_one() -> None:
    matrices = torch.randn(3, 4, 6)
    alone = torch.cat([orthogonalise(matrices[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(orthogonalise(matrices), alone, atol=1e-5, rtol=1e-4)


def test_first_muon_step_has_the_size_of_the_learning_rate() -> None:
    p = torch.nn.Parameter(torch.zeros(12, 12))
    p.grad = torch.randn(12, 12)
    Muon([p], lr=0.1).step()
    assert torch.linalg.svdvals(p.detach()).mean().item() == pytest.approx(0.1, rel=0.15)
    assert (p.detach() * p.grad).sum() < 0  # downhill


def test_muon_shrinks_weights_by_decoupled_decay() -> None:
    p = torch.nn.Parameter(torch.eye(4))
    p.grad = torch.zeros(4, 4)
    Muon([p], lr=0.1, weight_decay=0.5).step()
    torch.testing.assert_close(p.detach(), 0.95 * torch.eye(4), atol=1e-4, rtol=0)


def test_every_weight_has_exactly_one_optimizer(tiny: GPTMini) -> None:
    muon, adamw = make_optimizers(tiny, OptimizerConfig(kind="muon"))
    in_muon = {id(p) for group in muon.param_groups for p in group["params"]}
    in_adamw = {id(p) for group in adamw.param_groups for p in group["params"]}
    assert not in_muon & in_adamw
    assert in_muon | in_adamw == {id(p) for p in tiny.parameters()}
    assert in_muon == {id(p) for p in tiny.blocks.parameters() if p.ndim == 2}


def test_adamw_takes_the_step_of_the_paper(tiny: GPTMini) -> None:
    """The first step of Adam is the learning rate in the direction of the gradient's sign."""
    (adamw,) = make_optimizers(tiny, OptimizerConfig(kind="adamw", learning_rate=0.01, weight_decay=0.0))
    before = tiny.head.weight.detach().clone()
    for p in tiny.parameters():
        p.grad = torch.full_like(p, 2.0)
    adamw.step()
    torch.testing.assert_close(before - tiny.head.weight.detach(), torch.full_like(before, 0.01), atol=1e-5, rtol=1e-3)


def test_learning_rate_is_a_multiple_of_the_peak(tiny: GPTMini) -> None:
    optimizers = make_optimizers(tiny, OptimizerConfig(learning_rate=0.4, muon_learning_rate=0.2))
    for factor in (0.5, 0.25):  # of the peak, not of the last
        set_learning_rate(optimizers, factor)
        assert [g["lr"] for o in optimizers for g in o.param_groups] == pytest.approx([0.2 * factor, 0.4 * factor])


def test_clipping_scales_to_the_norm_and_reports_the_one_before(tiny: GPTMini) -> None:
    for p in tiny.parameters():
        p.grad = torch.ones_like(p)
    count = tiny.parameter_count()
    assert clip_gradients(tiny, 0.5) == pytest.approx(math.sqrt(count), rel=1e-4)
    assert clip_gradients(tiny, 0.0) == pytest.approx(0.5, rel=1e-4)


def test_bad_rates_name_themselves() -> None:
    with pytest.raises(InputError) as error:
        OptimizerConfig(learning_rate=0.0)
    assert error.value.where == "learning_rate"
