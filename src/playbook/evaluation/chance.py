"""Chance: how often would these very answers be right, if the model knew what is asked but not about whom?

Each answer is marked against the truths of all *other* entities asked for the same attribute. The mean over all pairs
is exact, no permutation is drawn. It is the honest zero of a closed-book accuracy: a model that has learned which
values are frequent, or that a job is a job, is above 0 and knows nobody.

Knows records only: rows with the keys entity, attribute, answer, gold, correct.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playbook.evaluation.statistics import FEW_CLUSTERS, bootstrap, wilson
from playbook.plumbing.metrics import Measurement

Matches = Callable[[str, str], bool]
"""(answer, gold) -> is the answer right?"""


def chance(records: Sequence[Mapping[str, Any]], matches: Matches, seed: int) -> Measurement | None:
    """The expected accuracy of answers dealt out among other entities; None where no attribute has two entities.

    The bootstrap draws entities, both as the one that answers and as the one whose truth is matched.
    Two people, jobs "baker" and "miller", and the answer "baker" to both: accuracy 1/2, chance 1/2.
    """
    hits, pairs = cross_matches(records, matches)
    if not pairs.sum():
        return None
    measured = bootstrap(lambda w: (w @ hits * w).sum(1) / (w @ pairs * w).sum(1), len(hits), seed)
    return _not_certain(measured, int((hits.sum(1) > 0).sum()))


def above_chance(records: Sequence[Mapping[str, Any]], matches: Matches, seed: int) -> Measurement | None:
    """Accuracy minus chance, both on the same resampled entities: the interval holds 0 where nobody is known."""
    hits, pairs = cross_matches(records, matches)
    if not pairs.sum():
        return None
    order = _entities(records)
    right, asked = (np.zeros(len(order)) for _ in range(2))
    for row in records:
        right[order[row["entity"]]] += bool(row["correct"])
        asked[order[row["entity"]]] += 1
    measured = bootstrap(
        lambda w: (w @ right) / (w @ asked) - (w @ hits * w).sum(1) / (w @ pairs * w).sum(1), len(order), seed
    )
    return measured if measured.ci95[0] < measured.ci95[1] else _widened(measured)


def cross_matches(
    records: Sequence[Mapping[str, Any]], matches: Matches
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(hits, pairs), each (entities, entities): of the answers about the row's entity, how many are the column's truth,

    and how many were compared. Summed over attributes; the diagonal is 0.
    """
    order = _entities(records)
    hits, pairs = (np.zeros((len(order), len(order))) for _ in range(2))
    by_attribute: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in records:
        by_attribute[row["attribute"]].append(row)
    for rows in by_attribute.values():
        truths = {row["entity"]: row["gold"] for row in rows}
        column = np.array([order[entity] for entity in truths])
        matched: dict[str, NDArray[np.float64]] = {}
        for (entity, answer), times in Counter((row["entity"], row["answer"]) for row in rows).items():
            if answer not in matched:
                verdicts = {value: float(matches(answer, value)) for value in dict.fromkeys(truths.values())}
                matched[answer] = np.array([verdicts[value] for value in truths.values()])
            hits[order[entity], column] += times * matched[answer]
            pairs[order[entity], column] += times
    np.fill_diagonal(hits, 0)
    np.fill_diagonal(pairs, 0)
    return hits, pairs


def _entities(records: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    return {entity: i for i, entity in enumerate(dict.fromkeys(row["entity"] for row in records))}


def _widened(measured: Measurement) -> Measurement:
    """All entities behave alike, so the bootstrap has no width: as wide as Wilson leaves one that does not."""
    _, most = wilson(0, measured.n)
    return Measurement(measured.value, (max(-1.0, measured.value - most), min(1.0, measured.value + most)), measured.n)


def _not_certain(measured: Measurement, hitting: int) -> Measurement:
    """Wilson where hardly any entity hit: a bootstrap of nothing but misses would be [0, 0]."""
    if hitting >= FEW_CLUSTERS:
        return measured
    low, high = wilson(measured.value * measured.n, measured.n)
    return Measurement(measured.value, (low, high), measured.n)
