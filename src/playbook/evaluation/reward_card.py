"""What a reward model is worth, from records of held-out pairs: how often it is right, how sure it is, what it follows.

A record holds both rewards, the label as the trainer sees it (`chosen` was preferred), how sure the model is of that
label, and, where the world knows it, what the gold reward says of both answers. The model has never seen the latter.

Calibration error: Guo et al., arXiv 1706.04599, section 2; bins of equal width over the chance that the model gives to
the answer that it prefers (to its being the label, where the labels are judged by).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import rankdata

from playbook.evaluation.statistics import bootstrap, clustered_proportion
from playbook.plumbing.metrics import Measurement
from playbook.posttraining.pairs import Row, topic

BINS = 10
Record = dict[str, Any]
Vector = NDArray[np.float64]


def reward_records(rows: Sequence[Row], rewards: Sequence[Sequence[float]], flips: float) -> list[Record]:
    """One record a pair: texts, rewards, and what the world knows.

    `certainty`: the chance that the answer with the larger reward is the chosen one, where a share `flips` of the
    labels is taken for flipped (as in `bradley_terry_loss`): never above 1 - flips.
    """
    return [
        {
            "id": row.get("id", str(number)), "topic": topic(row), "kind": row.get("kind", ""),
            "prompt": row["prompt"][-1]["content"],
            "chosen": row["chosen"][-1].get("content", ""), "rejected": row["rejected"][-1].get("content", ""),
            "reward_chosen": both[0], "reward_rejected": both[1],
            "certainty": flips + (1 - 2 * flips) * float(expit(abs(both[0] - both[1]))),
            **{key: row[key] for key in ("gold_chosen", "gold_rejected") if key in row},
        }
        for number, (row, both) in enumerate(zip(rows, rewards, strict=True), start=1)
    ]  # fmt: skip


def reward_metrics(records: Sequence[Record], seed: int) -> dict[str, Any]:
    """The card. Intervals are clustered by whom a pair is about.

    - `accuracy`: share of pairs whose better answer, by the gold reward, gets the larger reward; where the world does
      not know it, the chosen one. `accuracy_noisy`: the same by the labels as given, of which a stated share is flipped
    - `accuracy_length_balanced`: the mean of the accuracies where the better answer is longer and where it is shorter,
      so that a preference for length earns nothing; `accuracy_by_length.{longer,shorter,equal}`, `accuracy_by_kind.*`
    - `ece`: mean distance between how sure it is of a label (`certainty`) and how often it is right, by the labels as
      given, which is what it is trained to foretell; `ece_clean`: by the true ones, of how sure the rewards alone are
    - `corr_with_gold`: Spearman's rank correlation of reward and gold over all answers, the gold being of another shape
      than a log-odds; `pairwise_margin`: mean lead of the chosen answer
    """
    better, worse = (np.array([_gold_order(row)[side] for row in records]) for side in (0, 1))
    topics = [row["topic"] for row in records]
    right = better > worse
    lead = np.array([row["reward_chosen"] - row["reward_rejected"] for row in records])
    lengths = [_length_bucket(row) for row in records]
    metrics: dict[str, Any] = {
        "accuracy": clustered_proportion(right, topics),
        "accuracy_noisy": clustered_proportion(lead > 0, topics),
        "accuracy_by_length": _by(right, lengths, topics),
        "accuracy_by_kind": _by(right, [row["kind"] for row in records], topics),
        "ece": calibration_error(certainties(records), lead > 0, topics, seed),
        "ece_clean": calibration_error(expit(np.abs(lead)), right, topics, seed),
    }
    if {"longer", "shorter"} <= set(lengths):
        metrics["accuracy_length_balanced"] = _balanced(right, lengths, topics, seed)
    if all("gold_chosen" in row for row in records):
        rewards = [row[f"reward_{side}"] for row in records for side in ("chosen", "rejected")]
        gold = [row[f"gold_{side}"] for row in records for side in ("chosen", "rejected")]
        metrics["corr_with_gold"] = rank_correlation(rewards, gold, [t for t in topics for _ in "01"], seed)
    return metrics


def certainties(records: Sequence[Record]) -> Vector:
    """How sure it is of each label, [pairs]."""
    return np.array([row["certainty"] for row in records])


def reliability(sure: Vector, right: NDArray[np.bool_]) -> list[tuple[float, float, int]]:
    """(mean certainty, share right, pairs) of each bin that holds any; `sure` from 1/2 to 1."""
    bins = _bins(sure)
    return [
        (float(sure[bins == b].mean()), float(right[bins == b].mean()), int((bins == b).sum()))
        for b in range(BINS)
        if (bins == b).any()
    ]


def calibration_error(sure: Vector, right: NDArray[np.bool_], topics: Sequence[str], seed: int) -> Measurement:
    """`sum_b n_b / n |certainty_b - accuracy_b|` over the bins, bootstrapped over topics; `sure` from 1/2 to 1."""
    bins, cluster = _bins(sure), _numbered(topics)
    excess = np.zeros((cluster.max() + 1, BINS))  # of each topic and bin: certainty minus success, summed
    np.add.at(excess, (cluster, bins), sure - right)
    pairs = np.bincount(cluster).astype(np.float64)
    return bootstrap(lambda w: np.abs(w @ excess).sum(1) / (w @ pairs), len(pairs), seed)


def rank_correlation(first: Sequence[float], second: Sequence[float], topics: Sequence[str], seed: int) -> Measurement:
    """Spearman's correlation; the bootstrap over topics keeps the ranks that the whole sample gave."""
    one, two = (rankdata(values) for values in (first, second))
    cluster = _numbered(topics)
    terms = np.stack([np.ones_like(one), one, two, one * one, two * two, one * two], axis=1)
    sums = np.zeros((cluster.max() + 1, terms.shape[1]))
    np.add.at(sums, cluster, terms)

    def correlation(weights: Vector) -> Vector:
        n, x, y, xx, yy, xy = (weights @ sums).T
        found: Vector = (n * xy - x * y) / np.sqrt((n * xx - x * x) * (n * yy - y * y))
        return found

    return bootstrap(correlation, len(sums), seed)


