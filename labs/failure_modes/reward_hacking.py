"""Reward hacking: a learned proxy is optimised, and the gold reward rises with it and then falls.

Three kinds of proxies: of many pairs, of few, of many with four labels in ten flipped; the labellers of all of them
fall for a courtesy, which the fork says now and then. Reinforcement learning (RLOO, no price on the KL) and best-of-n
optimise them; few pairs may be lucky ones, so best-of-n is the mean over several proxies of a kind. Where the courtesy
is rare it takes optimisation to find it: first the proxy's better judgement of answers pays, then its fault. The
control is the same learning on gold itself.

Gao, Schulman and Hilton, arXiv 2210.10760. Best-of-n: the unbiased estimator of every n from one pool
(`playbook.posttraining.best_of_n`); its KL is that of the two distributions over the
pool, near `log n - (n - 1) / n` where no two answers are alike, and far below where many are.

Reads: data/corpus, models/sft.
Writes: labs/failure_modes/data/reward_hacking.jsonl.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from labs.failure_modes.answering import answer_rows, gold_worth
from labs.failure_modes.county import Prompt
from labs.failure_modes.experiment import Bench, Lab, Row, of_arm, run_experiment
from labs.failure_modes.forks import encode
from labs.failure_modes.policies import Judge, improve
from labs.failure_modes.proxies import (
    ProxyConfig,
    courtesy,
    draw_pool,
    judge_rollout,
    labelled,
    prompts_of,
    score,
    score_pool,
    soften,
    train_proxy,
)
from playbook.model.gpt import GPTMini
from playbook.plumbing.errors import InputError
from playbook.plumbing.runtime import RuntimeConfig
from playbook.posttraining.answer_training import FitConfig
from playbook.posttraining.best_of_n import best_of_n, order_weights
from playbook.posttraining.grpo_loop import GRPOConfig
from playbook.posttraining.reward_model import RewardModel


@dataclass(frozen=True)
class RewardHacking:
    """The section `reward_hacking`."""

    start: FitConfig
    train: GRPOConfig
    people: int
    """So many of whom prompts are about, four facts each."""
    asked: int
    """Questions that are answered at each measurement."""
    courtesy: float
    """How often the fork says it to begin with."""
    proxies: dict[str, ProxyConfig]
    at: tuple[int, ...]
    """Steps at which the policy is measured."""
    pool: int
    """Samples a prompt for best-of-n."""
    n: tuple[int, ...]
    draws: int
    """So many proxies of each kind, each on pairs of its own, pick the best of n; a policy is trained on the first."""

    def __post_init__(self) -> None:
        if self.draws < 1:
            raise InputError("draws", "at least 1 proxy of each kind", self.draws)


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    reward_hacking: RewardHacking
    bench: Bench = field(default_factory=Bench)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def main() -> None:
    """Train and measure every arm."""
    run_experiment("labs.failure_modes.reward_hacking", Params, play)


def play(lab: Lab, params: Params, seed: int) -> Iterator[Row]:
    """Rows of every policy at every step that is measured, and of best-of-n for every n."""
    config = params.reward_hacking
    prompts = prompts_of(lab.county, random.Random("hacking"), False, config.people)
    asked = prompts_of(lab.county, random.Random("hacking"), True, config.people)[: config.asked]
    start = soften(lab, prompts, config.courtesy, config.start, seed)
    pool = draw_pool(start, lab.tokenizer, asked, config.pool, seed)
    yield from of_arm("start", told(lab, start, start, None, asked, seed))
    for name, settings in config.proxies.items():
        proxies = list[RewardModel]()
        for draw in range(config.draws):
            pairs = labelled(lab, prompts, settings, random.Random(f"proxy {name} {seed} {draw}"))
            proxies.append(train_proxy(start, pairs, settings, lab.work / f"proxy-{name}-{seed}-{draw}", seed))
            yield from best_rows(f"best_{name}", lab, proxies[-1], asked, pool, config.n)
        yield from walked(name, lab, start, proxies[0], prompts, asked, config, seed)
    yield from walked("gold", lab, start, None, prompts, asked, config, seed)


def walked(
    arm: str, lab: Lab, start: GPTMini, proxy: RewardModel | None, prompts: Sequence[Prompt], asked: Sequence[Prompt],
    config: RewardHacking, seed: int,
) -> list[Row]:  # fmt: skip
    """A policy that is trained on a proxy, or on gold where there is none, measured on the way."""
    rows = of_arm(arm, told(lab, start, start, proxy, asked, seed), 0)
    judge: Judge | None = None if proxy is None else lambda rollout: judge_rollout(proxy, rollout)
    improve(
        start, lab.tokenizer, prompts, gold_worth, config.train, lab.work / arm, seed, algorithm="rloo", judge=judge,
        at=config.at, measure=lambda step, model: rows.extend(
            of_arm(arm, told(lab, model, start, proxy, asked, seed), step)
        ),
    )  # fmt: skip
    return rows


def told(
    lab: Lab, model: GPTMini, start: GPTMini, proxy: RewardModel | None, asked: Sequence[Prompt], seed: int
) -> list[Row]:  # fmt: skip
    """Sampled answers with gold, the courtesy, and what the proxy thinks of them."""
    rows = answer_rows(model, start, lab.tokenizer, asked, seed)
    rows = [row | {"courtesy": courtesy(row["answer"])} for row in rows]
    if proxy is None:
        return rows
    said = encode(asked, [row["answer"] or "." for row in rows], lab.tokenizer, lab.model.config.context)
    return [row | {"proxy": value} for row, value in zip(rows, score(proxy, said), strict=True)]


def best_rows(
    arm: str, lab: Lab, proxy: RewardModel, asked: Sequence[Prompt], pool: Sequence[Sequence[str]], ns: Sequence[int]
) -> Iterator[Row]:  # fmt: skip
    """Of every n, for each prompt: the expected gold and proxy reward of the best, and its KL from a single sample."""
    worth = score_pool(proxy, lab, asked, pool).double().numpy()
    gold = np.array([[gold_worth(prompt, text) for text in texts] for prompt, texts in zip(asked, pool, strict=True)])
    polite = np.array([[courtesy(text) for text in texts] for texts in pool])
    for n in ns:
        found = [best_of_n(worth, values, n) for values in (gold, worth, polite)]
        nats = [kl_of_best(row, n) for row in worth]
        for prompt, g, p, said, kl in zip(asked, *found, nats, strict=True):
            yield {"arm": arm, "step": n, "unit": prompt["entity"], "gold": float(g), "proxy": float(p),
                   "courtesy": float(said), "kl": kl}  # fmt: skip


def kl_of_best(worth: np.ndarray, n: int) -> float:
    """KL(best-of-n || one sample) in nats over the answers of a pool; answers that a proxy values alike are one.

    >>> round(kl_of_best(np.array([1.0, 2.0]), 2), 4)  # both are drawn: always the better of the two
    0.6931
    """
    _, place, counts = np.unique(worth, return_inverse=True, return_counts=True)
    ranked = np.repeat(np.arange(len(counts)), counts)
    chosen = np.bincount(ranked, order_weights(len(worth), n), minlength=len(counts))
    single = counts / len(place)
    kept = chosen > 0
    return float((chosen[kept] * np.log(chosen[kept] / single[kept])).sum())


if __name__ == "__main__":
    main()
