"""Reinforcement learning of a fork: the project's GRPO loop, and RLOO and PPO in the same loop with other updates.

A reward here is either a rule on one answer, or a judge of all answers of a step at once (a learned proxy, or a
control that deals the rewards out anew). Where there is a judge, the rule is only logged: so gold can be watched, and
never used.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from labs.failure_modes.county import Prompt
from labs.failure_modes.forks import Measure, fork
from playbook.model.gpt import GPTMini
from playbook.plumbing.runlog import Curve
from playbook.posttraining.grpo_loop import GRPOConfig, GRPOLoop, divergence_metrics
from playbook.posttraining.policy_losses import clipped_policy_loss, importance_ratio, reduce_tokens
from playbook.posttraining.ppo import clipped_value_loss, generalized_advantages, token_rewards, whiten
from playbook.posttraining.reward_model import RewardModel, reward_model_from
from playbook.posttraining.rloo import kl_penalised_rewards, rloo_advantages, rloo_loss
from playbook.posttraining.rollouts import Reward, Rollout
from playbook.text.tokenizer import Tokenizer
from playbook.training.losses import token_nats
from playbook.training.optimizer import clip_gradients, make_optimizers, set_learning_rate
from playbook.training.schedule import learning_rate_factor

Judge = Callable[[Rollout], Float[Tensor, " batch"]]


class Policy(GRPOLoop):
    """GRPO, with a judge in the place of the rule if there is one."""

    judge: Judge | None = None

    def _worth_learning(self, rollout: Rollout) -> Rollout:
        """With the rewards that are learnt from."""
        judged = rollout if self.judge is None else replace(rollout, rewards=self.judge(rollout))
        return super()._worth_learning(judged)

    def _step(self, loss: Tensor) -> dict[str, float]:
        loss.backward()
        norm = clip_gradients(self.model, self.config.clip)
        for optimizer in self.optimizers:
            optimizer.step()
        return {"loss": float(loss.detach()), "grad_norm": norm}


class RLOO(Policy):
    """REINFORCE with the leave-one-out baseline; the price of a nat stands in the reward."""

    def _update(self, rollout: Rollout) -> dict[str, float]:
        self.model.train().zero_grad(set_to_none=True)
        with torch.no_grad():
            reference = self.reference(rollout.inputs)
        logits = self.model(rollout.inputs)
        logps, before = -token_nats(logits, rollout.targets), -token_nats(reference, rollout.targets)
        rewards = kl_penalised_rewards(rollout.rewards, logps.detach(), before, rollout.weights, self.config.beta)
        noted = divergence_metrics(logits.detach(), reference, rollout)
        noted |= self._step(rloo_loss(logps, rloo_advantages(rewards, self.config.group), rollout.weights))
        self.model.eval()
        return noted


class PPO(Policy):
    """PPO with a value model of its own, begun from the policy; each rollout is used `updates` times."""

    values: RewardModel | None = None

    def _update(self, rollout: Rollout) -> dict[str, float]:
        config = self.config
        if self.values is None:
            self.values = reward_model_from(self.reference)
            self.value_optimizers = make_optimizers(self.values, config.optimizer)
        set_learning_rate(
            self.value_optimizers, learning_rate_factor(config.schedule, (self.step + 0.5) / config.steps)
        )
        weights = rollout.weights
        with torch.no_grad():
            reference, logits = self.reference(rollout.inputs), self.model(rollout.inputs)
            old, before = -token_nats(logits, rollout.targets), -token_nats(reference, rollout.targets)
            noted = divergence_metrics(logits, reference, rollout)
            seen = self._values(self.values, rollout)
        rewards = token_rewards(rollout.rewards.float(), old, before, weights, config.beta)
        advantages, returns = generalized_advantages(rewards, seen, weights)
        whitened = whiten(advantages, weights)
        for _ in range(config.updates):
            self.model.train().zero_grad(set_to_none=True)
            logps = -token_nats(self.model(rollout.inputs), rollout.targets)
            ratio = importance_ratio(logps, old, weights)
            losses = clipped_policy_loss(ratio, whitened, config.clip_low, config.clip_high)
            noted |= self._step(reduce_tokens(losses, weights, "bnpo"))
            self.values.train().zero_grad(set_to_none=True)
            clipped_value_loss(self._values(self.values, rollout), seen, returns, weights).backward()
            clip_gradients(self.values, config.clip)
            for optimizer in self.value_optimizers:
                optimizer.step()
        self.model.eval()
        return noted

    @staticmethod
    def _values(model: RewardModel, rollout: Rollout) -> Float[Tensor, "batch time"]:
        """What is still to come, read before each token."""
        values: Tensor = model.head(model.hidden(rollout.inputs).float())[..., 0]
        return values * rollout.weights


ALGORITHMS: dict[str, type[Policy]] = {"grpo": Policy, "rloo": RLOO, "ppo": PPO}


def improve(
    start: GPTMini, tokenizer: Tokenizer, prompts: Sequence[Prompt], reward: Reward, config: GRPOConfig, work: Path,
    seed: int, *, algorithm: str = "grpo", judge: Judge | None = None, measure: Measure | None = None,
    at: Sequence[int] = (),
) -> tuple[GPTMini, Curve]:  # fmt: skip
    """Train a fork of `start`, which is its own reference; `measure` sees it after each of the steps `at`."""
    loop = ALGORITHMS[algorithm](fork(start), start, tokenizer, prompts, reward, config, work, seed)
    loop.judge = judge
    for step in range(1, config.steps + 1):
        loop.take_step()
        if measure is not None and step in at:
            measure(step, loop.model)
    loop.model.eval()
    return loop.model, loop.curve


def dealt_anew(rollout: Rollout, group: int, generator: torch.Generator) -> Float[Tensor, " batch"]:
    """The rewards of each group in a random order: as large as before, and about nothing. The negative control."""
    rewards = rollout.rewards.view(-1, group)
    order = torch.rand(rewards.shape, generator=generator).argsort(1)
    return rewards.gather(1, order.to(rewards.device)).flatten()