def _bins(sure: Vector) -> NDArray[np.intp]:
    """Which of the bins from 1/2 to 1."""
    return np.minimum(((sure - 0.5) * 2 * BINS).astype(np.intp), BINS - 1)


def _numbered(topics: Sequence[str]) -> NDArray[np.intp]:
    index = {name: place for place, name in enumerate(dict.fromkeys(topics))}
    return np.array([index[name] for name in topics], dtype=np.intp)


def _balanced(right: NDArray[np.bool_], lengths: Sequence[str], topics: Sequence[str], seed: int) -> Measurement:
    cluster = _numbered(topics)
    hits, asked = np.zeros((2, cluster.max() + 1, 2))
    for place, (of, success, bucket) in enumerate(zip(cluster, right, lengths, strict=True)):
        if bucket != "equal":
            hits[of, int(lengths[place] == "longer")] += success
            asked[of, int(lengths[place] == "longer")] += 1
    return bootstrap(lambda w: ((w @ hits) / (w @ asked)).mean(1), len(hits), seed)


def _by(right: NDArray[np.bool_], groups: Sequence[str], topics: Sequence[str]) -> dict[str, Measurement]:
    found = {}
    for name in sorted(set(groups)):
        at = [place for place, group in enumerate(groups) if group == name]
        found[name] = clustered_proportion(right[at], [topics[place] for place in at])
    return found


def _gold_order(row: Mapping[str, Any]) -> tuple[float, float]:
    """(reward of the answer that is better by the gold reward, of the other); without gold the label is believed."""
    both = row["reward_chosen"], row["reward_rejected"]
    return both if row.get("gold_chosen", 1) >= row.get("gold_rejected", 0) else both[::-1]


def _length_bucket(row: Mapping[str, Any]) -> str:
    better, worse = row["chosen"], row["rejected"]
    if row.get("gold_chosen", 1) < row.get("gold_rejected", 0):
        better, worse = worse, better
    return "equal" if len(better) == len(worse) else "longer" if len(better) > len(worse) else "shorter"
