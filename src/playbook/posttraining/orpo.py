"""ORPO: SFT on the chosen answer and an odds ratio against the rejected one, in one stage and without a reference.

Hong, Lee and Thorne, arXiv 2403.07691, equations 6 and 7.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from playbook.posttraining.checks import check_equal_shapes
from playbook.posttraining.log_probabilities import mean_logps


def orpo_loss(
    chosen: Float[Tensor, " batch"],
    rejected: Float[Tensor, " batch"],
    chosen_tokens: Float[Tensor, " batch"],
    rejected_tokens: Float[Tensor, " batch"],
    *,
    odds_weight: float = 0.1,
) -> Float[Tensor, " batch"]:
    """`-lw / |w| - odds_weight * log sigmoid(log odds(w) - log odds(l))` for each pair, with `odds = p / (1 - p)` of
    the geometric mean `p = exp(l / |.|)` of the answer's token probabilities.

    `odds_weight` is the paper's lambda (TRL calls it beta). The first term stands on the answer alone; TRL's also on
    the prompt. Unequal shapes and empty answers raise `InputError`.
    """
    check_equal_shapes(chosen=chosen, rejected=rejected)
    chosen_mean, rejected_mean = mean_logps(chosen, chosen_tokens), mean_logps(rejected, rejected_tokens)
    return -chosen_mean - odds_weight * F.logsigmoid(log_odds(chosen_mean) - log_odds(rejected_mean))


def log_odds(logp: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """`log(p / (1 - p))` of a log-probability, by `expm1` so that p near 1 keeps its digits."""
    logp = logp.clamp(max=-1e-6)  # at p = 1 the odds are infinite, and so would be the gradient
    return logp - torch.log(-torch.expm1(logp))
