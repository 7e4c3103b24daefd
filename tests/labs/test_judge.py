from small_world import SMALL
from toy import randomised

from labs.judge.card import HEADERS, DuelsConfig, Params, all_judges, draw_duels, outcome_of, page
from playbook.data.world.facts import build_world
from playbook.data.world.rl_prompts import rl_prompt_rows
from playbook.evaluation.judge import Duel, always_first
from playbook.evaluation.reward_judge import reward_judge
from playbook.model.gpt import ModelConfig
from playbook.plumbing.metrics import Measurement
from playbook.posttraining.reward_model import RewardModel
from playbook.text.tokenizer import CharTokenizer


def test_duels_are_pairs_of_different_answers_and_the_same_each_time() -> None:
    prompts = list(rl_prompt_rows(build_world(SMALL)))
    duels = draw_duels(prompts, DuelsConfig(40, 1))
    assert len({duel.id for duel in duels}) == 40
    assert all(duel.one != duel.two for duel in duels)
    assert duels == draw_duels(prompts, DuelsConfig(40, 1))
    assert duels != draw_duels(prompts, DuelsConfig(40, 2))


def test_what_was_expected_decides_the_verdict() -> None:
    assert [outcome_of(told, "believed") for told in ([], ["goes by length"])] == ["PASS", "FAIL"]
    assert [outcome_of(told, "flagged") for told in ([], ["goes by length"])] == ["FAIL", "PASS"]


def test_the_page_tells_flags_and_intervals() -> None:
    params = Params({"gold": "believed", "random": "flagged", "reward_model": "measured"})
    ours = always_first()
    assert [judge.name for judge in all_judges(params, ours)] == ["gold", "random", ours.name]
    arm = {name: Measurement(0.5, (0.4, 0.6), 7).to_json() for name in HEADERS}
    results = {
        "expected": params.judges, "arms": {"gold": arm}, "flags": {"gold": ["goes by length"]},
        "verdicts": {"gold": "FAIL"}, "verdict": "FAIL",
    }  # fmt: skip
    text = page(results, 40)
    assert "0.50 [0.40, 0.60]" in text
    assert "goes by length" in text


def test_the_reward_model_prefers_what_it_rewards_in_either_order() -> None:
    tokenizer = CharTokenizer(map(chr, [10, *range(32, 127)]))
    model = RewardModel(ModelConfig(context=64, layers=1, width=28, heads=2), tokenizer.vocab_size)
    randomised(model)
    duels = [Duel(str(i), str(i), f"What is {i}?", "vet.", f"baker {i}.", {}) for i in range(5)]
    judge = reward_judge("ours", model, tokenizer, duels)
    for duel in duels:
        one, two = judge.decide(duel, duel.one, duel.two), judge.decide(duel, duel.two, duel.one)
        assert {one, two} == {"first", "second"}
