"""Ratios, clipping and reductions: closed forms, numpy, finite differences, and what the mask promises."""

import inspect
import math
from typing import get_args

import numpy as np
import pytest
import torch

from playbook.plumbing.errors import InputError
from playbook.posttraining.policy_losses import (
    Reduction,
    cispo_loss,
    clip_ratios,
    clipped_policy_loss,
    importance_ratio,
    reduce_tokens,
)

REDUCTIONS: tuple[Reduction, ...] = get_args(Reduction)
BATCH, TIME = 3, 7


def random_mask() -> torch.Tensor:
    weights = (torch.rand(BATCH, TIME) < 0.6).float()
    weights[:, 0] = 1
    return weights


def test_ratios_of_tokens_and_of_the_sequence() -> None:
    """Ratios 2 and 8 have geometric mean 4; a masked token has ratio 1 however far it went."""
    logps, weights = torch.tensor([[math.log(2), math.log(8), 500.0]]), torch.tensor([[1.0, 1.0, 0.0]])
    old = torch.zeros(1, 3)
    torch.testing.assert_close(importance_ratio(logps, old, weights), torch.tensor([[2.0, 8.0, 1.0]]))
    torch.testing.assert_close(importance_ratio(logps, old, weights, "sequence"), torch.tensor([[4.0, 4.0, 1.0]]))


def test_clipping_in_four_quadrants_with_unequal_bounds() -> None:
    """Ratios 1.5 and .5, advantages +2 and -2, bounds .8 and 1.28: the pessimistic side is always taken."""
    ratio = torch.tensor([[1.5, 0.5, 1.5, 0.5]])
    advantages = torch.tensor([[2.0, 2.0, -2.0, -2.0]])
    losses = clipped_policy_loss(ratio, advantages, clip_low=0.2, clip_high=0.28)
    torch.testing.assert_close(losses, torch.tensor([[-2.56, -1.0, 3.0, 1.6]]))
    assert clip_ratios(ratio, advantages, torch.ones(1, 4), 0.2, 0.28) == {
        "clip_ratio/low_mean": 0.25,
        "clip_ratio/high_mean": 0.25,
        "clip_ratio/region_mean": 0.5,
    }
    ratio.requires_grad_()
    (gradient,) = torch.autograd.grad(clipped_policy_loss(ratio, advantages, 0.2, 0.28).sum(), ratio)
    assert gradient.tolist() == [[0, -2, 2, 0]]  # what is clipped gets no gradient


def test_cispo_clips_the_weight_and_keeps_the_gradient() -> None:
    logps = torch.tensor([[-1.0, -2.0]], requires_grad=True)
    ratio = torch.tensor([[9.0, 0.5]])
    losses = cispo_loss(logps, ratio, torch.tensor([[2.0]]), clip_high=4.0)
    torch.testing.assert_close(losses, torch.tensor([[10.0, 2.0]]))  # 5 * 2 * 1, .5 * 2 * 2
    (gradient,) = torch.autograd.grad(losses.sum(), logps)
    assert gradient.tolist() == [[-10.0, -1.0]]


def test_on_policy_all_give_the_policy_gradient() -> None:
    logps, weights = torch.randn(BATCH, TIME, requires_grad=True), random_mask()
    advantages = torch.randn(BATCH, 1)
    ratio = importance_ratio(logps, logps.detach(), weights)
    sequence = importance_ratio(logps, logps.detach(), weights, "sequence")
    expected = torch.autograd.grad(reduce_tokens(-advantages * logps, weights, "grpo"), logps)
    for losses in (
        clipped_policy_loss(ratio, advantages),
        clipped_policy_loss(sequence, advantages),
        cispo_loss(logps, ratio, advantages),
    ):
        gradient = torch.autograd.grad(reduce_tokens(losses, weights, "grpo"), logps, retain_graph=True)
        torch.testing.assert_close(gradient, expected)


