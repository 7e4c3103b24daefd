"""Reward model and DPO through the one trainer: they learn, start where they must, and go on after a kill."""

import copy
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from posttraining.made_up import CONFIG, TOKENIZER, model, pairs
from toy import randomised

from playbook.data.batches import Batch
from playbook.model.checkpoint import weights_sha256
from playbook.model.gpt import GPTMini
from playbook.plumbing.errors import InputError
from playbook.posttraining.pairs import collate
from playbook.posttraining.preference_training import (
    DPOConfig,
    DPOObjective,
    PairTrainer,
    RewardConfig,
    RewardObjective,
    answer_logps,
    refer,
    refer_used,
    train_on_pairs,
)
from playbook.posttraining.reward_model import reward_model_from, score_pairs
from playbook.training.optimizer import OptimizerConfig
from playbook.training.schedule import ScheduleConfig

FAST = OptimizerConfig("adamw", learning_rate=3e-3)
STEADY = ScheduleConfig(warmup=0.1, decay=0.5)


def test_a_reward_model_learns_who_wins_and_starts_from_the_language_model(tmp_path: Path) -> None:
    language = randomised(model())
    rewarder = reward_model_from(language)
    assert torch.equal(rewarder.blocks[1].mlp.widen.weight, language.blocks[1].mlp.widen.weight)  # type: ignore[union-attr,arg-type]
    assert score_pairs(rewarder, pairs(), 8).abs().max() == 0
    config = RewardConfig(epochs=15.0, batch=10, optimizer=FAST, schedule=STEADY)
    result = train_on_pairs(rewarder, pairs(), config, RewardObjective(config), tmp_path, seed=1)
    first, last = result.curve.rows[0], result.curve.rows[-1]
    assert first["loss"] == pytest.approx(math.log(2))
    assert last["accuracy"] == 1.0
    scores = score_pairs(rewarder, pairs(), 8)
    assert (scores[:, 0] > scores[:, 1]).all()
    assert len(result.curve.rows) == 45


def test_with_an_anchor_an_abstention_comes_to_be_worth_nothing(tmp_path: Path) -> None:
    """Without one it is worth as much as the pairs happen to leave: here, where it always wins, more than 0."""
    known = [replace(pair, abstains=(True, False)) for pair in pairs()]
    worth = {}
    for anchor in (0.0, 1.0):
        rewarder, work = reward_model_from(randomised(model())), tmp_path / str(anchor)
        config = RewardConfig(epochs=10.0, batch=10, anchor=anchor, optimizer=FAST, schedule=STEADY)
        train_on_pairs(rewarder, known, config, RewardObjective(config), work, seed=1)
        scores = score_pairs(rewarder, known, 8)
        worth[anchor] = scores[:, 0].mean().item()
        assert scores[:, 0].mean() > scores[:, 1].mean()
    assert abs(worth[1.0]) < 0.1 < abs(worth[0.0])


def test_padding_does_not_change_a_reward() -> None:
    rewarder = randomised(reward_model_from(model()))
    alone = [score_pairs(rewarder, [pair], 1) for pair in pairs()[:4]]  # type: ignore[arg-type]
    assert torch.allclose(torch.cat(alone), score_pairs(rewarder, pairs()[:4], 4), atol=1e-5)  # type: ignore[arg-type]


def test_dpo_starts_at_log_2_and_prefers_the_chosen(tmp_path: Path) -> None:
    policy = randomised(model())
    config = DPOConfig(epochs=10.0, batch=10, beta=0.5, nll=0.1, optimizer=FAST, schedule=STEADY)
    known = refer(pairs(), policy, policy, 8)
    bare = replace(config, nll=0.0)
    loss, count = DPOObjective(bare)(policy, collate(known[:6]))
    assert float(loss.detach()) / float(count) == pytest.approx(math.log(2), abs=1e-5)
    result = train_on_pairs(policy, known, config, DPOObjective(config), tmp_path, seed=1)
    assert result.curve.rows[-1]["rewards/accuracies"] == 1.0
    moved = answer_logps(policy, known, 8).view(-1, 2) - torch.tensor([pair.reference for pair in known])
    assert (moved[:, 0] > moved[:, 1]).all()


def test_in_less_than_an_epoch_only_what_is_seen_is_referred(tmp_path: Path) -> None:
    config = DPOConfig(epochs=0.5, batch=5, optimizer=FAST, schedule=STEADY)
    start, trained = randomised(model()), list[list[torch.Tensor]]()
    all_of_them = refer(pairs(), start, start, 8)
    some = refer_used(pairs(), start, start, config, 3, 8)
    assert sum(pair.reference != before.reference for pair, before in zip(some, pairs(), strict=True)) < len(some)
    for number, known in enumerate((all_of_them, some)):
        policy = copy.deepcopy(start)
        train_on_pairs(policy, known, config, DPOObjective(config), tmp_path / str(number), seed=3)
        trained.append(list(policy.parameters()))
    for one, other in zip(*trained, strict=True):
        torch.testing.assert_close(one, other)


class _KilledError(BaseException):
    pass


class Killing(RewardObjective):
    """Dies at a step, as a kill would."""

    def __init__(self, config: RewardConfig, step: int) -> None:
        super().__init__(config)
        self.left = step

    def __call__(self, model: GPTMini, batch: Batch) -> Any:
        if self.left == 0:
            raise _KilledError
        self.left -= 1
        return super().__call__(model, batch)


def test_a_run_that_was_killed_ends_with_the_same_bits_and_the_same_curve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PairTrainer, "checkpoint_seconds", -1.0)
    config = RewardConfig(epochs=2.0, batch=10, optimizer=FAST)
    starts = randomised(model())
    whole = reward_model_from(starts)
    curve = train_on_pairs(whole, pairs(), config, RewardObjective(config), tmp_path / "a", seed=1).curve
    killed = reward_model_from(starts)
    with pytest.raises(_KilledError):
        train_on_pairs(killed, pairs(), config, Killing(config, 3), tmp_path / "b", seed=1)
    resumed = reward_model_from(starts)
    again = train_on_pairs(resumed, pairs(), config, RewardObjective(config), tmp_path / "b", seed=1).curve
    assert weights_sha256(resumed) == weights_sha256(whole)
    assert [row["margin"] for row in again.rows] == [row["margin"] for row in curve.rows]


def test_a_reference_with_another_vocabulary_is_refused() -> None:
    other = GPTMini(CONFIG, TOKENIZER.vocab_size + 1)
    with pytest.raises(InputError, match="the vocabulary of the trained model"):
        refer(pairs(), other, model(), 8)


@pytest.mark.parametrize("bad", [{"epochs": 0.0}, {"batch": 0}, {"held_out": 1.0}])
def test_bad_settings(bad: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(bad))):
        DPOConfig(**bad)
