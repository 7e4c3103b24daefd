from small_world import SMALL

from labs.judge.card import HEADERS, DuelsConfig, Params, all_judges, draw_duels, outcome_of, page
from playbook.data.world.facts import build_world
from playbook.data.world.rl_prompts import rl_prompt_rows
from playbook.plumbing.metrics import Measurement


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
    params = Params({"gold": "believed", "random": "flagged"})
    assert [judge.name for judge in all_judges(params)] == ["gold", "random"]
    arm = {name: Measurement(0.5, (0.4, 0.6), 7).to_json() for name in HEADERS}
    results = {
        "expected": params.judges, "arms": {"gold": arm}, "flags": {"gold": ["goes by length"]},
        "verdicts": {"gold": "FAIL"}, "verdict": "FAIL",
    }  # fmt: skip
    text = page(results, 40)
    assert "0.50 [0.40, 0.60]" in text
    assert "goes by length" in text
