"""The card of a reward model, from made-up records whose numbers are known."""

import math
from typing import Any

import numpy as np
import pytest

from playbook.evaluation.reward_card import calibration_error, rank_correlation, reliability, reward_metrics


def record(topic: int, lead: float, gold: tuple[float, float] = (1.0, -1.0), **texts: str) -> dict[str, Any]:
    return {
        "topic": f"p{topic}", "kind": "fact", "chosen": "vet.", "rejected": "bakers.", "reward_chosen": lead,
        "reward_rejected": 0.0, "gold_chosen": gold[0], "gold_rejected": gold[1], **texts,
    }  # fmt: skip


def test_a_flipped_label_counts_as_right_where_the_gold_answer_wins() -> None:
    records = [record(i, 2.0) for i in range(9)] + [record(9, -2.0, gold=(-1.0, 1.0))]
    metrics = reward_metrics(records, 1)
    assert metrics["accuracy"].value == 1.0
    assert metrics["accuracy_noisy"].value == pytest.approx(0.9)
    assert metrics["ece"].value == pytest.approx(abs(1 / (1 + math.exp(-2)) - 0.9))
    assert metrics["ece_clean"].value == pytest.approx(1 - 1 / (1 + math.exp(-2)))


def test_whoever_picks_the_longer_answer_gains_nothing_by_it() -> None:
    longer = [record(i, 1.0, chosen="a long answer") for i in range(30)]
    shorter = [record(i, -1.0) for i in range(30, 40)]
    metrics = reward_metrics(longer + shorter, 1)
    assert metrics["accuracy"].value == pytest.approx(0.75)
    assert metrics["accuracy_length_balanced"].value == pytest.approx(0.5)
    assert metrics["accuracy_by_length"]["shorter"].value == 0.0


def test_a_certainty_that_comes_true_has_no_calibration_error() -> None:
    lead = np.full(1000, math.log(4.0))  # sure to .8
    right = np.arange(1000) % 5 > 0
    topics = [str(i) for i in range(1000)]
    assert calibration_error(lead, right, topics, 1).value == pytest.approx(0, abs=1e-9)
    ((sure, share, count),) = reliability(lead, right)
    assert sure == pytest.approx(0.8)
    assert (share, count) == (0.8, 1000)


def test_rank_correlation_sees_order_alone() -> None:
    values = np.arange(20.0)
    found = rank_correlation(list(np.exp(values)), list(values), [str(i) for i in range(20)], 1)
    assert found.value == pytest.approx(1.0)
    assert rank_correlation(list(-values), list(values), [str(i) for i in range(20)], 1).value == pytest.approx(-1.0)


def test_real_pairs_have_no_gold() -> None:
    bare = [{key: value for key, value in record(i, 1.0).items() if not key.startswith("gold")} for i in range(6)]
    metrics = reward_metrics(bare, 1)
    assert metrics["accuracy"] == metrics["accuracy_noisy"]
    assert "corr_with_gold" not in metrics
