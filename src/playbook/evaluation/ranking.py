"""How good a ranking is: average precision, precision, recall and nDCG, as trec_eval defines them. Knows ids only.

A ranking is the ids in the order in which they were found, each once; what was not found counts as never found.
Sources: Manning, Raghavan and Schuetze (2008), chapter 8; nDCG with linear gains, Järvelin & Kekäläinen (2002), as in
trec_eval's ndcg_cut, whose figures these agree with.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

Judgements = Mapping[str, int]
"""Relevance by id; above 0 is relevant. What is not judged is not relevant."""
Metric = Callable[[Sequence[str], Judgements], float]


def average_precision(ranking: Sequence[str], judged: Judgements) -> float:
    """The mean over all relevant documents of the precision at the rank where each was found (0 where it was not).

    >>> average_precision(["a", "x", "b"], {"a": 1, "b": 1, "c": 1})  # (1/1 + 2/3 + 0) / 3
    0.5555555555555555
    """
    wanted, hits, total = relevant(judged), 0, 0.0
    for rank, item in enumerate(_once(ranking), start=1):
        if item in wanted:
            hits += 1
            total += hits / rank
    return total / len(wanted)


def precision_at(k: int, ranking: Sequence[str], judged: Judgements) -> float:
    """The share of relevant ones among the first k; a ranking that ends before counts as if others followed."""
    wanted = relevant(judged)
    return sum(item in wanted for item in _once(ranking)[:k]) / k


def recall_at(k: int, ranking: Sequence[str], judged: Judgements) -> float:
    """The share of the relevant ones that stand among the first k."""
    wanted = relevant(judged)
    return sum(item in wanted for item in _once(ranking)[:k]) / len(wanted)


def ndcg_at(k: int, ranking: Sequence[str], judged: Judgements) -> float:
    """Gains discounted by log2(rank + 1), over those of the best ranking possible."""
    relevant(judged)
    gained = sum(_discounted(rank, judged.get(item, 0)) for rank, item in enumerate(_once(ranking)[:k], start=1))
    ideal = sorted((gain for gain in judged.values() if gain > 0), reverse=True)[:k]
    return gained / sum(_discounted(rank, gain) for rank, gain in enumerate(ideal, start=1))


def metric(name: str) -> Metric:
    """A metric by name: `map`, or `P@k`, `recall@k`, `nDCG@k` for a number k.

    >>> metric("P@2")(["a", "b"], {"b": 1})
    0.5
    """
    if name == "map":
        return average_precision
    kind, _, depth = name.partition("@")
    found = {"P": precision_at, "recall": recall_at, "nDCG": ndcg_at}.get(kind)
    if found is None or not depth.isdecimal() or int(depth) < 1:
        raise ValueError(f"no metric is called {name!r}")
    return partial(found, int(depth))


def relevant(judged: Judgements) -> Collection[str]:
    """The ids judged relevant. A topic without any cannot be measured, which is the caller's fault."""
    wanted = {item for item, gain in judged.items() if gain > 0}
    if not wanted:
        raise ValueError("a topic without a relevant document has no score")
    return wanted


def _discounted(rank: int, gain: int) -> float:
    return max(gain, 0) / math.log2(rank + 1)


def _once(ranking: Sequence[str]) -> Sequence[str]:
    if len(set(ranking)) != len(ranking):
        raise ValueError("a ranking holds each id once")
    return ranking
