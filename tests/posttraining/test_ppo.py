"""PPO's parts: closed forms, plain Python over rows with holes in them, finite differences."""

import inspect

import pytest
import torch

from playbook.plumbing.errors import InputError
from playbook.posttraining.ppo import clipped_value_loss, generalized_advantages, token_rewards, whiten

HOLES = torch.tensor([[0, 1, 1, 0, 0, 1, 0], [1, 1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0, 1]]).float()
"""A tool result inside the first answer, padding after it; a whole row; a single token."""


def test_the_score_stands_on_the_last_token_and_the_kl_on_all() -> None:
    logps = torch.full((3, 7), -1.0, requires_grad=True)
    rewards = token_rewards(torch.tensor([10.0, 20.0, 30.0]), logps, torch.full((3, 7), -3.0), HOLES, beta=0.5)
    expected = -HOLES  # -.5 * (-1 - -3) on each token
    expected[[0, 1, 2], [5, 6, 6]] += torch.tensor([10.0, 20.0, 30.0])
    torch.testing.assert_close(rewards, expected)
    assert not rewards.requires_grad


@pytest.mark.parametrize(("gamma", "lam"), [(1.0, 0.95), (0.9, 0.8), (1.0, 1.0), (0.9, 0.0)])
def test_advantages_agree_with_their_definition_as_a_sum(gamma: float, lam: float) -> None:
    """A_t = sum_k (gamma lam)^k delta_{t + k} over the tokens that the policy wrote, holes left out."""
    rewards, values = torch.randn(3, 7) * HOLES, torch.randn(3, 7)
    advantages, returns = generalized_advantages(rewards, values, HOLES, gamma, lam)
    for row in range(3):
        steps = [t for t in range(7) if HOLES[row, t]]
        r, v = ([x[row, t].item() for t in steps] for x in (rewards, values))
        deltas = [r[k] + gamma * (v[k + 1] if k + 1 < len(v) else 0.0) - v[k] for k in range(len(steps))]
        for k, t in enumerate(steps):
            expected = sum((gamma * lam) ** (j - k) * deltas[j] for j in range(k, len(steps)))
            assert advantages[row, t].item() == pytest.approx(expected, abs=1e-5)
            assert returns[row, t].item() == pytest.approx(expected + v[k], abs=1e-5)
    assert (advantages * (1 - HOLES)).abs().max() == (returns * (1 - HOLES)).abs().max() == 0


def test_with_lambda_1_the_return_is_what_was_earned_whatever_the_values() -> None:
    rewards = torch.tensor([[0.0, 1.0, 4.0]])
    _, returns = generalized_advantages(rewards, torch.randn(1, 3), torch.ones(1, 3), gamma=1.0, lam=1.0)
    torch.testing.assert_close(returns, torch.tensor([[5.0, 5.0, 4.0]]))


def test_whitened_tokens_have_mean_0_and_variance_1() -> None:
    values = 5 + 3 * torch.randn(3, 7)
    white = whiten(values, HOLES)
    kept = white[HOLES == 1]
    assert kept.mean().item() == pytest.approx(0, abs=1e-5)
    assert kept.var().item() == pytest.approx(1, abs=1e-5)
    assert white[HOLES == 0].abs().max() == 0
    original = values[HOLES == 1]
    torch.testing.assert_close(kept, (original - original.mean()) / original.std())


def test_the_value_loss_takes_the_larger_of_two_errors() -> None:
    """Return 1, old value 0, clip .2: at .5 the clipped error .8^2 is the larger and has no gradient; at -.5 1.5^2."""
    values = torch.tensor([[0.5, -0.5, 9.0]], requires_grad=True)
    weights = torch.tensor([[1.0, 1.0, 0.0]])
    loss = clipped_value_loss(values, torch.zeros(1, 3), torch.ones(1, 3), weights)
    assert loss.item() == pytest.approx((0.64 + 2.25) / 2 / 2)
    (gradient,) = torch.autograd.grad(loss, values)
    torch.testing.assert_close(gradient, torch.tensor([[0.0, -0.75, 0.0]]))  # (V - R) / 2 tokens


def test_finite_differences_agree_with_autograd() -> None:
    old, returns = torch.randn(2, 3, 7, dtype=torch.float64)
    values = torch.randn(3, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: clipped_value_loss(v, old, returns, HOLES.double()), values)


def test_wrong_input_is_refused() -> None:
    table, column = torch.ones(3, 7), torch.ones(3, 1)
    rewards, gae = inspect.unwrap(token_rewards), inspect.unwrap(generalized_advantages)
    white, value = inspect.unwrap(whiten), inspect.unwrap(clipped_value_loss)
    with pytest.raises(InputError, match="equal shapes"):
        rewards(torch.ones(3), table, column, table, 0.1)
    with pytest.raises(InputError, match="equal shapes"):
        rewards(column, table, table, table, 0.1)
    with pytest.raises(InputError, match="a row without any"):
        rewards(torch.ones(3), table, table, 0 * table, 0.1)
    with pytest.raises(InputError, match="equal shapes"):
        gae(table, table, column)
    with pytest.raises(InputError, match="token of weight 0"):
        gae(table, table, HOLES)
    with pytest.raises(InputError, match="equal shapes"):
        white(table, column)
    with pytest.raises(InputError, match="at least two tokens"):
        white(table, 0 * table)
    with pytest.raises(InputError, match="equal shapes"):
        value(table, table, column, table)
