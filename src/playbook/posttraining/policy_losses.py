"""Policy-gradient losses on tokens that an older policy sampled, and how they are summed up.

Weights are 1 on tokens that the policy wrote and 0 on prompts, tool results and padding.
Knows nothing of where advantages come from: `grpo` and `rloo` give one to each answer, `ppo` one to each token.
"""

from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from playbook.plumbing.errors import InputError
from playbook.posttraining.checks import check_choice, check_equal_shapes
from playbook.training.losses import weighted_mean

Level = Literal["token", "sequence"]
Reduction = Literal["grpo", "bnpo", "dr_grpo", "dapo"]


def importance_ratio(
    logps: Float[Tensor, "batch time"],
    old_logps: Float[Tensor, "batch time"],
    weights: Float[Tensor, "batch time"],
    level: Level = "token",
) -> Float[Tensor, "batch time"]:
    """How much likelier each token is now than when it was sampled; 1 where the weight is 0.

    token: `exp(l_t - old_t)`, as in PPO and GRPO. sequence: the geometric mean of these over the answer, the same for
    all its tokens; with the reduction "grpo" this is GSPO (Zheng et al., arXiv 2507.18071, section 4.1).
    Unequal shapes and an unknown level raise `InputError`.
    """
    check_equal_shapes(logps=logps, old_logps=old_logps, weights=weights)
    check_choice("level", level, get_args(Level))
    log_ratio = (logps - old_logps).masked_fill(weights == 0, 0.0)
    if level == "sequence":
        mean = log_ratio.sum(1, keepdim=True) / weights.sum(1, keepdim=True).clamp(min=1)
        log_ratio = mean.expand_as(log_ratio).masked_fill(weights == 0, 0.0)
    return log_ratio.exp()


def clipped_policy_loss(
    ratio: Float[Tensor, "batch time"],
    advantages: Float[Tensor, "batch #time"],
    clip_low: float = 0.2,
    clip_high: float = 0.2,
) -> Float[Tensor, "batch time"]:
    """`-min(ratio A, clip(ratio, 1 - clip_low, 1 + clip_high) A)` for each token; A for each token, or [batch, 1].

    A token that moved far enough in the direction of its advantage gets no further gradient. PPO, Schulman et al.,
    arXiv 1707.06347, equation 7; unequal bounds ("clip higher", which leaves rare tokens room to grow): DAPO,
    Yu et al., arXiv 2503.14476, section 3.1. Advantages of another shape raise `InputError`.
    """
    _check_advantages(ratio, advantages)
    clipped = ratio.clamp(1 - clip_low, 1 + clip_high)
    return -torch.min(ratio * advantages, clipped * advantages)


def cispo_loss(
    logps: Float[Tensor, "batch time"],
    ratio: Float[Tensor, "batch time"],
    advantages: Float[Tensor, "batch #time"],
    clip_high: float = 4.0,
) -> Float[Tensor, "batch time"]:
    """`-stop_gradient(min(ratio, 1 + clip_high)) A l_t`: the weight of a token is clipped, never its gradient.

    MiniMax-M1, arXiv 2506.13585, section 3.1, without the lower bound, as there. (TRL's `epsilon_high` for this
    loss is our 1 + clip_high.) Unequal shapes raise `InputError`.
    """
    check_equal_shapes(logps=logps, ratio=ratio)
    _check_advantages(ratio, advantages)
    return -ratio.detach().clamp(max=1 + clip_high) * advantages * logps


def clip_ratios(
    ratio: Float[Tensor, "batch time"],
    advantages: Float[Tensor, "batch #time"],
    weights: Float[Tensor, "batch time"],
    clip_low: float = 0.2,
    clip_high: float = 0.2,
) -> dict[str, float]:
    """The share of tokens that `clipped_policy_loss` leaves without gradient, under TRL's names.

    Unequal shapes raise `InputError`.
    """
    check_equal_shapes(ratio=ratio, weights=weights)
    _check_advantages(ratio, advantages)
    low = (ratio < 1 - clip_low) & (advantages < 0)
    high = (ratio > 1 + clip_high) & (advantages > 0)
    return {
        "clip_ratio/low_mean": weighted_mean(low.float(), weights).item(),
        "clip_ratio/high_mean": weighted_mean(high.float(), weights).item(),
        "clip_ratio/region_mean": weighted_mean((low | high).float(), weights).item(),
    }


def reduce_tokens(
    losses: Float[Tensor, "batch time"],
    weights: Float[Tensor, "batch time"],
    reduction: Reduction,
    max_tokens: int | None = None,
    step_tokens: int | None = None,
) -> Float[Tensor, ""]:
    """One loss from the losses of all tokens; the reductions differ in what a token of a long answer counts.

    - grpo: the mean over answers of the mean over their tokens, so a token of a long wrong answer costs less
      (arXiv 2402.03300, equation 3)
    - bnpo: the mean over the tokens of this batch
    - dr_grpo: the sum / (batch * `max_tokens`), the most tokens an answer may have: no length in the denominator
      (arXiv 2503.20783, section 3)
    - dapo: the sum / `step_tokens`, the tokens of all the batches accumulated for this step; bnpo if there is but one
      (arXiv 2503.14476, section 3.3)

    For two answers of 1 and 3 tokens with loss 1 at the first's and 0 at the second's: grpo 1/2, bnpo 1/4, and
    dr_grpo with `max_tokens` 5 gives 1/10.
    Unequal shapes, an unknown reduction and a missing count raise `InputError`.
    """
    check_equal_shapes(losses=losses, weights=weights)
    check_choice("reduction", reduction, get_args(Reduction))
    if reduction == "grpo":
        return ((losses * weights).sum(1) / weights.sum(1).clamp(min=1)).mean()
    if reduction == "bnpo":
        return weighted_mean(losses, weights)
    name, count = ("max_tokens", max_tokens) if reduction == "dr_grpo" else ("step_tokens", step_tokens)
    if count is None or count < 1:
        raise InputError(name, f"a count of at least 1, which {reduction} divides by", count)
    return (losses * weights).sum() / (count * len(losses) if reduction == "dr_grpo" else count)


def _check_advantages(ratio: Tensor, advantages: Tensor) -> None:
    """[batch] would be broadcast along time, and fit where batch and time happen to be equal."""
    if advantages.ndim != 2 or advantages.size(0) != ratio.size(0) or advantages.size(1) not in (1, ratio.size(1)):
        got = list(advantages.shape)
        raise InputError("advantages", f"shape {list(ratio.shape)} or [{ratio.size(0)}, 1]", f"shape {got}")
