"""The loop of GRPO on a model small enough to learn in seconds; a checker that fails must be heard."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from posttraining.made_up import CONFIG, TOKENIZER, model
from toy import randomised

from playbook.data.batches import BatchStream, open_stream
from playbook.data.token_file import TokenFile, write_tokens
from playbook.inference.sampling import SamplingConfig
from playbook.model.checkpoint import weights_sha256
from playbook.model.gpt import GPTMini
from playbook.plumbing.errors import InputError
from playbook.posttraining import rollouts
from playbook.posttraining.grpo_loop import GRPO_COLUMNS, GRPOConfig, GRPOLoop
from playbook.posttraining.rollouts import Record, Reward, roll_out
from playbook.text.chat import Encoded
from playbook.text.special_tokens import END, END_THINK, THINK
from playbook.training.optimizer import OptimizerConfig

RECORDS = [{"id": letter, "messages": [{"role": "user", "content": f"{letter}?"}]} for letter in "abcdef"]
SETTINGS = GRPOConfig(
    steps=4, prompts=3, group=4, max_new_tokens=5, beta=0.0, reduction="dr_grpo",
    optimizer=OptimizerConfig("adamw", learning_rate=1e-2),
)  # fmt: skip


def short(record: Record, answer: str) -> float:
    """Brevity is all."""
    return -float(len(answer))


def loop(
    work: Path, reward: Reward = short, config: GRPOConfig = SETTINGS, reference: Any = None,
    older: BatchStream | None = None,
) -> GRPOLoop:  # fmt: skip
    torch.manual_seed(1)
    policy = randomised(model())
    work.mkdir(parents=True, exist_ok=True)
    return GRPOLoop(policy, reference or randomised(model()), TOKENIZER, RECORDS, reward, config, work, 2, older)


def test_the_reward_rises(tmp_path: Path) -> None:
    curve = loop(tmp_path, config=replace(SETTINGS, steps=25, prompts=6, group=8)).run()
    rewards = [row["reward"] for row in curve.rows]
    assert sum(rewards[-5:]) / 5 > sum(rewards[:5]) / 5 + 0.5
    assert set(curve.rows[0]) == set(GRPO_COLUMNS)
    assert curve.rows[0]["clip_ratio/region_mean"] == 0  # one update a rollout: the ratio is 1


def test_the_price_of_kl_keeps_it_near_its_reference(tmp_path: Path) -> None:
    ends = {}
    for beta in (0.0, 5.0):
        start = loop(tmp_path / str(beta), config=replace(SETTINGS, steps=15, beta=beta))
        start.reference.load_state_dict(start.model.state_dict())
        rows = start.run().rows
        assert rows[0]["kl_exact"] == pytest.approx(0, abs=1e-6)
        ends[beta] = sum(row["kl_exact"] for row in rows[-5:])
    assert ends[5.0] < ends[0.0] / 2


def test_it_ends_where_it_is_far_enough_from_its_reference(tmp_path: Path) -> None:
    ends = {}
    for target in (0.0, 0.05):
        start = loop(tmp_path / str(target), config=replace(SETTINGS, steps=20, target_kl=target))
        start.reference.load_state_dict(start.model.state_dict())
        ends[target] = [row["kl_exact"] for row in start.run().rows]
    assert len(ends[0.0]) == 20
    stopped = len(ends[0.05])
    means = [sum(ends[0.0][max(0, step - 4) : step]) / 4 for step in range(1, 21)]
    assert ends[0.05] == ends[0.0][:stopped]
    assert means[stopped - 1] > 0.05 >= max(means[: stopped - 1])
    assert 1 < stopped < 20


def test_weights_stand_on_what_was_sampled_and_on_end() -> None:
    policy = randomised(model())
    rollout = roll_out(policy, TOKENIZER, RECORDS[:2], [[1, 2, 3], [1, 2]], 3, SamplingConfig(), 4, short)
    end = TOKENIZER.id_of(END)
    for row, (tokens, ended) in enumerate(zip(rollout.tokens, rollout.ended, strict=True)):
        written = rollout.targets[row][rollout.weights[row] == 1].tolist()
        assert len(written) == tokens + ended
        assert (written[-1:] == [end]) == ended
    assert rollout.rewards.tolist() == [-float(len(answer)) for answer in rollout.answers]


def test_what_is_scored_is_the_answer_without_the_reasoning(monkeypatch: pytest.MonkeyPatch) -> None:
    think, done = TOKENIZER.id_of(THINK), TOKENIZER.id_of(END_THINK)
    ids = [think, *TOKENIZER.encode(" fed"), done, *TOKENIZER.encode(" a.")]
    monkeypatch.setattr(rollouts, "generate", lambda *_: [ids, TOKENIZER.encode(" b.")])
    rollout = roll_out(model(), TOKENIZER, RECORDS[:2], [[1, 2, 3], [1, 2]], 1, SamplingConfig(), 20, short)
    assert rollout.answers == ["a.", "b."]
    assert rollout.rewards.tolist() == [-2.0, -2.0]
    assert rollout.weights.sum(1).tolist() == [len(ids) + 1, 4]  # but all of it was sampled, and is trained on


def test_groups_that_agree_teach_nothing(tmp_path: Path) -> None:
    same = loop(tmp_path, reward=lambda record, answer: 1.0)
    before = weights_sha256(same.model)
    same.config = replace(SETTINGS, optimizer=SETTINGS.optimizer)
    rollout_rows = same.run().rows
    assert {row["frac_reward_zero_std"] for row in rollout_rows} == {1.0}
    assert {row["grad_norm"] for row in rollout_rows} == {0.0}
    assert before != ""


def test_oversampled_it_learns_from_the_first_groups_that_differ(tmp_path: Path) -> None:
    """Six prompts are asked for two that are learnt from, four answers each."""
    start = loop(tmp_path, config=replace(SETTINGS, prompts=2, oversample=3))
    asked = start.roll_out(start._chosen())
    assert len(asked.rewards) == 24
    worth = torch.zeros(6, 4)
    worth[1, 2] = worth[3, 0] = worth[4, 1] = 1.0
    learnt = start._worth_learning(replace(asked, rewards=worth.flatten()))
    rows = [4, 5, 6, 7, 12, 13, 14, 15]  # of the second and the fourth prompt; there is no place for the fifth
    assert learnt.rewards.tolist() == [0, 0, 1, 0, 1, 0, 0, 0]
    assert learnt.answers == [asked.answers[i] for i in rows]
    assert learnt.tokens == [asked.tokens[i] for i in rows]
    assert learnt.ended == [asked.ended[i] for i in rows]
    for name in ("inputs", "targets", "weights"):
        assert torch.equal(getattr(learnt, name), getattr(asked, name)[rows])


def test_oversampled_and_all_agree_only_the_price_of_kl_is_left(tmp_path: Path) -> None:
    config = replace(SETTINGS, prompts=2, oversample=3)
    start = loop(tmp_path, lambda record, answer: 1.0, config)
    assert len(start._worth_learning(start.roll_out(start._chosen())).rewards) == 8
    assert {(row["frac_reward_zero_std"], row["grad_norm"]) for row in start.run().rows} == {(1.0, 0.0)}


def test_a_reward_that_raises_is_heard_and_never_becomes_a_score(tmp_path: Path) -> None:
    def broken(record: Record, answer: str) -> float:
        raise KeyError("candidates")

    with pytest.raises(KeyError, match="candidates"):
        loop(tmp_path, reward=broken).run()


def test_a_reward_that_is_no_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a finite number"):
        loop(tmp_path, reward=lambda record, answer: float("nan")).run()


def test_a_prompt_without_room_for_an_answer_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"leaves 30 of 32 tokens(.|\n)*'a\?'"):
        loop(tmp_path, config=replace(SETTINGS, max_new_tokens=30))


def test_a_reference_with_another_vocabulary_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the vocabulary of the policy"):
        loop(tmp_path, reference=GPTMini(CONFIG, TOKENIZER.vocab_size + 1))


class _KilledError(BaseException):
    pass


def test_a_run_that_was_killed_ends_with_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GRPOLoop, "checkpoint_seconds", -1.0)
    whole = loop(tmp_path / "a")
    whole.run()
    calls = 0

    def dies(record: Record, answer: str) -> float:
        nonlocal calls
        calls += 1
        if calls > 30:  # in the third of four steps
            raise _KilledError
        return short(record, answer)

    with pytest.raises(_KilledError):
        loop(tmp_path / "b", reward=dies).run()
    resumed = loop(tmp_path / "b")
    resumed.run()
    assert weights_sha256(resumed.model) == weights_sha256(whole.model)
    assert [row["reward"] for row in resumed.curve.rows] == [row["reward"] for row in whole.curve.rows]


@pytest.mark.parametrize(
    "bad", [{"steps": 0}, {"group": 1}, {"oversample": 0}, {"target_kl": -1.0}, {"beta": -1.0}, {"temperature": 0.5}]
)
def test_bad_settings(bad: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(bad))):
        GRPOConfig(**bad)


def older(tmp_path: Path) -> BatchStream:
    """Text that the policy of these tests has not read."""
    texts = [TOKENIZER.encode("abc?" * 8) for _ in range(12)]
    documents = (Encoded(ids, [True] * len(ids), len(ids)) for ids in texts)
    write_tokens(tmp_path / "older.tokens", documents, TOKENIZER.vocab_size, one_document=False)
    return open_stream(TokenFile.open(tmp_path / "older.tokens"), 16, 4, seed=1)


def test_what_is_replayed_is_learnt_beside_the_reward(tmp_path: Path) -> None:
    batch = next(older(tmp_path))
    nats = {}
    for replay in (0.0, 1.0):
        start = loop(tmp_path / str(replay), config=replace(SETTINGS, steps=15, replay=replay), older=older(tmp_path))
        before = start._replayed(batch).item()
        start.run()
        nats[replay] = start._replayed(batch).item() - before
    assert nats[1.0] < nats[0.0] - 0.5


def test_a_replay_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    config = replace(SETTINGS, steps=4, replay=0.5)
    whole = loop(tmp_path / "whole", config=config, older=older(tmp_path))
    whole.run()
    killed = loop(tmp_path / "killed", config=config, older=older(tmp_path))
    killed.take_step()
    killed.take_step()
    killed.save()
    again = loop(tmp_path / "killed", config=config, older=older(tmp_path))
    again.run()
    assert weights_sha256(again.model) == weights_sha256(whole.model)


def test_replay_wants_something_to_replay(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="replay"):
        loop(tmp_path, config=replace(SETTINGS, replay=0.5))
