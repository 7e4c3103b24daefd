"""The exercises of the notes that can be checked. No right answer is stored: each is computed by the library, or read
from the metrics of this very checkout.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from playbook.agent.fusion import reciprocal_rank_fusion
from playbook.commands.exercise_kinds import Function, Numbers, Numeric, Words
from playbook.evaluation.statistics import mcnemar, wilson
from playbook.model.attention import attention_weights, causal_mask
from playbook.model.gpt import GPTMini, ModelConfig
from playbook.plumbing.errors import InputError
from playbook.plumbing.metrics import Measurement, read_metrics, walk_measurements
from playbook.plumbing.paths import ROOT
from playbook.posttraining.dpo import dpo_loss
from playbook.posttraining.grpo import grpo_advantages
from playbook.posttraining.policy_losses import reduce_tokens
from playbook.text.bpe import train
from playbook.training.losses import token_nats, weighted_mean
from playbook.training.schedule import ScheduleConfig, learning_rate_factor


def measured(file: str, name: str) -> Measurement:
    """A figure of reports/metrics; absent ones say what makes them."""
    found = dict(walk_measurements(read_metrics(ROOT / "reports/metrics" / f"{file}.json")))
    if name not in found:
        raise InputError(f"reports/metrics/{file}.json", f"the measurement {name}", "none", "dvc repro")
    return found[name]


def _unlearnt() -> Numbers:
    nats = token_nats(torch.zeros(1, 1, 1024), torch.tensor([[5]])).item()
    return nats, nats / math.log(2)


def _scores() -> Numbers:
    q, k = torch.zeros(1, 3, 256, 64), torch.zeros(1, 3, 256, 64)
    return (float(attention_weights(q, k, causal_mask(256, 256), 1.0).numel()),)


def _two_batches() -> Numbers:
    losses, weights = torch.tensor([[1.0] * 3 + [2.0] * 5]), torch.ones(1, 8)
    return (weighted_mean(losses, weights).item(),)


def _tokens_a_parameter() -> Numbers:
    run = read_metrics(ROOT / "reports/metrics/pretrain.json")["run"]
    return (run["tokens"] / run["params"],)


def _at_the_reference() -> Numbers:
    logps = torch.tensor([[-3.0], [-5.0]], requires_grad=True)
    ref, ones = logps.detach(), torch.ones(1)
    dpo_loss(logps[0], logps[1], ref[0], ref[1], ones, ones, beta=0.1).sum().backward()
    assert logps.grad is not None
    return math.log(2), logps.grad[1].item()


def _advantages(scale: Any) -> list[float]:
    found: list[float] = grpo_advantages(torch.tensor([1.0, 0.0]), 2, scale).tolist()
    return found


def _reductions() -> Numbers:
    losses, weights = torch.tensor([[1.0, 0, 0], [0, 0, 0]]), torch.tensor([[1.0, 0, 0], [1, 1, 1]])
    return [reduce_tokens(losses, weights, kind, 5).item() for kind in ("grpo", "bnpo", "dr_grpo")]


def _largest_step() -> str:
    steps = {"sft": "sft_minus_base", "dpo": "dpo_minus_sft", "grpo": "grpo_minus_dpo"}
    return max(steps, key=lambda name: measured("compare", f"{steps[name]}.gold_reward").value)


def _cache_bytes(kv_heads: int) -> float:
    model = GPTMini(ModelConfig(context=512, layers=4, width=192, heads=3, kv_heads=kv_heads), 8)
    layers = model.new_cache(torch.zeros(1, dtype=torch.long), 512).layers
    return float(sum(t.nbytes for layer in layers for t in vars(layer).values() if isinstance(t, torch.Tensor)))


def _answered_without_an_answer() -> str:
    return "missed" if measured("recipe", "false_answer_rate").value > 0.05 else "met"


def _dpo(chosen: float, rejected: float, ref_chosen: float, ref_rejected: float, beta: float) -> float:
    one = torch.ones(1)
    ours, theirs, ref_ours, ref_theirs = (torch.tensor([x]) for x in (chosen, rejected, ref_chosen, ref_rejected))
    return dpo_loss(ours, theirs, ref_ours, ref_theirs, one, one, beta=beta).item()


def _fused(rankings: list[list[str]]) -> list[str]:
    return [name for name, _ in reciprocal_rank_fusion(rankings)]


def _drawn(count: int, draw: Callable[[np.random.Generator], tuple[Any, ...]]) -> Callable[[], list[Any]]:
    def drawn() -> list[Any]:
        rng = np.random.default_rng(1)
        return [draw(rng) for _ in range(count)]

    return drawn


def _share(rng: np.random.Generator) -> tuple[float]:
    return (float(rng.random()),)


def _pair(rng: np.random.Generator) -> tuple[float, ...]:
    return *(-20 * rng.random(4)).tolist(), float(rng.choice([0.1, 0.5]))


TRAPEZOID = ScheduleConfig("trapezoid", warmup=0.1, decay=0.5, final=0.0)
RANKINGS = [
    ([["a", "b", "c"], ["b", "c", "d"]],),
    ([["x"], ["y"], ["y", "x"]],),
    ([["a", "b"], ["b", "a"], ["c"]],),
]

EXERCISES: dict[str, Numeric | Words | Function] = {
    "1.1": Words(lambda: "last", {"first": "the first query sees only itself when masked, and everything when not"}),
    "1.2": Numeric(_unlearnt, {"that is bits first: nats are asked for first": lambda: _unlearnt()[::-1]}),
    "1.3": Numeric(
        _scores,
        {
            "that is one head": lambda: (256.0 * 256,),
            "masked scores are computed too": lambda: (3 * 256 * 257 / 2,),
        },
    ),
    "1.5": Words(lambda: train(["aaab aab"], 257).vocabulary[256].decode(), {"ab": "count again: aab holds it once"}),
    "1.6": Function("mask", lambda q, k: causal_mask(q, k), lambda: [(1, 1), (4, 4), (2, 5), (1, 7)]),
    "2.2": Numeric(_two_batches, {"that is the mean of the means: it weighs the 3 as much as the 5": lambda: (1.5,)}),
    "2.3": Numeric(lambda: (learning_rate_factor(ScheduleConfig("linear", warmup=0.5), 0.75),)),
    "2.6": Numeric(_tokens_a_parameter, {"the other way round": lambda: (1 / _tokens_a_parameter()[0],)}),
    "2.7": Function("factor", lambda done: learning_rate_factor(TRAPEZOID, done), _drawn(40, _share)),
    "3.1": Numeric(_at_the_reference, {"the gradient is beta / 2, not 1/2": lambda: (math.log(2), 0.5)}),
    "3.2": Numeric(
        lambda: [*_advantages("none"), *_advantages("group")],
        {"the std is Bessel-corrected: divide by n - 1": lambda: [*_advantages("none"), 1.0, -1.0]},
    ),
    "3.4": Numeric(_reductions),
    "3.6": Words(_largest_step),
    "3.7": Function("dpo", _dpo, _drawn(20, _pair)),
    "4.1": Numeric(lambda: wilson(10, 10), {"that is the interval of somebody who trusts ten": lambda: (1.0, 1.0)}),
    "4.2": Numeric(lambda: (mcnemar([True] * 5, [False] * 5),), {"two-sided: either may be ahead": lambda: (0.5**5,)}),
    "4.3": Numeric(
        lambda: (_cache_bytes(3), _cache_bytes(1)),
        {"keys and values: twice that": lambda: (_cache_bytes(3) / 2, _cache_bytes(1) / 2)},
    ),
    "4.7": Words(_answered_without_an_answer),
    "4.8": Function("fuse", _fused, lambda: RANKINGS),
}
"""By number, as in the notes; a test holds the two together."""
