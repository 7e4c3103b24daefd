"""The loss: closed forms, and what the mask promises."""

import math

import torch

from playbook.training.losses import token_nats, weighted_mean


def test_uniform_logits_cost_ln_vocab() -> None:
    torch.testing.assert_close(
        token_nats(torch.zeros(2, 3, 7), torch.zeros(2, 3, dtype=torch.long)), torch.full((2, 3), math.log(7))
    )


def test_a_certain_right_answer_costs_nothing_and_a_wrong_one_its_margin() -> None:
    logits = torch.tensor([[[50.0, 0.0], [50.0, 0.0]]])
    torch.testing.assert_close(token_nats(logits, torch.tensor([[0, 1]])), torch.tensor([[0.0, 50.0]]))


def test_masked_targets_carry_no_loss_and_no_gradient() -> None:
    logits = torch.randn(1, 4, 5, requires_grad=True)
    targets, weights = torch.tensor([[1, 2, 3, 4]]), torch.tensor([[1.0, 0.0, 1.0, 0.0]])
    loss = weighted_mean(token_nats(logits, targets), weights)
    kept = torch.nn.functional.cross_entropy(logits[0, [0, 2]], targets[0, [0, 2]])
    torch.testing.assert_close(loss, kept)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient[0, [1, 3]].abs().max() == 0
    assert gradient[0, [0, 2]].abs().amin(-1).min() > 0


def test_nothing_weighted_is_no_loss() -> None:
    assert weighted_mean(torch.ones(1, 2), torch.zeros(1, 2)).item() == 0
