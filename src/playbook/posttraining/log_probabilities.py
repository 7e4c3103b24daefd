"""Log-probabilities of completions: what every loss of this folder is a function of.

A completion is the targets of weight 1: what the assistant wrote, its END included. Prompts, tool results and padding
have weight 0, so nothing here can teach them.
"""

from jaxtyping import Float, Int
from torch import Tensor

from playbook.plumbing.errors import InputError
from playbook.posttraining.checks import check_equal_shapes
from playbook.training.losses import token_nats


def completion_logps(
    logits: Float[Tensor, "batch time vocab"],
    targets: Int[Tensor, "batch time"],
    weights: Float[Tensor, "batch time"],
) -> Float[Tensor, " batch"]:
    """`sum_t w_t log p(target_t)`: the log-probability of each row's completion, in nats, summed over its tokens.

    A row without any weight has log-probability 0. Unequal shapes raise `InputError`.
    """
    check_equal_shapes(logits=logits[..., 0], targets=targets, weights=weights)
    return -(token_nats(logits, targets) * weights).sum(-1)


def mean_logps(logps: Float[Tensor, " batch"], tokens: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """Nats a token: `logps / tokens`, where `tokens = weights.sum(-1)`.

    Unequal shapes and completions without a token raise `InputError`: nothing has no mean.
    """
    check_equal_shapes(logps=logps, tokens=tokens)
    if bool((tokens <= 0).any()):
        raise InputError("tokens", "at least one token in every completion", int(tokens.min()))
    return logps / tokens
