"""The DPO family: closed forms, an independent plain-Python version, and finite differences."""

import inspect
import math
from typing import get_args

import pytest
import torch
from torch import Tensor
from toy import BATCH, TIME, VOCAB

from playbook.model.gpt import GPTMini
from playbook.plumbing.errors import InputError
from playbook.posttraining.dpo import DPOVariant, chosen_nll, dpo_loss
from playbook.posttraining.log_probabilities import completion_logps

VARIANTS: tuple[DPOVariant, ...] = get_args(DPOVariant)
FLIPS = {"cdpo": 0.1, "robust": 0.1}


def plain(variant: str, w: float, x: float, rw: float, rx: float, m: float, n: float, *, beta: float) -> float:
    """One pair, with math alone: w, x are the policy on chosen and rejected, of m and n tokens."""
    d = (w - rw) - (x - rx)

    def nls(z: float) -> float:  # -log sigmoid
        return math.log(1 + math.exp(-z))

    return {
        "sigmoid": nls(beta * d),
        "cdpo": 0.9 * nls(beta * d) + 0.1 * nls(-beta * d),
        "robust": (0.9 * nls(beta * d) - 0.1 * nls(-beta * d)) / 0.8,
        "hinge": max(0.0, 1 - beta * d),
        "ipo": ((w - rw) / m - (x - rx) / n - 0.5 / beta) ** 2,
        "rdpo": nls(beta * d + 0.03 * (m - n)),
        "dpop": nls(beta * (d - 5 * max(0.0, rw - w))),
    }[variant]


def random_pairs(batch: int = 13, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """Log-probabilities of policy (2) and reference (2), token counts (2)."""
    return [
        *(-20 * torch.rand(batch, dtype=dtype) for _ in range(4)),
        *(torch.randint(1, 9, (batch,)).to(dtype) for _ in range(2)),
    ]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("beta", [0.1, 0.5])
def test_every_variant_agrees_with_plain_python(variant: DPOVariant, beta: float) -> None:
    pairs = random_pairs()
    flips = FLIPS.get(variant, 0.0)
    losses = dpo_loss(*pairs, variant=variant, beta=beta, flips=flips, length_alpha=0.03, dpop_lambda=5.0)
    expected = [plain(variant, *(t.item() for t in pair), beta=beta) for pair in zip(*pairs, strict=True)]
    torch.testing.assert_close(losses, torch.tensor(expected), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_finite_differences_agree_with_autograd(variant: DPOVariant) -> None:
    chosen, rejected, *rest = random_pairs(dtype=torch.float64)

    def loss(chosen: Tensor, rejected: Tensor) -> Tensor:
        return dpo_loss(chosen, rejected, *rest, variant=variant, flips=FLIPS.get(variant, 0.0))

    assert torch.autograd.gradcheck(loss, (chosen.requires_grad_(), rejected.requires_grad_()))


def test_at_the_reference_the_loss_is_exactly_log_2(tiny: GPTMini) -> None:
    ids, weights = torch.randint(VOCAB, (2, BATCH, TIME + 1)), torch.ones(BATCH, TIME)
    with torch.no_grad():
        chosen, rejected = (completion_logps(tiny(row[:, :-1]), row[:, 1:], weights) for row in ids)
    tokens = weights.sum(-1)
    pairs = (chosen, rejected, chosen, rejected, tokens, tokens)
    for variant in ("sigmoid", "rdpo", "dpop"):
        assert dpo_loss(*pairs, variant=variant).tolist() == [torch.tensor(2.0).log().item()] * BATCH
    for variant in ("cdpo", "robust"):
        torch.testing.assert_close(
            dpo_loss(*pairs, variant=variant, flips=0.2),  # type: ignore[arg-type]
            torch.full((BATCH,), math.log(2)),
        )
    torch.testing.assert_close(dpo_loss(*pairs, variant="hinge"), torch.ones(BATCH))
    torch.testing.assert_close(dpo_loss(*pairs, variant="ipo", beta=0.1), torch.full((BATCH,), 25.0))  # (1 / 2 beta)^2


def test_the_gradient_at_the_reference_is_half_beta() -> None:
    """d/dD -log sigmoid(beta D) = -beta sigmoid(-beta D); the reference itself gets none."""
    same = torch.tensor([-3.0])
    chosen, rejected, reference = (same.clone().requires_grad_() for _ in range(3))
    tokens = torch.ones(1)
    dpo_loss(chosen, rejected, reference.detach(), reference.detach(), tokens, tokens, beta=0.1).sum().backward()
    assert chosen.grad is not None
    assert rejected.grad is not None
    assert (chosen.grad.item(), rejected.grad.item()) == pytest.approx((-0.05, 0.05))


def test_rdpo_expects_the_longer_answer_to_win() -> None:
    """Lengths 7 and 2 at alpha .1: half a logit is explained by length, so less is learned from the pair."""
    zero = torch.zeros(1)
    loss = dpo_loss(zero, zero, zero, zero, torch.tensor([7.0]), torch.tensor([2.0]), variant="rdpo", length_alpha=0.1)
    torch.testing.assert_close(loss, torch.tensor([math.log(1 + math.exp(-0.5))]))


def test_dpop_punishes_a_chosen_answer_that_got_less_likely_though_the_margin_grew() -> None:
    pair = [torch.tensor([x]) for x in (-4.0, -9.0, -3.0, -3.0, 1.0, 1.0)]  # D = 5, chosen fell by 1
    fallen = dpo_loss(*pair, variant="dpop", beta=1.0, dpop_lambda=2.0)
    torch.testing.assert_close(fallen, torch.tensor([math.log(1 + math.exp(-(5 - 2)))]))
    assert fallen > dpo_loss(*pair, variant="sigmoid", beta=1.0)


def test_robust_is_unbiased_under_flips() -> None:
    """Averaged over labels that are flipped with chance e, robust is the clean loss: that is what unbiased means."""
    chosen, rejected, *rest = random_pairs()
    reference_chosen, reference_rejected, m, n = rest
    clean = dpo_loss(chosen, rejected, *rest)
    right = dpo_loss(chosen, rejected, *rest, variant="robust", flips=0.3)
    flipped = dpo_loss(rejected, chosen, reference_rejected, reference_chosen, n, m, variant="robust", flips=0.3)
    torch.testing.assert_close(0.7 * right + 0.3 * flipped, clean, atol=1e-5, rtol=1e-5)


def test_chosen_nll_is_nats_a_token() -> None:
    torch.testing.assert_close(chosen_nll(torch.tensor([-6.0]), torch.tensor([4.0])), torch.tensor([1.5]))


def test_wrong_input_is_refused() -> None:
    run = inspect.unwrap(dpo_loss)  # without the shape checks of the tests
    pairs = random_pairs(3)
    with pytest.raises(InputError, match="equal shapes"):
        run(*pairs[:2], pairs[2][:, None], *pairs[3:])
    with pytest.raises(InputError, match="one of sigmoid, cdpo"):
        run(*pairs, variant="dop")
    with pytest.raises(InputError, match="above 0"):
        run(*pairs, beta=0.0)
    with pytest.raises(InputError, match=r"in \[0, 0.5\)"):
        run(*pairs, variant="robust", flips=0.5)
    with pytest.raises(InputError, match="no use for it"):
        run(*pairs, flips=0.1)
