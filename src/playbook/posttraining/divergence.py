"""How far the policy has moved from its reference: KL(policy || reference) in nats, exact and estimated.

With a small vocabulary the sum over it is affordable at every position, so the estimators that large models have to
live with can be held against the truth. Position by position the prefix is the one that was sampled; the mean over
samples *of the policy* of the sum over positions is the KL of whole answers, with less noise than log-probabilities
of the sampled tokens give.

Estimators: Schulman, "Approximating KL divergence" (2020), joschu.net/blog/kl-approx.html.
"""

from typing import Literal, get_args

from jaxtyping import Float, Int
from torch import Tensor

from playbook.posttraining.checks import check_choice, check_equal_shapes
from playbook.training.losses import token_nats, weighted_mean

KLEstimator = Literal["k1", "k2", "k3"]


def exact_kl(
    logits: Float[Tensor, "batch time vocab"],
    reference_logits: Float[Tensor, "batch time vocab"],
    weights: Float[Tensor, "batch time"],
) -> Float[Tensor, "batch time"]:
    """`w_t sum_v p(v) (log p(v) - log q(v))` at every position; sum over time for the KL of the answers.

    Unequal shapes raise `InputError`.
    """
    check_equal_shapes(logits=logits, reference_logits=reference_logits)
    check_equal_shapes(positions=logits[..., 0], weights=weights)
    policy, reference = logits.log_softmax(-1), reference_logits.log_softmax(-1)
    return (policy.exp() * (policy - reference)).sum(-1) * weights


def entropy(logits: Float[Tensor, "batch time vocab"]) -> Float[Tensor, "batch time"]:
    """`-sum_v p(v) log p(v)` at every position: ln(vocab) for uniform logits, 0 for a certain next token."""
    logps = logits.log_softmax(-1)
    return -(logps.exp() * logps).sum(-1)


def kl_estimate(
    logps: Float[Tensor, "batch time"], reference_logps: Float[Tensor, "batch time"], kind: KLEstimator
) -> Float[Tensor, "batch time"]:
    """The KL as seen by the sampled token alone; with `d = log p - log q` of that token:

    - k1: `d`; unbiased, and often negative
    - k2: `d^2 / 2`; biased, never negative
    - k3: `exp(-d) - 1 + d`; unbiased and never negative, the one in GRPO's loss

    Beware: unbiased as a value is not unbiased as a loss. Differentiated at fresh samples, k1 gives a gradient of mean
    0, k2 that of KL(p || q), and k3 that of KL(q || p), which agrees with it only near p = q (Tang and Munos,
    arXiv 2506.09477). Unequal shapes and an unknown kind raise `InputError`.
    """
    check_equal_shapes(logps=logps, reference_logps=reference_logps)
    check_choice("kind", kind, get_args(KLEstimator))
    d = logps - reference_logps
    if kind == "k1":
        return d
    return d.square() / 2 if kind == "k2" else (-d).expm1() + d


def kl_report(
    logits: Float[Tensor, "batch time vocab"],
    reference_logits: Float[Tensor, "batch time vocab"],
    targets: Int[Tensor, "batch time"],
    weights: Float[Tensor, "batch time"],
) -> dict[str, float]:
    """The exact KL beside k1 and k3, in mean nats a token of weight 1. Unequal shapes raise `InputError`."""
    exact = exact_kl(logits, reference_logits, weights)
    check_equal_shapes(targets=targets, weights=weights)
    logps, reference_logps = -token_nats(logits, targets), -token_nats(reference_logits, targets)
    estimates = {f"kl_{kind}": kl_estimate(logps, reference_logps, kind) for kind in get_args(KLEstimator)[::2]}
    return {
        "kl_exact": (exact.sum() / weights.sum().clamp(min=1)).item(),
        **{name: weighted_mean(estimate, weights).item() for name, estimate in estimates.items()},
    }
