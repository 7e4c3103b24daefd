"""Group relative policy optimization: the answers to one prompt are each other's baseline; no value model is needed.

DeepSeekMath, arXiv 2402.03300, section 4.1. A whole step, with `policy_losses` and `divergence`:

    advantages = grpo_advantages(rewards, group)
    ratio = importance_ratio(logps, old_logps, weights)
    losses = clipped_policy_loss(ratio, advantages[:, None]) + beta * kl_estimate(logps, reference_logps, "k3")
    loss = reduce_tokens(losses, weights, "grpo")

Rows lie group after group: row i answers prompt i // group.
"""

from typing import Literal, get_args

from jaxtyping import Bool, Float, Int
from torch import Tensor

from playbook.plumbing.errors import InputError
from playbook.posttraining.checks import check_choice

Scale = Literal["group", "batch", "none"]


def by_group(rewards: Float[Tensor, " batch"], group: int) -> Float[Tensor, "groups group"]:
    """The rewards of each prompt's answers in a row. `InputError` unless `group` >= 2 divides the batch."""
    if group < 2:
        raise InputError("group", "at least 2 answers to a prompt, to compare them", group)
    if len(rewards) == 0 or len(rewards) % group:
        raise InputError("rewards", f"a multiple of the group size {group}", f"{len(rewards)} rewards")
    return rewards.reshape(-1, group)


def grpo_advantages(
    rewards: Float[Tensor, " batch"], group: int, scale: Scale = "group", epsilon: float = 1e-4
) -> Float[Tensor, " batch"]:
    """`(r - mean) / (std + epsilon)`, the mean over the group, the std (Bessel-corrected) over what `scale` names.

    - group: as in the paper; easy and hard prompts, whose std is small, then count more
    - none: no std, which removes that bias; Dr. GRPO, Liu et al., arXiv 2503.20783, section 3
    - batch: the std of all rewards; Liu et al., "Lite PPO", arXiv 2508.08221

    A group's advantages sum to 0; they are exactly 0 where its rewards are equal (see `frac_reward_zero_std`).
    An unknown scale and a group size that does not divide the batch raise `InputError`.
    """
    check_choice("scale", scale, get_args(Scale))
    grouped = by_group(rewards, group)
    # The mean of equal numbers can be off by a rounding, which epsilon would then magnify.
    centred = (grouped - grouped.mean(1, keepdim=True)).masked_fill(_equal(grouped)[:, None], 0.0)
    if scale == "group":
        centred = centred / (grouped.std(1, keepdim=True) + epsilon)
    if scale == "batch":
        centred = centred / (rewards.std() + epsilon)
    return centred.flatten()


def frac_reward_zero_std(rewards: Float[Tensor, " batch"], group: int) -> float:
    """The share of groups whose rewards are all equal: they teach nothing, and a run full of them stands still.

    A group size that does not divide the batch raises `InputError`.
    """
    return _equal(by_group(rewards, group)).float().mean().item()


def groups_that_differ(rewards: Float[Tensor, " batch"], group: int) -> Int[Tensor, " some"]:
    """The numbers, in order, of the groups whose rewards are not all equal: those that have something to teach.

    A group size that does not divide the batch raises `InputError`.
    """
    return (~_equal(by_group(rewards, group))).nonzero().flatten()


def _equal(grouped: Float[Tensor, "groups group"]) -> Bool[Tensor, " groups"]:
    return grouped.amax(1) == grouped.amin(1)
