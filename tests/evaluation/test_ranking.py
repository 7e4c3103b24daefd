"""Ranking metrics: by hand, and to 1e-9 those of trec_eval's own code."""

import random

import pytest
import pytrec_eval

from playbook.evaluation.ranking import average_precision, metric, ndcg_at, precision_at, recall_at

JUDGED = {"a": 1, "b": 1, "c": 0, "d": 2}


def test_by_hand() -> None:
    ranking = ["x", "a", "d", "c"]
    assert average_precision(ranking, JUDGED) == pytest.approx((1 / 2 + 2 / 3) / 3)
    assert precision_at(3, ranking, JUDGED) == pytest.approx(2 / 3)
    assert precision_at(10, ranking, JUDGED) == pytest.approx(2 / 10)
    assert recall_at(2, ranking, JUDGED) == pytest.approx(1 / 3)
    ideal = 2 + 1 / 1.5849625007211562 + 1 / 2
    assert ndcg_at(3, ranking, JUDGED) == pytest.approx((1 / 1.5849625007211562 + 2 / 2) / ideal)


def test_the_ends() -> None:
    for name in ("map", "recall@4", "nDCG@4"):
        assert metric(name)(["d", "a", "b"], JUDGED) == pytest.approx(1)
        assert metric(name)([], JUDGED) == 0


def test_agrees_with_trec_eval() -> None:
    rng = random.Random(1)
    judged = {
        str(q): {str(d): rng.choice([-1, 0, 0, 1, 1, 2, 3]) for d in rng.sample(range(80), 25)} for q in range(60)
    }
    judged = {q: row for q, row in judged.items() if any(gain > 0 for gain in row.values())}
    rankings = {q: [str(d) for d in rng.sample(range(80), rng.randint(1, 60))] for q in judged}
    scores = {q: {d: float(-rank) for rank, d in enumerate(ranking)} for q, ranking in rankings.items()}
    names = {"map": "map", "P@5": "P_5", "P@30": "P_30", "recall@10": "recall_10", "nDCG@10": "ndcg_cut_10"}
    oracle = pytrec_eval.RelevanceEvaluator(judged, {"map", "P", "recall", "ndcg_cut"}).evaluate(scores)
    for q, ranking in rankings.items():
        for ours, theirs in names.items():
            assert metric(ours)(ranking, judged[q]) == pytest.approx(oracle[q][theirs], abs=1e-9), (q, ours)


@pytest.mark.parametrize("name", ["P", "P@0", "P@x", "mrr", "nDCG@-1"])
def test_unknown_metrics(name: str) -> None:
    with pytest.raises(ValueError, match="no metric"):
        metric(name)


def test_what_cannot_be_measured_is_no_zero() -> None:
    with pytest.raises(ValueError, match="without a relevant document"):
        average_precision(["a"], {"a": 0})
    with pytest.raises(ValueError, match="each id once"):
        precision_at(2, ["a", "a"], {"a": 1})
