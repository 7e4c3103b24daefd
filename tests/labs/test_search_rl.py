"""The study of the trained search loop: differences are taken question by question, and verdicts follow."""

from typing import Any

import pytest

from labs.search_rl.report import apart, judged, verdict
from labs.search_rl.train import GREEDY, SAMPLED, BenchConfig, measured
from playbook.plumbing.errors import InputError
from playbook.plumbing.metrics import Measurement


def rows(after: list[bool], seed: int = 1) -> list[dict[str, Any]]:
    """Nothing right before; so much after in samples, at twice the calls; nothing greedily."""
    return [
        {
            "seed": seed, "when": when, "decoding": decoding, "id": f"q{i}", "kind": "lookup", "hops": i % 3 + 1,
            "entity": f"p{i}", "correct": right and when == "after" and decoding == SAMPLED,
            "calls": 1 + (when == "after"),
        }
        for decoding in (SAMPLED, GREEDY) for when in ("before", "after") for i, right in enumerate(after)
    ] + [
        {
            "seed": seed, "when": when, "decoding": decoding, "id": "u", "kind": "unknown_entity", "hops": 1,
            "entity": "u", "correct": True, "calls": 1,
        }
        for decoding in (SAMPLED, GREEDY) for when in ("before", "after")
    ]  # fmt: skip


def test_what_has_changed_is_measured_on_the_same_questions_of_the_same_seed() -> None:
    both = measured([*rows([True, True, False, True]), *rows([False, False, False, True], seed=2)])
    found = both[SAMPLED]
    assert both[GREEDY]["difference"]["exact_match"].value == 0
    assert found["difference"]["exact_match"].value == pytest.approx(4 / 10)
    assert found["difference"]["calls_per_question"].value == pytest.approx(8 / 10)
    assert (found["before"]["answerable"].value, found["after"]["answerable"].value) == (0, 0.5)
    assert found["after"]["unanswerable"].value == 1


def test_arms_are_compared_after_training_and_the_control_must_be_quiet() -> None:
    better = [*rows([True] * 30), *rows([True] * 29 + [False], seed=2)]
    same = [*rows([False] * 30), *rows([False] * 30, seed=2)]
    difference = apart(same, better)
    assert difference.value == pytest.approx((-30 / 31 - 29 / 31) / 2)
    assert (difference.n, difference.ci95[1] < 0) == (2, True)
    gain = {SAMPLED: {"difference": {"exact_match": Measurement(0.2, (0.1, 0.3), 9).to_json()}}}
    none = {SAMPLED: {"difference": {"exact_match": Measurement(0.0, (-0.1, 0.1), 9).to_json()}}}
    expected = {"masked": "better", "unmasked": "worse", "shuffled": "nothing"}
    arms = {"masked": gain, "unmasked": none, "shuffled": none}
    results = judged(arms, {"unmasked": difference, "shuffled": difference}, expected)  # type: ignore[arg-type]
    assert results["verdict"] == "PASS"
    loud = judged({**arms, "shuffled": gain}, {"unmasked": difference, "shuffled": difference}, expected)  # type: ignore[arg-type]
    assert (loud["verdict"], loud["negative_control"]["quiet"]) == ("FAIL", False)


def test_a_difference_is_as_sure_as_its_runs_agree_however_many_questions_they_answer() -> None:
    half = [True] * 150 + [False] * 150
    drifting = measured([*rows([True] * 300), *rows([False] * 300, seed=2), *rows(half, seed=3)])
    low, high = drifting[SAMPLED]["difference"]["exact_match"].ci95
    assert low < 0 < 0.9 < high
    with pytest.raises(InputError, match=r"bench\.seeds"):
        BenchConfig((1,))


def test_an_interval_with_nought_in_it_tells_nothing() -> None:
    wide = Measurement(0.1, (-0.1, 0.3), 9)
    assert [verdict(wide, wanted) for wanted in ("better", "worse", "nothing")] == ["INCONCLUSIVE"] * 2 + ["PASS"]
