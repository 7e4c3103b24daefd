"""Direct preference optimization and its variants: a loss on how much more the policy likes the chosen answer than the
rejected one, compared with the reference model.

Everything is a function of `D = (lw - rw) - (ll - rl)`, where l and r are the log-probabilities of policy and
reference, summed over the completion, and w, l stand for chosen (win) and rejected (lose).
Knows nothing of models or of how the pairs were made.

Sources: DPO, Rafailov et al., arXiv 2305.18290, equation 7. The variants: see `dpo_loss`.
"""

from typing import Literal, get_args

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from playbook.plumbing.errors import InputError
from playbook.posttraining.checks import check_choice, check_equal_shapes, check_flips
from playbook.posttraining.log_probabilities import mean_logps

DPOVariant = Literal["sigmoid", "cdpo", "robust", "hinge", "ipo", "rdpo", "dpop"]


def dpo_loss(
    chosen: Float[Tensor, " batch"],
    rejected: Float[Tensor, " batch"],
    reference_chosen: Float[Tensor, " batch"],
    reference_rejected: Float[Tensor, " batch"],
    chosen_tokens: Float[Tensor, " batch"],
    rejected_tokens: Float[Tensor, " batch"],
    *,
    variant: DPOVariant = "sigmoid",
    beta: float = 0.1,
    flips: float = 0.0,
    length_alpha: float = 0.01,
    dpop_lambda: float = 50.0,
) -> Float[Tensor, " batch"]:
    """The loss of each pair. Log-probabilities are sums in nats; `beta` is the price of a nat away from the reference.

    - sigmoid: `-log sigmoid(beta D)`; log 2 at the reference
    - cdpo: the same with a share `flips` of the labels taken for flipped (label smoothing):
      `-(1 - flips) log sigmoid(beta D) - flips log sigmoid(-beta D)`; Mitchell, "A note on DPO with noisy preferences"
      (2023), equation 3
    - robust (rDPO): unbiased under flips, `(-(1 - flips) log sigmoid(beta D) + flips log sigmoid(-beta D)) /
      (1 - 2 flips)`; Chowdhury et al., arXiv 2403.00409, section 3. It has no lower bound.
    - hinge: `max(0, 1 - beta D)`; SLiC's loss (Zhao et al., arXiv 2305.10425) on DPO's reward, as in Liu et al.,
      arXiv 2309.06657
    - ipo: `(D' - 1 / (2 beta))^2`; Azar et al., arXiv 2310.12036, equation 17, with each log-ratio of D' averaged over
      its tokens as TRL does (the paper sums): so `beta` means the same at every length
    - rdpo: `-log sigmoid(beta D + length_alpha (chosen_tokens - rejected_tokens))`, which expects the longer answer to
      win by its length alone, and learns the rest; Park et al., arXiv 2403.19159
    - dpop: `-log sigmoid(beta (D - dpop_lambda max(0, rw - lw)))`, which forbids the chosen answer to get less likely;
      Pal et al., arXiv 2402.13228, equation 3

    Unequal shapes, an unknown variant, `beta` not above 0, `flips` outside [0, 0.5) and `flips` given to a variant
    that has none raise `InputError`.
    """
    check_equal_shapes(
        chosen=chosen,
        rejected=rejected,
        reference_chosen=reference_chosen,
        reference_rejected=reference_rejected,
        chosen_tokens=chosen_tokens,
        rejected_tokens=rejected_tokens,
    )
    check_choice("variant", variant, get_args(DPOVariant))
    if beta <= 0:
        raise InputError("beta", "above 0", beta)
    check_flips(flips)
    if flips and variant not in ("cdpo", "robust"):
        raise InputError("flips", f"0, as {variant} has no use for it, or the variant cdpo or robust", flips)

    chosen_ratio, rejected_ratio = chosen - reference_chosen, rejected - reference_rejected
    logits = beta * (chosen_ratio - rejected_ratio)
    if variant == "cdpo":
        return -(1 - flips) * F.logsigmoid(logits) - flips * F.logsigmoid(-logits)
    if variant == "robust":
        return (-(1 - flips) * F.logsigmoid(logits) + flips * F.logsigmoid(-logits)) / (1 - 2 * flips)
    if variant == "hinge":
        return F.relu(1 - logits)
    if variant == "ipo":
        per_token = mean_logps(chosen_ratio, chosen_tokens) - mean_logps(rejected_ratio, rejected_tokens)
        return (per_token - 1 / (2 * beta)) ** 2
    if variant == "rdpo":
        logits = logits + length_alpha * (chosen_tokens - rejected_tokens)
    if variant == "dpop":
        logits = logits - beta * dpop_lambda * F.relu(-chosen_ratio)
    return -F.logsigmoid(logits)


def chosen_nll(chosen: Float[Tensor, " batch"], chosen_tokens: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """Nats a token of the chosen answer: add it, times a weight, to any of the above and the answer stays likely.

    Pang et al., arXiv 2404.19733, equation 1. Unequal shapes and empty answers raise `InputError`.
    """
    return -mean_logps(chosen, chosen_tokens)
