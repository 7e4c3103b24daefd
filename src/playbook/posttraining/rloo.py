"""RLOO: plain REINFORCE on whole answers; the baseline of an answer is the mean reward of the others in its group.

Ahmadian et al., "Back to basics", arXiv 2402.14740 (the leave-one-out estimator is of Kool et al., 2019).
The KL from the reference stands in the reward, as k1, and not in the loss: so its gradient is that of the true KL.
"""

from jaxtyping import Float
from torch import Tensor

from playbook.posttraining.checks import check_equal_shapes
from playbook.posttraining.grpo import by_group


def kl_penalised_rewards(
    rewards: Float[Tensor, " batch"],
    logps: Float[Tensor, "batch time"],
    reference_logps: Float[Tensor, "batch time"],
    weights: Float[Tensor, "batch time"],
    beta: float,
) -> Float[Tensor, " batch"]:
    """`r - beta * sum_t w_t (l_t - ref_t)`: what an answer earned, less `beta` for each nat from the reference.

    Without gradient: it is a reward. Unequal shapes raise `InputError`.
    """
    check_equal_shapes(logps=logps, reference_logps=reference_logps, weights=weights)
    check_equal_shapes(rewards=rewards, rows=logps[:, 0])
    return (rewards - beta * ((logps - reference_logps) * weights).sum(1)).detach()


def rloo_advantages(rewards: Float[Tensor, " batch"], group: int) -> Float[Tensor, " batch"]:
    """`r_i - mean of the other rewards in its group`; rows lie group after group.

    It is `k / (k - 1)` times the distance from the mean of all k. `InputError` unless `group` >= 2 divides the batch.
    """
    grouped = by_group(rewards, group)
    others = (grouped.sum(1, keepdim=True) - grouped) / (group - 1)
    return (grouped - others).flatten()


def rloo_loss(
    logps: Float[Tensor, "batch time"], advantages: Float[Tensor, " batch"], weights: Float[Tensor, "batch time"]
) -> Float[Tensor, ""]:
    """`-mean_i A_i sum_t w_t l_t`: its gradient on fresh samples is the policy gradient.

    Unequal shapes raise `InputError`.
    """
    check_equal_shapes(logps=logps, weights=weights)
    check_equal_shapes(advantages=advantages, rows=logps[:, 0])
    return -(advantages.detach() * (logps * weights).sum(1)).mean()
