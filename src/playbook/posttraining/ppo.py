"""Minimal PPO for language models: a value for each token, advantages by GAE, clipped losses.

The policy's loss is `clipped_policy_loss` (in policy_losses) of whitened advantages, reduced by "bnpo". Weights are 1
on the tokens that the policy wrote; the others (prompt, tool results, padding) are no steps of its, and skipped.

Schulman et al., PPO, arXiv 1707.06347; GAE, arXiv 1506.02438. The details: Huang et al., "The N implementation details
of RLHF with PPO" (2023), and Stiennon et al., arXiv 2009.01325.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from playbook.plumbing.errors import InputError
from playbook.posttraining.checks import check_equal_shapes
from playbook.training.losses import weighted_mean


def token_rewards(
    scores: Float[Tensor, " batch"],
    logps: Float[Tensor, "batch time"],
    reference_logps: Float[Tensor, "batch time"],
    weights: Float[Tensor, "batch time"],
    beta: float,
) -> Float[Tensor, "batch time"]:
    """`-beta (l_t - ref_t)` at every token of the answer, and at its last the score of the whole; without gradient.

    Unequal shapes and an answer without tokens, which could not hold its score, raise `InputError`.
    """
    check_equal_shapes(logps=logps, reference_logps=reference_logps, weights=weights)
    check_equal_shapes(scores=scores, rows=logps[:, 0])
    if bool((weights.sum(1) == 0).any()):
        raise InputError("weights", "at least one token in every answer", "a row without any")
    last = weights.size(1) - 1 - (weights > 0).int().flip(1).argmax(1)
    rewards = -beta * (logps - reference_logps).detach() * weights
    rewards[torch.arange(len(last)), last] += scores.detach().to(rewards.dtype)
    return rewards


def generalized_advantages(
    rewards: Float[Tensor, "batch time"],
    values: Float[Tensor, "batch time"],
    weights: Float[Tensor, "batch time"],
    gamma: float = 1.0,
    lam: float = 0.95,
) -> tuple[Float[Tensor, "batch time"], Float[Tensor, "batch time"]]:
    """Advantages and returns: `A_t = delta_t + gamma lam A_t'`, `delta_t = r_t + gamma V_t' - V_t`, `R_t = A_t + V_t`.

    t' is the next token that the policy wrote; after the last, A and V are 0. `lam` 0 trusts the value model (one step
    ahead), 1 the rewards (what was really earned, less the value). Both results are 0 where the weight is 0, and carry
    no gradient. Unequal shapes, and a reward at a token of weight 0, raise `InputError`.
    """
    check_equal_shapes(rewards=rewards, values=values, weights=weights)
    if bool((rewards * (weights == 0)).any()):
        raise InputError("rewards", "rewards at tokens that the policy wrote", "one at a token of weight 0")
    rewards, values, written = rewards.detach(), values.detach(), weights > 0
    advantages = torch.zeros_like(values)
    next_value, next_advantage = torch.zeros_like(values[:, 0]), torch.zeros_like(values[:, 0])
    for t in reversed(range(values.size(1))):
        delta = rewards[:, t] + gamma * next_value - values[:, t]
        next_advantage = torch.where(written[:, t], delta + gamma * lam * next_advantage, next_advantage)
        next_value = torch.where(written[:, t], values[:, t], next_value)
        advantages[:, t] = next_advantage
    return advantages * written, (advantages + values) * written


def whiten(values: Float[Tensor, "batch time"], weights: Float[Tensor, "batch time"]) -> Float[Tensor, "batch time"]:
    """Shift and scale to mean 0 and (Bessel-corrected) variance 1 over the tokens of weight 1; 0 elsewhere.

    Unequal shapes and fewer than two tokens raise `InputError`.
    """
    check_equal_shapes(values=values, weights=weights)
    if (tokens := weights.sum()) < 2:
        raise InputError("weights", "at least two tokens, to have a variance", f"{tokens:g}")
    centred = (values - weighted_mean(values, weights)) * weights
    return centred * torch.rsqrt(centred.square().sum() / (tokens - 1) + 1e-8)


def clipped_value_loss(
    values: Float[Tensor, "batch time"],
    old_values: Float[Tensor, "batch time"],
    returns: Float[Tensor, "batch time"],
    weights: Float[Tensor, "batch time"],
    clip: float = 0.2,
) -> Float[Tensor, ""]:
    """`mean of max((V - R)^2, (clip(V, old - clip, old + clip) - R)^2) / 2` over the tokens of weight 1.

    The larger of the two: a value that moved further than `clip` (in units of reward) towards its return, away from
    what it was at sampling time, gets no further gradient. Unequal shapes raise `InputError`.
    """
    check_equal_shapes(values=values, old_values=old_values, returns=returns, weights=weights)
    near = values.clamp(old_values - clip, old_values + clip)
    return weighted_mean(torch.max((values - returns) ** 2, (near - returns) ** 2), weights) / 2
