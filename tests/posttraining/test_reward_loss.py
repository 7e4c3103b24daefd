"""Bradley-Terry and ensembles: closed forms, numpy, finite differences."""

import inspect
import math

import numpy as np
import pytest
import torch

from playbook.plumbing.errors import InputError
from playbook.posttraining.reward_loss import anchor_loss, bradley_terry_loss, ensemble_reward, reward_metrics


def test_equal_rewards_cost_log_2_and_a_lead_of_ln_3_costs_ln_four_thirds() -> None:
    losses = bradley_terry_loss(torch.tensor([5.0, math.log(3)]), torch.tensor([5.0, 0.0]))
    torch.testing.assert_close(losses, torch.tensor([math.log(2), math.log(4 / 3)]))  # chance 1/2, chance 3/4


def test_agrees_with_numpy() -> None:
    chosen, rejected, margin = torch.randn(3, 13)
    c, r, m = (t.double().numpy() for t in (chosen, rejected, margin))
    torch.testing.assert_close(
        bradley_terry_loss(chosen, rejected, margin=margin, centering=0.01).double(),
        torch.from_numpy(np.log1p(np.exp(-(c - r - m))) + 0.01 * (c + r) ** 2),
        atol=1e-5,
        rtol=1e-5,
    )


def test_flipped_labels_bound_how_far_a_lead_can_pay() -> None:
    """Chance 3/4 with a fifth flipped is .8 * .75 + .2 * .25; a lead without end ends at the share of true labels."""
    lead = torch.tensor([math.log(3), 200.0, -200.0, 0.0], requires_grad=True)
    losses = bradley_terry_loss(lead, torch.zeros(4), flips=0.2)
    torch.testing.assert_close(losses.detach().exp(), 1 / torch.tensor([0.65, 0.8, 0.2, 0.5]))
    gradient = torch.autograd.grad(losses.sum(), lead)[0]
    assert gradient[1:3].abs().max() < 1e-6
    assert gradient[0] < 0


def test_the_best_lead_under_flips_is_the_true_one() -> None:
    """The better answer wins .7 of the time, a tenth of the labels is flipped: the loss is least at the logit of .7."""
    labelled = 0.9 * 0.7 + 0.1 * 0.3
    lead = torch.tensor(math.log(0.7 / 0.3), dtype=torch.float64, requires_grad=True)
    won, lost = (
        bradley_terry_loss(sign * lead[None], torch.zeros(1, dtype=torch.float64), flips=0.1) for sign in (1, -1)
    )
    (slope,) = torch.autograd.grad((labelled * won + (1 - labelled) * lost).sum(), lead)
    assert abs(slope.item()) < 1e-9


def test_only_centering_fixes_the_constant() -> None:
    """A shift of all rewards is invisible to the pairs; with centering its gradient points to a mean of 0."""
    shift = torch.tensor(2.0, requires_grad=True)
    chosen, rejected = torch.tensor([1.0, 0.5]), torch.tensor([-1.0, 0.0])
    (without,) = torch.autograd.grad(bradley_terry_loss(chosen + shift, rejected + shift).sum(), shift)
    assert abs(without.item()) < 1e-6
    (centred,) = torch.autograd.grad(bradley_terry_loss(chosen + shift, rejected + shift, centering=0.1).sum(), shift)
    assert centred.item() == pytest.approx(0.1 * (2 * 4.0 * 2 + 2 * 4.5 * 2))  # 2 c (rc + rr) d(rc + rr)


def test_the_anchor_pulls_abstentions_to_0_and_nothing_else() -> None:
    rewards = torch.tensor([3.0, -2.0, 4.0], requires_grad=True)
    losses = anchor_loss(rewards, torch.tensor([True, True, False]))
    assert losses.tolist() == [9, 4, 0]
    assert torch.autograd.grad(losses.sum(), rewards)[0].tolist() == [6, -4, 0]


def test_finite_differences_agree_with_autograd() -> None:
    pair = torch.randn(2, 13, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: bradley_terry_loss(x[0], x[1], centering=0.1), pair)
    assert torch.autograd.gradcheck(lambda x: bradley_terry_loss(x[0], x[1], flips=0.2), pair)


def test_metrics() -> None:
    assert reward_metrics(torch.tensor([2.0, 1.0, 0.0, 3.0]), torch.tensor([0.0, 1.0, -4.0, 5.0])) == {
        "accuracy": 0.5,
        "margin": 1.0,
        "min_reward": -4.0,
        "mean_reward": 1.0,
        "max_reward": 5.0,
    }


def test_ensembles() -> None:
    """Members 1, 2, 6 of mean 3: variance (4 + 1 + 9) / 3; members that agree lose nothing."""
    rewards = torch.tensor([[1.0, 5.0], [2.0, 5.0], [6.0, 5.0]])
    assert ensemble_reward(rewards, "mean").tolist() == [3, 5]
    assert ensemble_reward(rewards, "min").tolist() == [1, 5]
    torch.testing.assert_close(ensemble_reward(rewards, "mean_minus_variance", 0.5), torch.tensor([3 - 7 / 3, 5.0]))


def test_wrong_input_is_refused() -> None:
    three, column = torch.ones(3), torch.ones(3, 1)
    with pytest.raises(InputError, match="equal shapes"):
        inspect.unwrap(bradley_terry_loss)(three, column)
    with pytest.raises(InputError, match="margin \\[3, 1\\]"):
        inspect.unwrap(bradley_terry_loss)(three, three, margin=column)
    with pytest.raises(InputError, match="a share in"):
        inspect.unwrap(bradley_terry_loss)(three, three, flips=0.5)
    with pytest.raises(InputError, match="equal shapes"):
        inspect.unwrap(reward_metrics)(three, column)
    with pytest.raises(InputError, match="equal shapes"):
        inspect.unwrap(anchor_loss)(three, column > 0)
    with pytest.raises(InputError, match="one of mean, min"):
        inspect.unwrap(ensemble_reward)(torch.ones(2, 3), "median")
