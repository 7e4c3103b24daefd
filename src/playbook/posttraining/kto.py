"""KTO: single answers marked desirable or not, instead of pairs. A gain is felt less the further it lies above what is
usual (prospect theory); the usual is an estimate of the KL from the reference.

Ethayarajh et al., arXiv 2402.01306, section 4.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from playbook.posttraining.checks import check_equal_shapes


def kto_reference_point(
    mismatched: Float[Tensor, " batch"], reference_mismatched: Float[Tensor, " batch"]
) -> Float[Tensor, ""]:
    """`max(0, mean(l - r))` in nats over answers paired with *other* prompts of the batch; carries no gradient.

    Unequal shapes raise `InputError`.
    """
    check_equal_shapes(mismatched=mismatched, reference_mismatched=reference_mismatched)
    return (mismatched - reference_mismatched).mean().clamp(min=0).detach()


def kto_loss(
    logps: Float[Tensor, " batch"],
    reference_logps: Float[Tensor, " batch"],
    desirable: Bool[Tensor, " batch"],
    reference_point: Float[Tensor, ""],
    *,
    beta: float = 0.1,
    desirable_weight: float = 1.0,
    undesirable_weight: float = 1.0,
) -> Float[Tensor, " batch"]:
    """`weight * (1 - sigmoid(+-beta (l - r - reference_point)))` for each answer: + where it is desirable.

    Log-probabilities are sums in nats. The weights balance unequal numbers of the two kinds.
    Unequal shapes raise `InputError`.
    """
    check_equal_shapes(logps=logps, reference_logps=reference_logps, desirable=desirable)
    gain = beta * (logps - reference_logps - reference_point)
    return torch.where(desirable, desirable_weight * torch.sigmoid(-gain), undesirable_weight * torch.sigmoid(gain))
