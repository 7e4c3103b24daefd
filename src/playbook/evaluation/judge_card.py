"""The judge card: may this judge be believed? Agreement with the truth, and what else than the truth sways it.

Made from records of `judge.judge_duels` by the judge and by gold, on the same duels. Flags are computed from the
intervals: a judge is flagged where the data show a fault, and not where they are too few to tell.

Sources: Cohen, Educational and Psychological Measurement 20 (1960) for kappa; Zheng et al., arXiv 2306.05685, for
biases of position and length; Dubois et al., arXiv 2404.04475, for the length-controlled win rate.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from playbook.evaluation.statistics import Vector, bootstrap, clustered_mean, clustered_proportion
from playbook.plumbing.metrics import Measurement

Record = Mapping[str, Any]
WINNERS = ("one", "two", "tie")

LEAST_KAPPA = 0.6
"""Below it, agreement is called no more than moderate (Landis and Koch, Biometrics 33, 1977)."""
LEAST_CONSISTENCY = 0.9
MOST_LENGTH_PULL = 0.1
RIDGE = 1e-3
"""Keeps the logistic fit finite where length and verdict part the data completely."""
STEPS = 25


def card(judged: Sequence[Record], truth: Sequence[Record], seed: int) -> dict[str, Measurement]:
    """What the card says; `judged` and `truth` run in parallel over the same duels."""
    if [row["id"] for row in judged] != [row["id"] for row in truth]:
        raise ValueError("records of the judge and of gold must be of the same duels in the same order")
    clusters = [row["cluster"] for row in judged]
    unequal = [i for i, row in enumerate(judged) if row["longer"] != 0]
    pull = [_for_longer(judged[i]) - _for_longer(truth[i]) for i in unequal]
    return {
        "agreement": clustered_proportion(
            [a["winner"] == b["winner"] for a, b in zip(judged, truth, strict=True)], clusters
        ),
        "kappa": kappa(judged, truth, seed),
        "position_consistency": clustered_proportion([row["consistent"] for row in judged], clusters),
        "first_preferred": clustered_mean([_for_first(row) for row in judged], clusters, seed),
        "length_pull": clustered_mean(pull, [clusters[i] for i in unequal], seed),
    }


def flags(found: Mapping[str, Measurement]) -> list[str]:
    """What the data show to be wrong with a judge; nothing for one that may be believed.

    Each limit lies outside the interval, so the fault is no accident of the sample.
    """
    told = []
    if found["kappa"].ci95[1] < LEAST_KAPPA:
        told.append(f"disagrees with gold: kappa below {LEAST_KAPPA:g}")
    if found["position_consistency"].ci95[1] < LEAST_CONSISTENCY:
        told.append(f"goes by position: consistent in fewer than {LEAST_CONSISTENCY:.0%} of the pairs")
    low, high = found["length_pull"].ci95
    if low > MOST_LENGTH_PULL or high < -MOST_LENGTH_PULL:
        told.append(f"goes by length: its preference differs from gold's by more than {MOST_LENGTH_PULL:g}")
    return told


def kappa(judged: Sequence[Record], truth: Sequence[Record], seed: int) -> Measurement:
    """Cohen's kappa of two judges' winners: agreement above what their habits alone would give, over clusters.

    1: always agree; 0: as independent judges of the same habits would. Where both always say the same one thing there
    is nothing beyond chance to see, and such a resample is left out.
    """
    table = np.zeros((len(_clusters(judged)), 3, 3))
    index = {cluster: i for i, cluster in enumerate(_clusters(judged))}
    for a, b in zip(judged, truth, strict=True):
        table[index[a["cluster"]], WINNERS.index(a["winner"]), WINNERS.index(b["winner"])] += 1

    def statistic(weights: Vector) -> Vector:
        counts = np.einsum("rc,cij->rij", weights, table)
        shares = counts / counts.sum((1, 2), keepdims=True)
        agreed = np.einsum("rii->r", shares)
        by_chance: Vector = (shares.sum(2) * shares.sum(1)).sum(1)
        return np.asarray((agreed - by_chance) / (1 - by_chance), dtype=np.float64)

    return bootstrap(statistic, len(index), seed)


def win_rate(judged: Sequence[Record], seed: int) -> Measurement:
    """How often `one` wins, ties counting half."""
    return clustered_mean([_worth(row) for row in judged], [row["cluster"] for row in judged], seed)


def length_controlled_win_rate(judged: Sequence[Record], seed: int) -> Measurement:
    """The win rate of `one` that a logistic model predicts at equal length, bootstrapped over clusters.

    win ~ sigmoid(a + b tanh(longer / s)), s the standard deviation of the difference in length; it is sigmoid(a).
    """
    names = _clusters(judged)
    where = np.array([names.index(row["cluster"]) for row in judged])
    won = np.array([_worth(row) for row in judged])
    longer = np.array([float(row["longer"]) for row in judged])
    features = np.stack([np.ones_like(longer), np.tanh(longer / (longer.std() or 1.0))], axis=1)

    def statistic(weights: Vector) -> Vector:
        each = weights[:, where]
        beta = np.zeros((len(weights), 2))
        for _ in range(STEPS):  # Newton's method, all resamples at once
            predicted = 1 / (1 + np.exp(-np.clip(beta @ features.T, -30, 30)))
            gradient = (each * (won - predicted)) @ features - RIDGE * beta
            curvature = np.einsum("rn,ni,nj->rij", each * predicted * (1 - predicted), features, features)
            step = np.linalg.solve(curvature + RIDGE * np.eye(2), gradient[..., None])[..., 0]
            beta = beta + np.clip(step, -2, 2)
            if np.abs(step).max() < 1e-6:
                break
        return np.asarray(1 / (1 + np.exp(-beta[:, 0])), dtype=np.float64)

    return bootstrap(statistic, len(names), seed)


def _clusters(records: Sequence[Record]) -> list[str]:
    return list(dict.fromkeys(row["cluster"] for row in records))


def _worth(row: Record) -> float:
    return {"one": 1.0, "two": 0.0, "tie": 0.5}[row["winner"]]


def _for_longer(row: Record) -> float:
    return _worth(row) if row["longer"] > 0 else 1 - _worth(row)


def _for_first(row: Record) -> float:
    """How much of its two verdicts went to what stood first: .5 for one that does not look at the order."""
    worth = {"first": 1.0, "second": 0.0, "tie": 0.5}
    return (worth[row["straight"]] + worth[row["exchanged"]]) / 2
