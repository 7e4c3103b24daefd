"""Reciprocal-rank fusion: what several rankings put high goes up, whatever their scores mean.

Source: Cormack, Clarke and Buettcher (SIGIR 2009), equation 1: score(d) = sum over rankings of 1 / (60 + rank of d).
"""

from collections.abc import Hashable, Sequence
from typing import TypeVar

Item = TypeVar("Item", bound=Hashable)
CONSTANT = 60.0


def reciprocal_rank_fusion(
    rankings: Sequence[Sequence[Item]], weights: Sequence[float] | None = None, constant: float = CONSTANT
) -> list[tuple[Item, float]]:
    """Items with their fused scores, best first; equal scores in the order in which the items first appear.

    >>> [item for item, _ in reciprocal_rank_fusion([["a", "b", "c"], ["b", "c"]])]
    ['b', 'c', 'a']
    """
    scores: dict[Item, float] = {}
    for ranking, weight in zip(rankings, weights or [1.0] * len(rankings), strict=True):
        for rank, item in enumerate(ranking, start=1):
            scores[item] = scores.get(item, 0.0) + weight / (constant + rank)
    return sorted(scores.items(), key=lambda row: -row[1])
