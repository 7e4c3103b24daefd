"""The loop of GRPO: sample groups of answers, score them by a rule, step along their advantages, stay near a reference.

It is a loop of its own, since it makes its data as it goes. One step:
  1. roll out `group` answers to each of `prompts * oversample` prompts
  2. score them; groups whose answers are all worth the same have nothing to teach and make room for others
     (dynamic sampling: DAPO, arXiv 2503.14476, section 3.2); advantage = how much better than the others of the group
  3. `updates` steps of the optimizer on the clipped policy loss, plus `beta` times the KL from the reference, which
     with a small vocabulary is exact and has the gradient of the KL itself
  4. in the same steps, `replay` times the loss on a batch of older text: the KL holds only where answers are sampled,
     and facts that no prompt asks for drift away (InstructGPT, arXiv 2203.02155, section 3.5: PPO-ptx)
DeepSeekMath, arXiv 2402.03300, section 4.1. Metrics carry TRL's names; `kl` is the k3 estimate, as there.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from playbook.data.batches import Batch, BatchStream
from playbook.inference.sampling import SamplingConfig
from playbook.model.gpt import GPTMini
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import atomic_write
from playbook.plumbing.runlog import Curve, progress, say
from playbook.posttraining.divergence import entropy, exact_kl, kl_estimate
from playbook.posttraining.grpo import Scale, frac_reward_zero_std, groups_that_differ, grpo_advantages
from playbook.posttraining.policy_losses import (
    Reduction,
    clip_ratios,
    clipped_policy_loss,
    importance_ratio,
    reduce_tokens,
)
from playbook.posttraining.rollouts import Record, Reward, Rollout, encode_prompts, roll_out
from playbook.text.tokenizer import Tokenizer
from playbook.training.losses import token_nats, weighted_mean
from playbook.training.optimizer import OptimizerConfig, clip_gradients, make_optimizers, set_learning_rate
from playbook.training.schedule import ScheduleConfig, learning_rate_factor
from playbook.training.trainer import rng_state, set_rng_state

GRPO_COLUMNS = (
    "step", "num_tokens", "seconds", "loss", "learning_rate", "grad_norm", "reward", "reward_std",
    "frac_reward_zero_std", "completions/mean_length", "completions/clipped_ratio", "kl", "kl_exact", "entropy",
    "clip_ratio/low_mean", "clip_ratio/high_mean", "clip_ratio/region_mean",
)  # fmt: skip


LATEST = 4
"""Steps over which the distance from the reference is averaged: one step sees few prompts."""


@dataclass(frozen=True)
class GRPOConfig:
    """The `grpo` section of params.yaml."""

    steps: int = 60
    """At most."""
    target_kl: float = 0.0
    """It ends where the policy is so far from the reference, nats a token, mean of the last `LATEST` steps; 0: never.
    What is learnt of caution generalises in step with that distance, and how many steps it takes differs by model."""
    prompts: int = 16
    """Prompts that a step learns from, at most."""
    oversample: int = 1
    """How many times as many are asked. With 1 all that are asked are learnt from, as in DeepSeekMath; with more, only
    those whose answers differ in worth, so that a step weighs the same however sure the policy is of most answers."""
    group: int = 8
    """Answers to each."""
    max_new_tokens: int = 56
    """Longer answers are cut, and scored as they are."""
    temperature: float = 1.0
    beta: float = 0.05
    """Price of a nat of exact KL from the reference, a token."""
    replay: float = 0.0
    """Weight of the loss on older text, mean nats a token."""
    scale: Scale = "group"
    reduction: Reduction = "grpo"
    clip_low: float = 0.2
    clip_high: float = 0.2
    updates: int = 1
    """Steps of the optimizer on each rollout; with one the ratio is 1, and nothing is ever clipped."""
    clip: float = 1.0
    """Joint gradient norm is scaled down to this; 0: never."""
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)

    def __post_init__(self) -> None:
        for name in ("steps", "prompts", "oversample", "max_new_tokens", "updates"):
            if getattr(self, name) < 1:
                raise InputError(name, "at least 1", getattr(self, name))
        if self.group < 2:
            raise InputError("group", "at least 2 answers to a prompt, to compare them", self.group)
        for name in ("beta", "replay", "target_kl"):
            if getattr(self, name) < 0:
                raise InputError(name, "at least 0", getattr(self, name))
        if self.temperature != 1.0:  # the loss would be that of another policy than the one that sampled
            raise InputError("temperature", "1: what is sampled from must be what is trained", self.temperature)


class GRPOLoop:
    """Trains `model` in place. `work` holds the side checkpoint: a run that finds one there goes on from it."""

    checkpoint_seconds = 20.0

    def __init__(
        self, model: GPTMini, reference: GPTMini, tokenizer: Tokenizer, records: Sequence[Record], reward: Reward,
        config: GRPOConfig, work: Path, seed: int, older: BatchStream | None = None,
    ) -> None:  # fmt: skip
        if config.replay and older is None:
            raise InputError("replay", "0 where there is no older text", config.replay)
        if reference.vocab_size != model.vocab_size:
            expected = f"the vocabulary of the policy, {model.vocab_size} tokens"
            raise InputError("reference model", expected, f"{reference.vocab_size} tokens", "dvc repro dpo")
        if not records:
            raise InputError("rl prompts", "at least one prompt", "none", "dvc repro prepare")
        self.model, self.reference, self.tokenizer = model, reference, tokenizer
        self.records, self.reward, self.config, self.seed = records, reward, config, seed
        self.older = older
        self.prompts = encode_prompts(records, tokenizer, model.config.context, config.max_new_tokens)
        self.checkpoint = work / "grpo.pt"
        self.optimizers = make_optimizers(model, config.optimizer)
        self.curve = Curve(GRPO_COLUMNS)
        self.generator = torch.Generator(model.token_embedding.weight.device).manual_seed(seed)
        self.step = self.tokens = 0
        self.seconds = 0.0

    def run(self) -> Curve:
        """Train to the end, from the side checkpoint if there is one."""
        if self.checkpoint.exists():
            self.load()
            say(f"resumed at step {self.step} of {self.config.steps}")
        saved = time.perf_counter()
        for _ in progress(range(self.step, self.config.steps), "grpo", total=self.config.steps, start=self.step):
            if self.far_enough():
                say(f"{self.config.target_kl} nats a token from the reference after {self.step} steps")
                break
            self.take_step()
            if time.perf_counter() - saved > self.checkpoint_seconds:
                self.save()
                saved = time.perf_counter()
        self.model.eval()
        return self.curve

    def far_enough(self) -> bool:
        """Whether the policy has gone as far from the reference as `target_kl` allows."""
        latest = [float(row["kl_exact"]) for row in self.curve.rows[-LATEST:]]
        return 0 < self.config.target_kl < sum(latest) / LATEST

    def take_step(self) -> None:
        """One rollout and its updates."""
        began, config = time.perf_counter(), self.config
        factor = learning_rate_factor(config.schedule, (self.step + 0.5) / config.steps)
        set_learning_rate(self.optimizers, factor)
        rollout = self.roll_out(self._chosen())
        noted = self._update(self._worth_learning(rollout))
        self.step += 1
        self.tokens += rollout.inputs.numel()
        self.seconds += time.perf_counter() - began
        self.curve.add(
            step=self.step, num_tokens=self.tokens, seconds=round(self.seconds, 3),
            learning_rate=config.optimizer.learning_rate * factor, **rollout_metrics(rollout, config.group), **noted,
        )  # fmt: skip

    def roll_out(self, chosen: Sequence[int]) -> Rollout:
        """A group of answers to each of these prompts; a loop whose answers take several turns does it its own way."""
        return roll_out(
            self.model, self.tokenizer, [self.records[i] for i in chosen], [self.prompts[i] for i in chosen],
            self.config.group, SamplingConfig(self.config.temperature), self.config.max_new_tokens, self.reward,
            self.generator,
        )  # fmt: skip

    def _chosen(self) -> list[int]:
        """The prompts of this step: an epoch's order is drawn from seed and epoch, so the step is the whole cursor."""
        asked = self.config.prompts * self.config.oversample
        places = range(self.step * asked, (self.step + 1) * asked)
        count, orders, chosen = len(self.records), dict[int, Any](), []
        for epoch, row in (divmod(place, count) for place in places):
            if epoch not in orders:
                orders[epoch] = np.random.default_rng([self.seed, epoch]).permutation(count)
            chosen.append(int(orders[epoch][row]))
        return chosen

    def _worth_learning(self, rollout: Rollout) -> Rollout:
        """The first `prompts` groups that differ; where none does, the first of all: only the price of KL is left."""
        if self.config.oversample == 1:
            return rollout
        differ = groups_that_differ(rollout.rewards, self.config.group).tolist()
        return rollout.take((differ or range(self.config.prompts))[: self.config.prompts], self.config.group)

    def _update(self, rollout: Rollout) -> dict[str, float]:
        """The optimizer's steps on a rollout; what the first of them saw and the last one clipped."""
        advantages = grpo_advantages(rollout.rewards, self.config.group, self.config.scale)[:, None]
        with torch.no_grad():
            reference = self.reference(rollout.inputs)
        old: Float[Tensor, "batch time"] | None = None
        noted: dict[str, float] = {}
        self.model.train()
        for _ in range(self.config.updates):
            self.model.zero_grad(set_to_none=True)
            logits = self.model(rollout.inputs)
            logps = -token_nats(logits, rollout.targets)
            if old is None:
                old = logps.detach()
                noted = divergence_metrics(logits.detach(), reference, rollout)
            ratio = importance_ratio(logps, old, rollout.weights)
            loss = self._loss(logits, reference, ratio, advantages, rollout)
            if self.older and self.config.replay:
                loss = loss + self.config.replay * self._replayed(next(self.older))
            loss.backward()
            norm = clip_gradients(self.model, self.config.clip)
            if not np.isfinite(norm):
                raise InputError(f"grpo, step {self.step}", "finite gradients", norm, "lower the learning rate")
            for optimizer in self.optimizers:
                optimizer.step()
            bounds = self.config.clip_low, self.config.clip_high
            noted |= {"loss": float(loss.detach()), "grad_norm": norm}
            noted |= clip_ratios(ratio.detach(), advantages, rollout.weights, *bounds)
        self.model.eval()
        return noted

    def _loss(
        self, logits: Tensor, reference: Tensor, ratio: Tensor, advantages: Tensor, rollout: Rollout
    ) -> Float[Tensor, ""]:
        config = self.config
        losses = clipped_policy_loss(ratio, advantages, config.clip_low, config.clip_high)
        if config.beta:
            losses = losses + config.beta * exact_kl(logits, reference, rollout.weights)
        step_tokens = int(rollout.weights.sum())
        return reduce_tokens(losses, rollout.weights, config.reduction, config.max_new_tokens, step_tokens)

    def _replayed(self, batch: Batch) -> Float[Tensor, ""]:
        batch = batch.to(self.model.token_embedding.weight.device)
        return weighted_mean(token_nats(self.model(batch.inputs, batch.documents), batch.targets), batch.weights)

    def save(self) -> None:
        """Write the side checkpoint: everything the next step depends on."""
        state = {
            "step": self.step, "tokens": self.tokens, "seconds": self.seconds, "rows": self.curve.rows,
            "model": self.model.state_dict(), "optimizers": [o.state_dict() for o in self.optimizers],
            "generator": self.generator.get_state(), "rng": rng_state(),
            "older": self.older.state() if self.older else None,
        }  # fmt: skip
        with atomic_write(self.checkpoint, "wb") as handle:
            torch.save(state, handle)

    def load(self) -> None:
        """Take up the side checkpoint. A broken one raises `InputError`; deleting it starts the run afresh."""
        try:
            state = torch.load(
                self.checkpoint, map_location=self.model.token_embedding.weight.device, weights_only=True
            )
            self.model.load_state_dict(state["model"])
        except Exception as error:
            raise InputError(self.checkpoint, "a whole side checkpoint", error, f"rm {self.checkpoint}") from error
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.step, self.tokens, self.seconds = state["step"], state["tokens"], state["seconds"]
        self.curve.rows = state["rows"]
        self.generator.set_state(state["generator"].cpu())
        set_rng_state(state["rng"])
        if self.older:
            self.older.load_state(state["older"])


def rollout_metrics(rollout: Rollout, group: int) -> dict[str, float]:
    """Rewards and lengths of a rollout under TRL's names."""
    return {
        "reward": rollout.rewards.mean().item(),
        "reward_std": rollout.rewards.view(-1, group).std(1).mean().item(),
        "frac_reward_zero_std": frac_reward_zero_std(rollout.rewards, group),
        "completions/mean_length": float(np.mean(rollout.tokens)),
        "completions/clipped_ratio": 1 - float(np.mean(rollout.ended)),
    }


def divergence_metrics(
    logits: Float[Tensor, "batch time vocab"], reference: Float[Tensor, "batch time vocab"], rollout: Rollout
) -> dict[str, float]:
    """How far the policy is from its reference on what it just wrote, mean nats a token: k3, exact; and its entropy."""
    ours, theirs = -token_nats(logits, rollout.targets), -token_nats(reference, rollout.targets)
    exact = exact_kl(logits, reference, rollout.weights).sum() / rollout.weights.sum()
    return {
        "kl": weighted_mean(kl_estimate(ours, theirs, "k3"), rollout.weights).item(),
        "kl_exact": exact.item(),
        "entropy": weighted_mean(entropy(logits), rollout.weights).item(),
    }