def test_gspo_agrees_with_numpy() -> None:
    logps, old, weights, advantages = torch.randn(BATCH, TIME), torch.randn(BATCH, TIME), random_mask(), torch.randn(3)
    ratio = importance_ratio(logps, old, weights, "sequence")
    loss = reduce_tokens(clipped_policy_loss(ratio, advantages[:, None], 0.1, 0.2), weights, "grpo")
    n, o, w, a = (t.double().numpy() for t in (logps, old, weights, advantages))
    likelihood_ratios = np.exp((n * w).sum(1) - (o * w).sum(1)) ** (1 / w.sum(1))
    expected = -np.minimum(likelihood_ratios * a, np.clip(likelihood_ratios, 0.9, 1.2) * a).mean()
    assert loss.item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("reduction", "expected"), [("grpo", 1 / 2), ("bnpo", 1 / 4), ("dr_grpo", 1 / 10), ("dapo", 1 / 8)]
)
def test_two_answers_of_1_and_3_tokens(reduction: Reduction, expected: float) -> None:
    losses = torch.tensor([[1.0, 9.0, 9.0], [0.0, 0.0, 0.0]])
    weights = torch.tensor([[1.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    loss = reduce_tokens(losses, weights, reduction, max_tokens=5, step_tokens=8)
    assert loss.item() == pytest.approx(expected)


def test_dapo_adds_up_over_accumulated_batches_and_bnpo_does_not() -> None:
    losses, weights = torch.randn(4, TIME), torch.ones(4, TIME)
    weights[2:, 2:] = 0
    tokens = int(weights.sum())
    whole = reduce_tokens(losses, weights, "bnpo")
    halves = list(zip(losses.chunk(2), weights.chunk(2), strict=True))
    added = torch.stack([reduce_tokens(*half, "dapo", step_tokens=tokens) for half in halves]).sum()
    torch.testing.assert_close(added, whole)
    averaged = torch.stack([reduce_tokens(*half, "bnpo") for half in halves]).mean()
    assert (averaged - whole).abs() > 1e-3


@pytest.mark.parametrize("level", ["token", "sequence"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_masked_tokens_get_no_gradient_and_the_others_that_of_finite_differences(
    reduction: Reduction, level: str
) -> None:
    weights, advantages = random_mask().double(), torch.randn(BATCH, 1, dtype=torch.float64)
    old = torch.randn(BATCH, TIME, dtype=torch.float64)

    def loss(logps: torch.Tensor) -> torch.Tensor:
        ratio = importance_ratio(logps, old, weights, level)  # type: ignore[arg-type]
        losses = clipped_policy_loss(ratio, advantages, 10.0, 10.0)  # wide open: no token is clipped
        return reduce_tokens(losses, weights, reduction, max_tokens=TIME, step_tokens=50)

    logps = torch.randn(BATCH, TIME, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(loss, logps)
    (gradient,) = torch.autograd.grad(loss(logps), logps)
    assert (gradient != 0).equal(weights == 1)


def test_a_row_without_tokens_adds_nothing() -> None:
    losses, weights = torch.ones(2, TIME), torch.ones(2, TIME)
    weights[1] = 0
    assert reduce_tokens(losses, weights, "grpo").item() == 0.5
    assert importance_ratio(losses, losses, weights, "sequence").isfinite().all()


def test_wrong_input_is_refused() -> None:
    square = torch.ones(3, 3)
    ratio, clipped, cispo = (
        inspect.unwrap(importance_ratio),
        inspect.unwrap(clipped_policy_loss),
        inspect.unwrap(cispo_loss),
    )
    clips, reduce = inspect.unwrap(clip_ratios), inspect.unwrap(reduce_tokens)
    with pytest.raises(InputError, match="equal shapes"):
        ratio(square, square, square[:, :1])
    with pytest.raises(InputError, match="one of token, sequence"):
        ratio(square, square, square, "row")
    with pytest.raises(InputError, match=r"\[3, 1\]"):  # [3] would fit [3, 3], along the wrong axis
        clipped(square, torch.ones(3))
    with pytest.raises(InputError, match=r"\[3, 1\]"):
        clipped(square, torch.ones(1, 3))
    with pytest.raises(InputError, match="equal shapes"):
        cispo(square, square[:, :1], square)
    with pytest.raises(InputError, match="equal shapes"):
        clips(square, square, square[:, :1])
    with pytest.raises(InputError, match="equal shapes"):
        reduce(square, square[:1], "grpo")
    with pytest.raises(InputError, match="one of grpo, bnpo"):
        reduce(square, square, "mean")
    with pytest.raises(InputError, match="max_tokens"):
        reduce(square, square, "dr_grpo", step_tokens=5)
    with pytest.raises(InputError, match="step_tokens"):
        reduce(square, square, "dapo", max_tokens=5)
