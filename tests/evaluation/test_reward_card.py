"""The card of a reward model, from made-up records whose numbers are known."""

import math
from typing import Any

import numpy as np
import pytest

from playbook.evaluation.reward_card import (
    calibration_error,
    rank_correlation,
    reliability,
    reward_metrics,
    reward_records,
)


def record(topic: int, lead: float, gold: tuple[float, float] = (1.0, -1.0), **texts: str) -> dict[str, Any]:
    return {
        "topic": f"p{topic}", "kind": "fact", "chosen": "vet.", "rejected": "bakers.", "reward_chosen": lead,
        "reward_rejected": 0.0, "certainty": 1 / (1 + math.exp(-abs(lead))),
        "gold_chosen": gold[0], "gold_rejected": gold[1], **texts,
    }  # fmt: skip


def test_a_flipped_label_counts_as_right_where_the_gold_answer_wins() -> None:
    records = [record(i, 2.0) for i in range(9)] + [record(9, -2.0, gold=(-1.0, 1.0))]
    metrics = reward_metrics(records, 1)
    assert metrics["accuracy"].value == 1.0
    assert metrics["accuracy_noisy"].value == pytest.approx(0.9)
    assert metrics["ece"].value == pytest.approx(abs(1 / (1 + math.exp(-2)) - 0.9))
    assert metrics["ece_clean"].value == pytest.approx(1 - 1 / (1 + math.exp(-2)))


def test_nobody_is_surer_of_a_label_than_labels_are_of_the_truth() -> None:
    """A lead of ln 3 is three chances of four; with a tenth of the labels flipped .9 of these and .1 of the others."""
    rows = [{"prompt": [{"content": "?"}], "chosen": [{}], "rejected": [{}]}] * 3
    records = reward_records(rows, [[math.log(3), 0.0], [0.0, 50.0], [1.0, 1.0]], flips=0.1)
    assert [row["certainty"] for row in records] == pytest.approx([0.9 * 0.75 + 0.1 * 0.25, 0.9, 0.5])
    assert reward_records(rows[:1], [[math.log(3), 0.0]], flips=0.0)[0]["certainty"] == pytest.approx(0.75)


def test_the_rewards_alone_are_held_against_the_truth_and_their_certainty_against_labels() -> None:
    """Ten answers of which one is rejected by a flipped label: sure to .9 of labels, and to almost 1 of the truth."""
    records = [record(i, 50.0) | {"certainty": 0.9} for i in range(9)]
    records.append(record(9, -50.0, gold=(-1.0, 1.0)) | {"certainty": 0.9})
    metrics = reward_metrics(records, 1)
    assert metrics["ece"].value == pytest.approx(0, abs=1e-9)
    assert metrics["ece_clean"].value == pytest.approx(0, abs=1e-9)


def test_whoever_picks_the_longer_answer_gains_nothing_by_it() -> None:
    longer = [record(i, 1.0, chosen="a long answer") for i in range(30)]
    shorter = [record(i, -1.0) for i in range(30, 40)]
    metrics = reward_metrics(longer + shorter, 1)
    assert metrics["accuracy"].value == pytest.approx(0.75)
    assert metrics["accuracy_length_balanced"].value == pytest.approx(0.5)
    assert metrics["accuracy_by_length"]["shorter"].value == 0.0


def test_a_certainty_that_comes_true_has_no_calibration_error() -> None:
    certainty = np.full(1000, 0.8)
    right = np.arange(1000) % 5 > 0
    topics = [str(i) for i in range(1000)]
    assert calibration_error(certainty, right, topics, 1).value == pytest.approx(0, abs=1e-9)
    ((sure, share, count),) = reliability(certainty, right)
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
