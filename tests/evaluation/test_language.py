"""Bits per byte by hand."""

import math

import numpy as np
import pytest

from playbook.evaluation.language import language_metrics


def test_a_bit_a_token_two_bytes_a_token() -> None:
    tokens = np.array([10.0, 30.0])
    measured = language_metrics(math.log(2) * tokens, tokens, total_bytes=80, seed=1)
    assert measured["val_loss"].value == pytest.approx(math.log(2))
    assert measured["val_perplexity"].value == pytest.approx(2)
    assert measured["val_bits_per_byte"].value == pytest.approx(0.5)


def test_long_chunks_weigh_more_and_intervals_move_together() -> None:
    rng = np.random.default_rng(1)
    tokens = rng.integers(1, 100, size=60).astype(float)
    nats = tokens * rng.normal(2, 0.3, size=60)
    measured = language_metrics(nats, tokens, total_bytes=12_345, seed=1)
    loss, bits = measured["val_loss"], measured["val_bits_per_byte"]
    assert loss.value == pytest.approx(nats.sum() / tokens.sum())
    assert bits.value == pytest.approx(nats.sum() / math.log(2) / 12_345)
    assert bits.ci95[1] / bits.value == pytest.approx(loss.ci95[1] / loss.value)
    assert measured["val_perplexity"].ci95[0] == pytest.approx(math.exp(loss.ci95[0]))
    assert {m.n for m in measured.values()} == {60}
    assert loss.ci95[0] < loss.value < loss.ci95[1]
