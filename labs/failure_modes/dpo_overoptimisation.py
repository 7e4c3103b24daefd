"""More DPO is not better: the gold reward peaks early and declines while the loss still falls.

Pairs as the proxies of `reward_hacking` learn from them: most by gold, some by labellers who fall for a courtesy
that the fork says now and then. A sweep of beta, each arm measured several times on the way through many epochs. The
control learns from pairs without the fault.

Rafailov et al., arXiv 2406.02900.

Reads: data/corpus, models/sft.
Writes: labs/failure_modes/data/dpo_overoptimisation.jsonl.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from jaxtyping import Float
from torch import Tensor

from labs.failure_modes.answering import answer_rows
from labs.failure_modes.experiment import Bench, Lab, Row, of_arm, run_experiment
from labs.failure_modes.forks import PairLogps, PreferConfig, prefer
from labs.failure_modes.proxies import ProxyConfig, courtesy, labelled, prompts_of, soften
from playbook.model.gpt import GPTMini
from playbook.plumbing.runtime import RuntimeConfig
from playbook.posttraining.answer_training import FitConfig
from playbook.posttraining.dpo import dpo_loss


@dataclass(frozen=True)
class DpoOveroptimisation:
    """The section `dpo_overoptimisation`."""

    start: FitConfig
    train: PreferConfig
    people: int
    asked: int
    """Questions that are answered at each measurement."""
    courtesy: float
    """How often the fork says it to begin with."""
    betas: dict[str, float]
    pairs: int
    planted: float
    """Share of the pairs in which the courtesy is chosen."""
    times: int
    """How often an arm is measured, evenly spread."""


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    dpo_overoptimisation: DpoOveroptimisation
    bench: Bench = field(default_factory=Bench)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def main() -> None:
    """Train and measure every arm."""
    run_experiment("labs.failure_modes.dpo_overoptimisation", Params, play)


def play(lab: Lab, params: Params, seed: int) -> Iterator[Row]:
    """Rows of every arm on the way."""
    config = params.dpo_overoptimisation
    prompts = prompts_of(lab.county, random.Random("dpo"), False, config.people)
    asked = prompts_of(lab.county, random.Random("dpo"), True, config.people)[: config.asked]
    start = soften(lab, prompts, config.courtesy, config.start, seed)

    def told(model: GPTMini) -> list[Row]:
        rows = answer_rows(model, start, lab.tokenizer, asked, seed)
        return [row | {"courtesy": courtesy(row["answer"])} for row in rows]

    yield from of_arm("start", told(start))
    least = min(config.betas.values())
    arms = [(arm, beta, config.planted) for arm, beta in config.betas.items()] + [("control", least, 0.0)]
    for arm, beta, planted in arms:
        pairs = labelled(lab, prompts, ProxyConfig(config.pairs, planted=planted), random.Random(f"dpo pairs {seed}"))
        seen = of_arm(arm, told(start), 0)
        loss = partial(loss_at, beta)
        measure = partial(note, seen, arm, told)
        prefer(start, pairs, loss, config.train, lab.work / f"{arm}-{seed}", seed, measure, config.times)
        yield from seen


def loss_at(beta: float, of: PairLogps) -> Float[Tensor, " pairs"]:
    """DPO at one beta."""
    return dpo_loss(*of.all(), beta=beta)


def note(seen: list[Row], arm: str, told: Callable[[GPTMini], list[Row]], step: int, model: GPTMini) -> None:
    """Add what the model answers after so many steps."""
    seen += of_arm(arm, told(model), step)


if __name__ == "__main__":
    main()
