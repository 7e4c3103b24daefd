"""Ensembles of reward models: they average out what their members disagree about, and keep what all of them got
wrong.

Members learn from pairs of their own, four labels in ten flipped. Best-of-n, of one pool, so that every way of making
one judgement out of several is compared at the same n: one member, their mean, their minimum (worst case), mean less
variance. A pair says nothing of what all answers to its prompt are worth together, so each member has a level of its
own for each prompt, and the minimum would be that of whoever stands lowest: levels are taken off. Then the same with
labellers who fall for a courtesy: a fault that all members share.

Coste et al., arXiv 2310.02743; Eisenstein et al., arXiv 2312.09244.

Reads: data/corpus, models/sft.
Writes: labs/failure_modes/data/ensembles.jsonl.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from labs.failure_modes.answering import gold_worth
from labs.failure_modes.experiment import Bench, Lab, Row, run_experiment
from labs.failure_modes.proxies import (
    ProxyConfig,
    courtesy,
    draw_pool,
    labelled,
    prompts_of,
    score_pool,
    soften,
    train_proxy,
)
from playbook.plumbing.runtime import RuntimeConfig
from playbook.posttraining.answer_training import FitConfig
from playbook.posttraining.best_of_n import best_of_n
from playbook.posttraining.reward_loss import Ensemble, ensemble_reward


@dataclass(frozen=True)
class Ensembles:
    """The section `ensembles`."""

    start: FitConfig
    people: int
    asked: int
    """Questions that answers are picked for."""
    courtesy: float
    """How often the fork says it to begin with."""
    member: ProxyConfig
    """`planted` is that of the shared fault; the others have none."""
    members: int
    pool: int
    n: int


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    ensembles: Ensembles
    bench: Bench = field(default_factory=Bench)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def main() -> None:
    """Train and measure every arm."""
    run_experiment("labs.failure_modes.ensembles", Params, play)


WAYS: tuple[Ensemble, ...] = ("mean", "min", "mean_minus_variance")


def play(lab: Lab, params: Params, seed: int) -> Iterator[Row]:
    """Rows of best-of-n by every judgement, with members that are only noisy and with members that share a fault."""
    config = params.ensembles
    prompts = prompts_of(lab.county, random.Random("ensembles"), False, config.people)
    asked = prompts_of(lab.county, random.Random("ensembles"), True, config.people)[: config.asked]
    start = soften(lab, prompts, config.courtesy, config.start, seed)
    pool = draw_pool(start, lab.tokenizer, asked, config.pool, seed)
    gold = np.array([[gold_worth(prompt, text) for text in texts] for prompt, texts in zip(asked, pool, strict=True)])
    polite = np.array([[courtesy(text) for text in texts] for texts in pool])
    entities = [prompt["entity"] for prompt in asked]

    def rows(arm: str, worth: np.ndarray, n: int = config.n) -> Iterator[Row]:
        for entity, g, p in zip(entities, best_of_n(worth, gold, n), best_of_n(worth, polite, n), strict=True):
            yield {"arm": arm, "unit": entity, "gold": float(g), "courtesy": float(p)}

    yield from rows("start", gold, n=1)
    for kind, planted in (("noise", 0.0), ("fault", config.member.planted)):
        member = replace(config.member, planted=planted)
        opinions = []
        for number in range(config.members):
            pairs = labelled(lab, prompts, member, random.Random(f"member {kind} {number} {seed}"))
            proxy = train_proxy(start, pairs, member, lab.work / f"{kind}-{number}-{seed}", seed * 100 + number)
            worth = score_pool(proxy, lab, asked, pool)
            opinions.append(worth - worth.mean(1, keepdim=True))
            yield from rows(f"{kind}_single", opinions[-1].double().numpy())
        together = torch.stack(opinions).flatten(1)
        yield from rows(f"{kind}_first", opinions[0].double().numpy())
        copies = together[:1].expand_as(together)
        yield from rows(f"{kind}_copies", ensemble_reward(copies, "min").view(gold.shape).double().numpy())
        for how in WAYS:
            yield from rows(f"{kind}_{how}", ensemble_reward(together, how).view(gold.shape).double().numpy())


if __name__ == "__main__":
    main()
