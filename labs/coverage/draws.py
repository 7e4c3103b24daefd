"""Made-up data whose truth is known, and the interval that our code gives for it: one function a kind of interval.

Each takes a generator and the number of the repetition (the seed of the bootstrap) and returns (truth, low, high).
Answers about one entity hang together: an entity's rate is drawn from a beta distribution of the stated correlation.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from playbook.evaluation.blocks import differences
from playbook.evaluation.reliability import reliability
from playbook.evaluation.statistics import (
    clustered_mean,
    clustered_proportion,
    mcnemar,
    median_of,
    paired_difference,
    proportion,
    ratio_of_sums,
)
from playbook.plumbing.metrics import Measurement

Case = tuple[float, float, float]
"""Truth, and both ends of the interval."""
Draw = Callable[[np.random.Generator, int], Case]
ENTITIES, FEW = 140, 60
ARMS, SEEDS = 20, 3
TRIES, ALL_OF = 8, 4


def draws(correlation: float, answers: int) -> dict[str, Draw]:
    """Every kind of interval by name."""
    share = partial(clustered_share, correlation=correlation, answers=answers)
    paired = partial(paired_shares, correlation=correlation, answers=answers)
    return {
        "independent_answers": independent_answers,
        "clustered_share_140": partial(share, entities=ENTITIES),
        "clustered_share_60": partial(share, entities=FEW),
        "clustered_share_near_one": partial(share, entities=ENTITIES, truth=0.97),
        "clustered_mean_skewed": skewed_rewards,
        "ratio_unequal_documents": unequal_documents,
        "paired_difference": partial(paired, entities=ENTITIES),
        "paired_difference_of_few": partial(paired, entities=FEW),
        "pass_hat_k": partial(tries, correlation=correlation),
        "seeds_blocks": seeds_of_arms,
        "median_of_nine": timings,
        "mcnemar": nothing_differs,
        "clusters_ignored": partial(share, entities=ENTITIES, ignored=True),
    }


def rates(rng: np.random.Generator, truth: float, entities: int, correlation: float) -> NDArray[np.float64]:
    """Of each entity: beta-distributed with mean `truth`; two answers about one entity correlate as told."""
    size = (1 - correlation) / correlation
    return rng.beta(truth * size, (1 - truth) * size, size=entities)


def case(truth: float, found: Measurement) -> Case:
    """The truth beside the interval."""
    return truth, *found.ci95


def independent_answers(rng: np.random.Generator, number: int) -> Case:
    """Another truth each time: at a fixed one the coverage of any interval for a share is a matter of luck (Brown,
    Cai and DasGupta, Statistical Science 16, 2001)."""
    truth = float(rng.uniform(0.05, 0.95))
    return case(truth, proportion(rng.random(ENTITIES) < truth))


def clustered_share(
    rng: np.random.Generator,
    number: int,
    *,
    entities: int,
    correlation: float,
    answers: int,
    truth: float = 0.7,
    ignored: bool = False,
) -> Case:
    """Several answers about each of some entities; with `ignored` taken for independent, as one must not."""
    right = rng.random((entities, answers)) < rates(rng, truth, entities, correlation)[:, None]
    if ignored:
        return case(truth, proportion(right.ravel()))
    return case(truth, clustered_proportion(right.ravel(), _clusters(entities, answers)))


def skewed_rewards(rng: np.random.Generator, number: int) -> Case:
    """1 minus an exponential penalty, whose mean differs between entities."""
    penalty = rng.exponential(rng.uniform(0.1, 0.5, size=(ENTITIES, 1)), size=(ENTITIES, 3))
    return case(0.7, clustered_mean((1 - penalty).ravel(), _clusters(ENTITIES, 3), number))


def unequal_documents(rng: np.random.Generator, number: int) -> Case:
    """Nats a token over documents of 20 to 200 tokens, each with a difficulty of its own."""
    tokens = rng.integers(20, 201, size=87)
    nats = tokens * rng.lognormal(0.0, 0.3, size=87)
    return case(float(np.exp(0.3**2 / 2)), ratio_of_sums(nats, tokens, number))


def paired_shares(rng: np.random.Generator, number: int, *, entities: int, correlation: float, answers: int) -> Case:
    """Two models on the same questions: what is hard for one is hard for the other; one is right .6 of the time, the
    other, which repairs .4 of the faults and in a fifth of its answers goes its own way, .76."""
    base, luck = rates(rng, 0.6, entities, correlation)[:, None], rng.random((entities, answers))
    one, own = luck < base, rng.random((2, entities, answers))
    other = np.where(own[0] < 0.2, own[1] < 0.76, luck < base + 0.4 * (1 - base))
    return case(0.16, paired_difference(other.ravel(), one.ravel(), _clusters(entities, answers), number))


def tries(rng: np.random.Generator, number: int, *, correlation: float) -> Case:
    """Eight tries at each task: the truth is the mean of rate^4 over tasks, a moment of the beta distribution."""
    size, truth = (1 - correlation) / correlation, 1.0
    for i in range(ALL_OF):
        truth *= (0.8 * size + i) / (size + i)
    right = rng.random((ENTITIES, TRIES)) < rates(rng, 0.8, ENTITIES, correlation)[:, None]
    return case(truth, reliability(right.tolist(), range(ENTITIES), ALL_OF, number))


def seeds_of_arms(rng: np.random.Generator, number: int) -> Case:
    """Twenty arms over three seeds; the worst of nineteen errors stands for all: all hold, or it is a miss."""
    effects, luck = rng.normal(size=ARMS), rng.normal(size=SEEDS)
    runs = effects[:, None] + luck + 0.5 * rng.normal(size=(ARMS, SEEDS))
    found = differences({f"{arm:02}": list(row) for arm, row in enumerate(runs)}, "00")
    truths = {arm: float(effects[int(arm)] - effects[0]) for arm in found}
    worst = max(found, key=lambda arm: abs(found[arm].value - truths[arm]))
    return case(truths[worst], found[worst])


def timings(rng: np.random.Generator, number: int) -> Case:
    """Nine timings with a long tail; the truth is their distribution's median."""
    return case(1.0, median_of(rng.lognormal(0.0, 0.5, size=9)))


def nothing_differs(rng: np.random.Generator, number: int) -> Case:
    """McNemar's p-value as a case: it holds the truth (no difference) where it is above .05."""
    first, second = rng.random((2, ENTITIES)) < 0.7
    return 0.5, 0.0, 1.0 if mcnemar(first, second) > 0.05 else 0.0


def _clusters(entities: int, answers: int) -> list[int]:
    return [entity for entity in range(entities) for _ in range(answers)]
