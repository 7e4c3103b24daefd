"""The loss of a reward model, and how several reward models are made into one.

Bradley and Terry, Biometrika 39 (1952): the chance that one answer beats another is a sigmoid of the difference of
their rewards. Knows nothing of the model that gives the rewards.
"""

import math
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from playbook.posttraining.checks import check_choice, check_equal_shapes, check_flips

Ensemble = Literal["mean", "min", "mean_minus_variance"]


def bradley_terry_loss(
    chosen: Float[Tensor, " batch"],
    rejected: Float[Tensor, " batch"],
    *,
    margin: Float[Tensor, " batch"] | None = None,
    centering: float = 0.0,
    flips: float = 0.0,
) -> Float[Tensor, " batch"]:
    """`-log sigmoid(rc - rr - margin) + centering (rc + rr)^2` for each pair of rewards; log 2 for equal ones.

    `margin`, in units of reward, grows with how clear the preference was (Llama 2, arXiv 2307.09288, equation 2).
    The data fix rewards only up to a constant; `centering` pulls it to 0 (Eisenstein et al., arXiv 2312.09244).
    `flips`: the share of the labels taken for flipped. With it the chance `s = sigmoid(...)` of the better answer
    becomes `(1 - flips) s + flips (1 - s)`, the chance of the label, so that a lead without end gains nothing
    ("forward" correction, Patrini et al., arXiv 1609.03683, section 4.2).
    Unequal shapes and `flips` outside [0, 0.5) raise `InputError`.
    """
    check_equal_shapes(chosen=chosen, rejected=rejected, **({} if margin is None else {"margin": margin}))
    check_flips(flips)
    lead = chosen - rejected if margin is None else chosen - rejected - margin
    log_chance = F.logsigmoid(lead)
    if flips:
        log_chance = torch.logaddexp(log_chance + math.log1p(-flips), F.logsigmoid(-lead) + math.log(flips))
    return -log_chance + centering * (chosen + rejected) ** 2


def anchor_loss(rewards: Float[Tensor, " batch"], abstains: Bool[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """`r^2` of answers that only say that they do not know, 0 of all others.

    Pairs compare answers to one prompt, so that each prompt may have a zero of its own. An answer whose worth does not
    hang on the prompt can be everybody's zero (a reference answer in Fu et al., arXiv 2502.18770, is subtracted for
    that); saying nothing is one. Unequal shapes raise `InputError`.
    """
    check_equal_shapes(rewards=rewards, abstains=abstains)
    return torch.where(abstains, rewards**2, 0.0)


def reward_metrics(chosen: Float[Tensor, " batch"], rejected: Float[Tensor, " batch"]) -> dict[str, float]:
    """Accuracy, margin and range of the rewards of a batch, under TRL's names. Unequal shapes raise `InputError`."""
    check_equal_shapes(chosen=chosen, rejected=rejected)
    return {
        "accuracy": (chosen > rejected).float().mean().item(),
        "margin": (chosen - rejected).mean().item(),
        "min_reward": min(chosen.min().item(), rejected.min().item()),
        "mean_reward": ((chosen + rejected) / 2).mean().item(),
        "max_reward": max(chosen.max().item(), rejected.max().item()),
    }


def ensemble_reward(
    rewards: Float[Tensor, "members batch"], how: Ensemble, variance_weight: float = 1.0
) -> Float[Tensor, " batch"]:
    """One reward for each answer from several models' opinions: doubt lowers it.

    mean; min (worst-case optimization); or mean - variance_weight * variance (uncertainty-weighted), the variance
    over the members without Bessel's correction: Coste et al., arXiv 2310.02743.
    The members must share a scale: center each first. An unknown `how` raises `InputError`.
    """
    check_choice("how", how, get_args(Ensemble))
    if how == "min":
        return rewards.amin(0)
    if how == "mean":
        return rewards.mean(0)
    return rewards.mean(0) - variance_weight * rewards.var(0, correction=0)
