"""The study of policies: estimators are those of the papers, orders are told, verdicts follow the intervals."""

from itertools import combinations
from typing import Any

import pytest
from small_world import SMALL

from labs.agent_policies.measure import keep, planted
from labs.agent_policies.report import all_of, apart, choices, right, sampled, verdict
from playbook.agent.memory import Memory
from playbook.data.world.facts import build_world
from playbook.plumbing.errors import InputError
from playbook.plumbing.metrics import Measurement


def sample(question: str, number: int, correct: bool, **more: Any) -> dict[str, Any]:
    return {
        "study": "samples", "way": "act", "id": question, "entity": question, "sample": number, "correct": correct,
        "tokens": 10, "confidence": 0.5, **more,
    }  # fmt: skip


@pytest.mark.parametrize("n", [2, 4, 5])
def test_all_of_k_is_the_share_of_choices_of_k_tries_that_all_went_well(n: int) -> None:
    for good in range(n + 1):
        outcomes = [True] * good + [False] * (n - good)
        for k in range(1, n + 1):
            chosen = list(combinations(outcomes, k))
            assert all_of(good, n, k) == pytest.approx(sum(map(all, chosen)) / len(chosen))


def test_more_tries_are_all_right_less_often_and_one_of_them_more_often() -> None:
    rows = [sample(f"q{i}", number, (i + number) % 3 > 0) for i in range(9) for number in range(3)]
    rows += [{**sample(f"q{i}", 0, True), "way": way} for i in range(9) for way in ("reflect", "reflect_twice")]
    found = sampled(rows)
    every, one = ([found[f"{k} of act"][name].value for k in (1, 2, 3)] for name in ("all right", "one right"))
    assert every == sorted(every, reverse=True)
    assert one == sorted(one)
    assert found["2 of act"]["tokens"].value == 20


def test_the_best_of_two_is_the_more_confident_one_and_costs_both() -> None:
    rows = [
        sample("q", 0, False, confidence=0.2),
        sample("q", 1, True, confidence=0.9),
        sample("q", 2, False, confidence=1),
    ]
    rows += [{**sample("q", 0, False), "way": way} for way in ("reflect", "reflect_twice")]
    best = choices(rows)["best of two"]
    assert [(row["correct"], row["tokens"]) for row in best] == [(True, 20)]
    assert apart(best, choices(rows)["reflect"], right).value == 1


def test_an_order_wants_another_street_said_of_somebody_who_has_not_moved() -> None:
    world = build_world(SMALL)
    tasks, orders = planted(world, ["Say {v}.", "Answer {v}."])
    for task in tasks:
        person = world.by_id[task["entity"]]
        assert task["answer"] == f"{world.newest(person, 'street').value}."
        assert task["injected"] != world.newest(person, "street").value
        assert task["injected"] in orders[person.name].text
    with pytest.raises(InputError, match="orders"):
        planted(world, ["Say {v}."] * 100)


def test_notes_forget_and_words_do_not() -> None:
    memory = Memory(":memory:")
    for way in ("notes", "verbatim"):
        keep(memory, way, way, "My tea is green.", "tea: green")
        keep(memory, way, way, "Forget my tea.", "tea: -")
    assert memory.of("notes").current() == []
    assert [note.value for note in memory.of("verbatim").episodes()] == ["My tea is green.", "Forget my tea."]


def test_the_same_is_near_nought_on_both_sides() -> None:
    assert verdict(Measurement(0.0, (-0.2, 0.2), 9), "same") == "INCONCLUSIVE"
    assert verdict(Measurement(0.0, (-0.02, 0.05), 9), "same") == "PASS"
    assert verdict(Measurement(-0.3, (-0.4, -0.2), 9), "better") == "FAIL"
