"""The bare products are those that a training step makes: as many operations as the model counts for itself."""

import pytest
import torch

from playbook.model.gpt import GPTMini
from playbook.training.throughput import matmul_rate


def test_the_products_hold_the_operations_that_the_model_counts(tiny: GPTMini, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = 0

    def count(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        nonlocal counted
        counted += 2 * a.numel() * b.size(-1)  # a multiplication and an addition for each term of each sum
        return a

    monkeypatch.setattr(torch, "mm", count)
    monkeypatch.setattr(torch, "bmm", count)
    batch, context = 3, 11
    rate = matmul_rate(tiny, batch, context, repeats=1)
    assert counted == tiny.flops_per_token(context) * batch * context
    assert rate > 0


def test_a_slow_round_does_not_count(tiny: GPTMini, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 9.0, 10.0, 12.0, 20.0, 25.0])  # rounds of 9, 2 and 5 seconds
    monkeypatch.setattr("playbook.training.throughput.time.perf_counter", lambda: next(times))
    assert matmul_rate(tiny, 2, 5, repeats=3) == tiny.flops_per_token(5) * 10 / 2.0
