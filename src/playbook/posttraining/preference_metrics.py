"""What is logged while training on preference pairs, under the names of Hugging Face's TRL."""

from jaxtyping import Float
from torch import Tensor

from playbook.posttraining.checks import check_equal_shapes


def preference_metrics(
    chosen_rewards: Float[Tensor, " batch"],
    rejected_rewards: Float[Tensor, " batch"],
    chosen_logps: Float[Tensor, " batch"],
    rejected_logps: Float[Tensor, " batch"],
) -> dict[str, float]:
    """Means over a batch. A pair counts as accurate where the chosen reward is the larger; a tie is a miss.

    The implicit reward of DPO and its relatives is `beta (policy - reference)` of the summed log-probabilities, that
    of SimPO and ORPO `beta` times nats a token. Watch `logps/chosen` too: a margin that grows while both fall is
    likelihood displacement (Razin et al., arXiv 2410.08847). Unequal shapes raise `InputError`.
    """
    check_equal_shapes(
        chosen_rewards=chosen_rewards,
        rejected_rewards=rejected_rewards,
        chosen_logps=chosen_logps,
        rejected_logps=rejected_logps,
    )
    return {
        "rewards/chosen": chosen_rewards.mean().item(),
        "rewards/rejected": rejected_rewards.mean().item(),
        "rewards/margins": (chosen_rewards - rejected_rewards).mean().item(),
        "rewards/accuracies": (chosen_rewards > rejected_rewards).float().mean().item(),
        "logps/chosen": chosen_logps.mean().item(),
        "logps/rejected": rejected_logps.mean().item(),
    }
