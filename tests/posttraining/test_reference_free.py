"""SimPO, ORPO, KTO, and the metrics of preference training: closed forms, plain Python, finite differences."""

import inspect
import math
from collections.abc import Callable

import pytest
import torch

from playbook.plumbing.errors import InputError
from playbook.posttraining.kto import kto_loss, kto_reference_point
from playbook.posttraining.orpo import log_odds, orpo_loss
from playbook.posttraining.preference_metrics import preference_metrics
from playbook.posttraining.simpo import simpo_loss


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def random_pairs(dtype: torch.dtype = torch.float32) -> list[torch.Tensor]:
    """Summed log-probabilities of chosen and rejected, and their token counts."""
    tokens = [torch.randint(1, 9, (13,)).to(dtype) for _ in range(2)]
    return [*(-(0.1 + 3 * torch.rand(13, dtype=dtype)) * count for count in tokens), *tokens]


def test_simpo_agrees_with_plain_python() -> None:
    pairs = random_pairs()
    expected = [
        -math.log(sigmoid(2.5 * (w / m - x / n) - 0.3))
        for w, x, m, n in zip(*(t.double().tolist() for t in pairs), strict=True)
    ]
    torch.testing.assert_close(simpo_loss(*pairs, beta=2.5, gamma=0.3), torch.tensor(expected), atol=1e-5, rtol=1e-5)


def test_simpo_of_equal_nats_a_token_is_the_margin_alone_whatever_the_lengths() -> None:
    loss = simpo_loss(torch.tensor([-4.0]), torch.tensor([-10.0]), torch.tensor([2.0]), torch.tensor([5.0]), gamma=1.0)
    torch.testing.assert_close(loss, torch.tensor([math.log(1 + math.e)]))


def test_orpo_agrees_with_plain_python() -> None:
    pairs, expected = random_pairs(), []
    for w, x, m, n in zip(*(t.double().tolist() for t in pairs), strict=True):
        p, q = math.exp(w / m), math.exp(x / n)
        odds_ratio = (p / (1 - p)) / (q / (1 - q))
        expected.append(-w / m - 0.2 * math.log(sigmoid(math.log(odds_ratio))))
    torch.testing.assert_close(orpo_loss(*pairs, odds_weight=0.2), torch.tensor(expected), atol=1e-5, rtol=1e-5)


def test_orpo_of_equal_answers_is_sft_plus_log_2_and_stays_finite_at_certainty() -> None:
    half = torch.tensor([math.log(0.5)])
    torch.testing.assert_close(log_odds(half), torch.zeros(1))
    one = torch.ones(1)
    torch.testing.assert_close(orpo_loss(half, half, one, one, odds_weight=1.0), torch.tensor([2 * math.log(2)]))
    certain = torch.zeros(1, requires_grad=True)
    loss = orpo_loss(certain, half, one, one)
    loss.sum().backward()
    assert certain.grad is not None
    assert bool(loss.isfinite() & certain.grad.isfinite())


def test_kto_agrees_with_plain_python() -> None:
    logps, reference = -9 * torch.rand(13), -9 * torch.rand(13)
    desirable, point = torch.arange(13) % 3 == 0, torch.tensor(0.7)
    expected = []
    for i in range(13):
        gain = 0.4 * (logps[i].item() - reference[i].item() - 0.7)
        expected.append(1.3 * (1 - sigmoid(gain)) if desirable[i] else 0.6 * (1 - sigmoid(-gain)))
    losses = kto_loss(logps, reference, desirable, point, beta=0.4, desirable_weight=1.3, undesirable_weight=0.6)
    torch.testing.assert_close(losses, torch.tensor(expected), atol=1e-5, rtol=1e-5)


def test_kto_at_the_reference_is_one_half() -> None:
    same = torch.tensor([-3.0, -4.0])
    losses = kto_loss(same, same, torch.tensor([True, False]), kto_reference_point(same, same))
    assert losses.tolist() == [0.5, 0.5]


def test_the_reference_point_of_kto_is_never_negative_and_carries_no_gradient() -> None:
    reference = torch.tensor([-2.0, -2.0])
    above = torch.tensor([-1.0, -2.0], requires_grad=True)
    assert kto_reference_point(above, reference).item() == 0.5
    assert not kto_reference_point(above, reference).requires_grad
    assert kto_reference_point(torch.tensor([-5.0, -2.0]), reference).item() == 0


def test_finite_differences_agree_with_autograd() -> None:
    chosen, rejected, *tokens = random_pairs(torch.float64)
    inputs = (chosen.requires_grad_(), rejected.requires_grad_())
    desirable, point = torch.arange(13) % 2 == 0, torch.tensor(0.3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda w, x: simpo_loss(w, x, *tokens), inputs)
    assert torch.autograd.gradcheck(lambda w, x: orpo_loss(w, x, *tokens), inputs)
    assert torch.autograd.gradcheck(lambda w: kto_loss(w, rejected.detach(), desirable, point), chosen)


def test_metrics_under_their_usual_names_with_a_tie_as_a_miss() -> None:
    rewards = torch.tensor([1.0, 0.0, 3.0, 2.0]), torch.tensor([0.0, 0.0, 4.0, 0.0])
    logps = torch.tensor([-1.0, -2.0, -3.0, -4.0]), torch.tensor([-2.0, -2.0, -2.0, -2.0])
    assert preference_metrics(*rewards, *logps) == {
        "rewards/chosen": 1.5,
        "rewards/rejected": 1.0,
        "rewards/margins": 0.5,
        "rewards/accuracies": 0.5,
        "logps/chosen": -2.5,
        "logps/rejected": -2.0,
    }


def test_wrong_input_is_refused() -> None:
    three, column = torch.ones(3), torch.ones(3, 1)
    calls: tuple[Callable[[], object], ...] = (
        lambda: inspect.unwrap(simpo_loss)(three, column, three, column),
        lambda: inspect.unwrap(orpo_loss)(three, column, three, column),
        lambda: inspect.unwrap(kto_loss)(three, column, three > 0, torch.tensor(0.0)),
        lambda: inspect.unwrap(kto_reference_point)(three, column),
        lambda: inspect.unwrap(preference_metrics)(three, three, three, column),
    )
    for call in calls:
        with pytest.raises(InputError, match="equal shapes"):
            call()
    with pytest.raises(InputError, match="at least one token"):
        simpo_loss(three, three, three, 0 * three)
