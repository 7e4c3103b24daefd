"""Group-relative advantages, and a whole GRPO step against plain Python."""

import inspect
import math
import statistics
from typing import get_args

import pytest
import torch
from toy import TIME, VOCAB

from playbook.model.gpt import GPTMini
from playbook.plumbing.errors import InputError
from playbook.posttraining.divergence import kl_estimate
from playbook.posttraining.grpo import Scale, by_group, frac_reward_zero_std, groups_that_differ, grpo_advantages
from playbook.posttraining.policy_losses import clipped_policy_loss, importance_ratio, reduce_tokens
from playbook.training.losses import token_nats

SCALES: tuple[Scale, ...] = get_args(Scale)


def test_two_answers_worth_1_and_0() -> None:
    """Mean 1/2, Bessel-corrected std sqrt(1/2)."""
    expected = 0.5 / (math.sqrt(0.5) + 1e-4)
    torch.testing.assert_close(grpo_advantages(torch.tensor([1.0, 0.0]), 2), torch.tensor([expected, -expected]))


@pytest.mark.parametrize("scale", SCALES)
def test_agrees_with_plain_python_and_sums_to_0_in_each_group(scale: Scale) -> None:
    rewards, expected = torch.randn(5 * 3), []
    values = rewards.double().tolist()
    for first in range(0, 15, 3):
        group = values[first : first + 3]
        std = {"group": statistics.stdev(group), "batch": statistics.stdev(values), "none": None}[scale]
        expected += [(r - statistics.mean(group)) / (1 if std is None else std + 1e-4) for r in group]
    advantages = grpo_advantages(rewards, 3, scale)
    torch.testing.assert_close(advantages, torch.tensor(expected), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(by_group(advantages, 3).sum(1), torch.zeros(5), atol=1e-5, rtol=0)


@pytest.mark.parametrize("scale", SCALES)
def test_a_group_of_equal_rewards_gives_no_gradient_and_is_counted(scale: Scale) -> None:
    """Also where the float32 mean of equal rewards is not that reward: epsilon would magnify the rounding."""
    group = 7
    rewards = torch.tensor([0.1] * group + [0.0] * 6 + [1.0])
    assert rewards[:group].mean().item() != rewards[0].item()
    logps = torch.randn(2 * group, 5, requires_grad=True)
    weights = torch.ones(2 * group, 5)
    ratio = importance_ratio(logps, logps.detach(), weights)
    losses = clipped_policy_loss(ratio, grpo_advantages(rewards, group, scale)[:, None])
    (gradient,) = torch.autograd.grad(reduce_tokens(losses, weights, "grpo"), logps)
    assert gradient[:group].abs().max() == 0
    assert gradient[group:].abs().min() > 0
    assert frac_reward_zero_std(rewards, group) == 0.5
    assert groups_that_differ(rewards, group).tolist() == [1]


def test_a_whole_step_on_a_model_agrees_with_plain_python(tiny: GPTMini) -> None:
    """Four answers to two prompts; the policy has moved since it sampled them; the second half of a row counts."""
    ids, beta = torch.randint(VOCAB, (4, TIME + 1)), 0.04
    weights = torch.zeros(4, TIME)
    for row, last in enumerate((7, 9, TIME, 6)):
        weights[row, 5:last] = 1
    rewards = torch.tensor([1.0, 0.0, 0.5, 2.0])

    with torch.no_grad():
        logps = -token_nats(tiny(ids[:, :-1]), ids[:, 1:])
        old, reference = logps + 0.3 * torch.randn_like(logps), logps + 0.3 * torch.randn_like(logps)
        losses = clipped_policy_loss(importance_ratio(logps, old, weights), grpo_advantages(rewards, 2)[:, None])
        loss = reduce_tokens(losses + beta * kl_estimate(logps, reference, "k3"), weights, "grpo")

    expected = 0.0
    for i in range(4):
        pair = rewards[i - i % 2 : i - i % 2 + 2].tolist()
        advantage = (rewards[i].item() - sum(pair) / 2) / (statistics.stdev(pair) + 1e-4)
        answer = [t for t in range(TIME) if weights[i, t]]
        for t in answer:
            now, then, ref = (x[i, t].item() for x in (logps, old, reference))
            ratio = math.exp(now - then)
            gain = min(ratio * advantage, max(0.8, min(1.2, ratio)) * advantage)
            expected -= (gain - beta * (math.exp(ref - now) - (ref - now) - 1)) / len(answer) / 4
    assert loss.item() == pytest.approx(expected, abs=1e-5)


def test_wrong_input_is_refused() -> None:
    with pytest.raises(InputError, match="multiple of the group size 3"):
        grpo_advantages(torch.ones(7), 3)
    with pytest.raises(InputError, match="multiple of the group size 2"):
        frac_reward_zero_std(torch.ones(0), 2)
    with pytest.raises(InputError, match="at least 2"):
        grpo_advantages(torch.ones(4), 1)
    with pytest.raises(InputError, match="one of group, batch, none"):
        inspect.unwrap(grpo_advantages)(torch.ones(4), 2, "grop")
