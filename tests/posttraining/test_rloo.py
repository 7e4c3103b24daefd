"""RLOO: closed forms, plain Python, and the true policy gradient by enumeration."""

import inspect

import pytest
import torch

from playbook.plumbing.errors import InputError
from playbook.posttraining.rloo import kl_penalised_rewards, rloo_advantages, rloo_loss


def test_the_baseline_is_the_mean_of_the_others() -> None:
    rewards = torch.tensor([1.0, 2.0, 6.0, 0.0, 0.0, 3.0])
    expected = [1 - 4, 2 - 3.5, 6 - 1.5, -1.5, -1.5, 3]
    torch.testing.assert_close(rloo_advantages(rewards, 3), torch.tensor(expected))


def test_rewards_pay_beta_a_nat_for_written_tokens_alone_and_carry_no_gradient() -> None:
    logps = torch.tensor([[-1.0, -2.0, -9.0]], requires_grad=True)
    weights = torch.tensor([[1.0, 1.0, 0.0]])
    paid = kl_penalised_rewards(torch.tensor([5.0]), logps, torch.tensor([[-2.0, -5.0, 0.0]]), weights, 0.5)
    assert paid.tolist() == [5 - 0.5 * (1 + 3)]
    assert not paid.requires_grad


def test_the_loss_agrees_with_plain_python_and_leaves_masked_tokens_alone() -> None:
    logps, weights = torch.randn(4, 5, requires_grad=True), torch.ones(4, 5)
    weights[:, :2] = 0
    advantages = torch.randn(4)
    loss = rloo_loss(logps, advantages, weights)
    rows = [[x * w for x, w in zip(*pair, strict=True)] for pair in zip(logps.tolist(), weights.tolist(), strict=True)]
    expected = -sum(a * sum(row) for a, row in zip(advantages.tolist(), rows, strict=True)) / 4
    assert loss.item() == pytest.approx(expected, abs=1e-5)
    (gradient,) = torch.autograd.grad(loss, logps)
    torch.testing.assert_close(gradient, -advantages[:, None] / 4 * weights)


def test_over_all_pairs_of_samples_the_gradient_is_that_of_the_expected_reward_less_kl() -> None:
    """One-token answers over 5 tokens, groups of 2: all 25 groups, weighed with their chance, leave no noise."""
    logits = torch.randn(5, dtype=torch.float64, requires_grad=True)
    reference, reward, beta = torch.randn(5, dtype=torch.float64).log_softmax(0), torch.randn(5).double(), 0.3
    logps = logits.log_softmax(0)
    objective = (logps.exp() * (reward - beta * (logps - reference))).sum()
    (expected,) = torch.autograd.grad(objective, logits, retain_graph=True)

    total = torch.zeros((), dtype=torch.float64)
    for i in range(5):
        for j in range(5):
            group = torch.tensor([i, j])
            drawn, weights = logps[group][:, None], torch.ones(2, 1, dtype=torch.float64)
            paid = kl_penalised_rewards(reward[group], drawn, reference[group][:, None], weights, beta)
            chance = logps[group].sum().exp().detach()
            total = total + chance * rloo_loss(drawn, rloo_advantages(paid, 2), weights)
    (gradient,) = torch.autograd.grad(-total, logits)
    torch.testing.assert_close(gradient, expected)


def test_wrong_input_is_refused() -> None:
    two, table = torch.ones(2), torch.ones(2, 3)
    with pytest.raises(InputError, match="multiple of the group size 2"):
        rloo_advantages(torch.ones(3), 2)
    with pytest.raises(InputError, match="equal shapes"):
        inspect.unwrap(rloo_loss)(table, torch.ones(2, 1), table)
    with pytest.raises(InputError, match="equal shapes"):
        inspect.unwrap(kl_penalised_rewards)(two, table, table[:, :1], table, 0.1)
    with pytest.raises(InputError, match="equal shapes"):
        inspect.unwrap(kl_penalised_rewards)(torch.ones(3), table, table, table, 0.1)
