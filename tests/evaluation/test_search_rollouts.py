"""Episodes as rollouts: what is taught is what the policy wrote, to the token; what tools gave back never is."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from small_world import SMALL
from toy import randomised

from playbook.agent.loop import Budget, Episode, run
from playbook.agent.retriever import DocumentStore
from playbook.agent.tools import Search, Toolbox
from playbook.agent.trace import Step, StopReason, Trace
from playbook.data.world import gold
from playbook.data.world.facts import World, build_world
from playbook.data.world.turns import Turn, assistant, call, system, tool, user
from playbook.evaluation.practice_tasks import PracticeConfig, practice_tasks, strangers, write_store
from playbook.evaluation.search_rollouts import Practice, Sampler, SearchLoop, SearchReward, encode_episode, rollout_of
from playbook.model.gpt import GPTMini, ModelConfig
from playbook.plumbing.errors import InputError
from playbook.posttraining.grpo_loop import GRPOConfig
from playbook.text.chat import encode_chat
from playbook.text.special_tokens import END
from playbook.text.tokenizer import CharTokenizer

TOKENIZER = CharTokenizer({chr(i) for i in range(32, 127)} | {"\n"}, specials=True)
TALK = [system("Use"), user("Who?"), call("search", "Ada", "Ada: job"), tool("Ada, 2014: vet."), assistant("vet.")]
TASK = {"format": "plain", "answer": "vet."}
CONFIG = PracticeConfig(tasks=60, people=20, towns=4, employers=4, unanswerable=0.5)


def model(context: int = 160) -> GPTMini:
    torch.manual_seed(1)
    return randomised(GPTMini(ModelConfig(context=context, layers=1, width=16, heads=2), TOKENIZER.vocab_size))


def sampled(talk: Sequence[Turn]) -> list[list[int]]:
    """The ids of the assistant's turns, END included."""
    return [encode_chat([turn], TOKENIZER).ids[2:] for turn in talk if turn["role"] == "assistant"]


def test_weights_stand_on_the_turns_of_the_policy_as_they_were_sampled() -> None:
    ids, weights = encode_episode(TALK, sampled(TALK), TOKENIZER)
    whole = encode_chat(TALK, TOKENIZER)
    assert (ids, weights) == (whole.ids, [float(taught) for taught in whole.loss_mask])
    taught = TOKENIZER.decode([token for token, weight in zip(ids, weights, strict=True) if weight])
    assert "2014" not in taught
    assert taught.count(END) == 2


def test_not_masked_teaches_the_words_of_the_tools_as_well_and_nothing_of_the_user() -> None:
    ids, weights = encode_episode(TALK, sampled(TALK), TOKENIZER, masked=False)
    taught = TOKENIZER.decode([token for token, weight in zip(ids, weights, strict=True) if weight])
    assert "2014" in taught
    assert "Who" not in taught


def test_a_turn_that_is_read_again_in_other_tokens_is_not_taught_and_the_last_is_taken_as_it_is() -> None:
    first, last = sampled(TALK)
    ids, weights = encode_episode(TALK, [[*first[:-1], 9, first[-1]], [*last[:-1], 9]], TOKENIZER)
    taught = [token for token, weight in zip(ids, weights, strict=True) if weight]
    assert taught == [*last[:-1], 9]
    with pytest.raises(ValueError, match="sampled"):
        encode_episode(TALK, [first], TOKENIZER)


@pytest.mark.parametrize(
    ("answer", "steps", "stop", "reward"),
    [
        ("vet.", [Step(call("search", "Ada"), 1), Step(assistant("vet."), 1)], StopReason.ANSWERED, 0.98),
        ("baker.", [Step(assistant("baker."), 1)], StopReason.ANSWERED, 0.0),
        ("vet.", [Step(call("dance", "x"), 1, invalid=True), Step(assistant("vet."), 1)], StopReason.ANSWERED, 0.0),
        ("vet.", [Step(call("search", "Ada"), 1)], StopReason.STEPS, 0.0),
    ],
)
def test_a_right_answer_is_worth_one_less_its_calls_and_nothing_else_is(
    answer: str, steps: list[Step], stop: StopReason, reward: float
) -> None:
    trace = Trace("e", {}, {}, ["search"], [], steps, stop)
    assert SearchReward()(TASK, trace) == pytest.approx(reward)
    with pytest.raises(InputError):
        SearchReward(call=-1.0)


