"""KL, exact and estimated: closed forms, and expectations over the whole vocabulary, which leave no noise."""

import inspect
import math

import numpy as np
import pytest
import torch
from toy import BATCH, TIME, VOCAB

from playbook.model.gpt import GPTMini
from playbook.plumbing.errors import InputError
from playbook.posttraining.divergence import KLEstimator, entropy, exact_kl, kl_estimate, kl_report


def test_a_coin_of_three_quarters_against_a_fair_one() -> None:
    """3/4 ln(3/2) + 1/4 ln(1/2); nothing at a masked position, nor against itself."""
    coin = torch.tensor([0.75, 0.25]).log().expand(1, 2, 2)
    kl = exact_kl(coin, torch.zeros(1, 2, 2), torch.tensor([[1.0, 0.0]]))
    torch.testing.assert_close(kl, torch.tensor([[0.75 * math.log(1.5) + 0.25 * math.log(0.5), 0.0]]))
    assert exact_kl(coin, coin, torch.ones(1, 2)).abs().max() == 0


def test_entropy_of_uniform_logits_is_ln_vocab() -> None:
    torch.testing.assert_close(entropy(torch.zeros(1, 2, 7)), torch.full((1, 2), math.log(7)))
    torch.testing.assert_close(entropy(torch.tensor([[[90.0, 0.0]]])), torch.zeros(1, 1))


def test_models_agree_with_numpy(tiny: GPTMini) -> None:
    ids, weights = torch.randint(VOCAB, (BATCH, TIME + 1)), (torch.rand(BATCH, TIME) < 0.7).float()
    with torch.no_grad():
        logits = tiny(ids[:, :-1])
    reference = logits + torch.randn_like(logits)
    p, q = (np.exp(x.double().numpy()) for x in (logits, reference))
    p, q = p / p.sum(-1, keepdims=True), q / q.sum(-1, keepdims=True)
    w, kl = weights.double().numpy(), (p * np.log(p / q)).sum(-1)
    np.testing.assert_allclose(exact_kl(logits, reference, weights).numpy(), kl * w, atol=1e-5)
    np.testing.assert_allclose(entropy(logits).numpy(), -(p * np.log(p)).sum(-1), atol=1e-5)

    at = np.asarray(ids[:, 1:])[..., None]
    d = np.log(np.take_along_axis(p, at, -1) / np.take_along_axis(q, at, -1))[..., 0]
    report = kl_report(logits, reference, ids[:, 1:], weights)
    expected = {"kl_exact": kl, "kl_k1": d, "kl_k3": np.exp(-d) - 1 + d}
    assert report == pytest.approx({name: (x * w).sum() / w.sum() for name, x in expected.items()}, abs=1e-5)


def over_the_vocabulary(kind: KLEstimator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits of p, log q, the mean of an estimator over p, and of its gradient (the samples' chances held fixed)."""
    logits = torch.randn(1, 1, 9, dtype=torch.float64, requires_grad=True)
    q = torch.randn(1, 1, 9, dtype=torch.float64).log_softmax(-1)
    logps = logits.log_softmax(-1)
    mean = (logps.detach().exp() * kl_estimate(logps[0], q[0], kind)).sum()
    (gradient,) = torch.autograd.grad(mean, logits)
    return logits, q, mean, gradient


def test_k1_and_k3_are_unbiased_and_k2_is_not() -> None:
    for kind, unbiased in (("k1", True), ("k2", False), ("k3", True)):
        logits, q, mean, _ = over_the_vocabulary(kind)  # type: ignore[arg-type]
        exact = exact_kl(logits, q, torch.ones(1, 1, dtype=torch.float64)).sum()
        assert (abs(mean.item() - exact.item()) < 1e-9) == unbiased


def test_as_losses_k1_teaches_nothing_k2_the_kl_and_k3_the_reverse() -> None:
    one = torch.ones(1, 1, dtype=torch.float64)
    *_, gradient = over_the_vocabulary("k1")
    assert gradient.abs().max() < 1e-12
    logits, q, _, gradient = over_the_vocabulary("k2")
    torch.testing.assert_close(gradient, *torch.autograd.grad(exact_kl(logits, q, one).sum(), logits))
    logits, q, _, gradient = over_the_vocabulary("k3")
    torch.testing.assert_close(gradient, *torch.autograd.grad(exact_kl(q, logits, one).sum(), logits))


def test_k2_and_k3_are_never_negative_and_k1_can_be() -> None:
    logps, reference = torch.randn(2, 5, 7)
    assert kl_estimate(logps, reference, "k1").min() < 0
    kinds: tuple[KLEstimator, ...] = ("k2", "k3")
    for kind in kinds:
        assert kl_estimate(logps, reference, kind).min() >= 0
        assert kl_estimate(logps, logps, kind).abs().max() == 0


def test_finite_differences_agree_with_autograd() -> None:
    logits = torch.randn(2, 2, 3, 5, dtype=torch.float64, requires_grad=True)
    weights = torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0]]).double()
    assert torch.autograd.gradcheck(lambda x: exact_kl(x[0], x[1], weights), logits)
    assert torch.autograd.gradcheck(lambda x: kl_estimate(x[0, 0], x[1, 0], "k3"), logits)
    (gradient,) = torch.autograd.grad(exact_kl(logits[0], logits[1], weights).sum(), logits)
    assert (gradient.abs().amax((0, 3)) > 0).equal(weights == 1)  # a masked position teaches nothing


def test_wrong_input_is_refused() -> None:
    logits, weights = torch.zeros(2, 3, 5), torch.ones(2, 3)
    with pytest.raises(InputError, match="equal shapes"):
        inspect.unwrap(exact_kl)(logits, logits[:1], weights)
    with pytest.raises(InputError, match="equal shapes"):
        inspect.unwrap(exact_kl)(logits, logits, weights[:, :1])
    with pytest.raises(InputError, match="equal shapes"):
        inspect.unwrap(kl_estimate)(weights, weights[:1], "k1")
    with pytest.raises(InputError, match="one of k1, k2, k3"):
        inspect.unwrap(kl_estimate)(weights, weights, "k4")
    with pytest.raises(InputError, match="equal shapes"):
        inspect.unwrap(kl_report)(logits, logits, weights[:1].long(), weights)
