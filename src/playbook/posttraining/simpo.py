"""SimPO: preferences without a reference model. The reward is nats a token, which is also what decoding looks for, so
length wins nothing by itself.

Meng, Xia and Chen, arXiv 2405.14734, equation 6.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from playbook.posttraining.checks import check_equal_shapes
from playbook.posttraining.log_probabilities import mean_logps


def simpo_loss(
    chosen: Float[Tensor, " batch"],
    rejected: Float[Tensor, " batch"],
    chosen_tokens: Float[Tensor, " batch"],
    rejected_tokens: Float[Tensor, " batch"],
    *,
    beta: float = 2.0,
    gamma: float = 1.0,
) -> Float[Tensor, " batch"]:
    """`-log sigmoid(beta (lw / |w| - ll / |l|) - gamma)` for each pair; l are summed log-probabilities in nats.

    `gamma` is the lead in reward that the chosen answer should have (TRL's `simpo_gamma`).
    Unequal shapes and empty answers raise `InputError`.
    """
    check_equal_shapes(chosen=chosen, rejected=rejected)
    lead = mean_logps(chosen, chosen_tokens) - mean_logps(rejected, rejected_tokens)
    return -F.logsigmoid(beta * lead - gamma)