@pytest.fixture(scope="module")
def county() -> World:
    return build_world(SMALL)


def test_practice_is_about_strangers_whose_documents_tell_and_never_about_the_test(county: World) -> None:
    world = strangers(county, CONFIG, seed=1)
    assert not {entity.name for entity in world.entities} & set(county.by_name)
    tasks = list(practice_tasks(county, world, CONFIG, seed=1))
    assert tasks == list(practice_tasks(county, world, CONFIG, seed=1))
    kinds = {task["kind"] for task in tasks}
    assert {"lookup", "unknown_entity"} <= kinds
    for task in tasks:
        name = next((entity.name for entity in world.entities if entity.id == task["entity"]), None)
        assert name is None or name in task["messages"][-1]["content"]
        assert gold.is_abstention(task["answer"]) == (task["kind"] not in ("lookup", "true_premise"))


def episodes_of(tasks: Sequence[Any], store: DocumentStore) -> list[Episode]:
    search = Search(store, count=lambda text: len(text))
    return [Episode(str(i), task["messages"], Toolbox.of(search), Budget(3)) for i, task in enumerate(tasks)]


def test_sampled_episodes_become_rows_of_which_each_weighted_token_was_sampled(county: World, tmp_path: Path) -> None:
    world = strangers(county, CONFIG, seed=1)
    write_store(tmp_path / "s.sqlite", world, seed=1)
    tasks = list(practice_tasks(county, world, CONFIG, seed=1))[:6]
    sampler = Sampler(model(), TOKENIZER, 12, 4, torch.Generator().manual_seed(1))
    with DocumentStore(tmp_path / "s.sqlite") as store:
        episodes = episodes_of(tasks, store)
        run(episodes, sampler)
    rollout = rollout_of(episodes, sampler, TOKENIZER, torch.arange(6.0), masked=True)
    for row, one in enumerate(episodes):
        taught = rollout.targets[row][rollout.weights[row] > 0].tolist()
        written = [token for turn in sampler.turns[id(one.messages)] for token in turn]
        assert taught
        assert "".join(map(chr, taught)) in "".join(map(chr, written))
    assert rollout.weights.sum() > 0


def test_a_loop_learns_whole_episodes_and_shuffled_rewards_are_the_same_rewards(county: World, tmp_path: Path) -> None:
    world = strangers(county, CONFIG, seed=1)
    write_store(tmp_path / "s.sqlite", world, seed=1)
    tasks = list(practice_tasks(county, world, CONFIG, seed=1))
    config = replace(GRPOConfig(), steps=2, prompts=2, group=3, max_new_tokens=8, reduction="bnpo")
    seen: list[list[float]] = []
    with DocumentStore(tmp_path / "s.sqlite") as store:
        for shuffled in (False, True):
            worth = map(float, range(1000))
            practice = Practice(
                lambda task: episodes_of([task], store)[0], lambda *_, worth=worth: next(worth), shuffled=shuffled
            )
            work = tmp_path / str(shuffled)
            work.mkdir()
            loop = SearchLoop(model(), model(), TOKENIZER, tasks, practice, config, work, seed=1)
            before = loop.model.token_embedding.weight.clone()
            seen.append(loop.roll_out([0, 1]).rewards.tolist())
            curve = loop.run()
            assert len(curve.rows) == 2
            assert not torch.equal(before, loop.model.token_embedding.weight)
    assert seen[0] == sorted(seen[1]) == [0, 1, 2, 3, 4, 5]
    assert seen[1] != seen[0]
