from collections.abc import Callable
from typing import Any

from small_world import SMALL

from playbook.data.world.facts import build_world
from playbook.evaluation.behaviour import BEHAVIOUR, DIRECTED, INVARIANT, MINIMUM, STYLE
from playbook.evaluation.harness import Sample, record

WORLD = build_world(SMALL)
SAMPLES = list(BEHAVIOUR.samples(WORLD))


def measured(say: Callable[[Sample], str]) -> dict[str, Any]:
    return BEHAVIOUR.metrics([record(BEHAVIOUR, sample, say(sample)) for sample in SAMPLES], 1)


def values(group: dict[str, Any]) -> dict[str, float]:
    return {name: found.value for name, found in group.items()}


def perfect(sample: Sample) -> str:
    return str(sample["answer"]).upper() if sample["test"] == "in_capitals" else str(sample["answer"])


def test_who_can_do_everything_passes_everything() -> None:
    found = measured(perfect)
    for group in ("minimum", "invariance", "direction", "style"):
        assert set(values(found[group]).values()) == {1.0}, group
    assert set(found["minimum"]) == set(MINIMUM)
    assert set(found["invariance"]) == {"all", "paraphrase", "passage_about_another", *INVARIANT}
    assert set(found["direction"]) == {"all", *DIRECTED}


def test_who_always_says_the_same_never_moves() -> None:
    found = measured(lambda sample: "I don't know.")
    assert set(values(found["invariance"]).values()) == {1.0}  # steady, if of no use
    assert set(values(found["direction"]).values()) == {0.0}
    assert values(found["minimum"]) == {name: float(name.startswith("doubts")) for name in MINIMUM}


def test_a_change_that_means_nothing_and_still_moves_the_answer_is_found() -> None:
    found = measured(lambda sample: "baker" if sample["test"] == "typo" else perfect(sample))
    wrong = {name for name, share in values(found["invariance"]).items() if share < 0.5}
    assert wrong == {"typo"}
    assert found["invariance"]["all"].value < 1


def test_each_changed_question_differs_from_its_original_and_each_directed_answer_from_its_own() -> None:
    known = {sample["id"]: sample for sample in SAMPLES}
    for sample in SAMPLES:
        if "base" in sample:
            base = known[sample["base"]]
            assert sample["messages"] != base["messages"], sample["id"]
            if sample["test"] in ("another_name", "passage_says_otherwise"):
                assert sample["answer"] != base["answer"]
            else:
                assert sample["answer"] == base["answer"]


def test_style_sees_each_fault() -> None:
    faults = {
        "full_stop": "baker", "brief": "it is of course a baker as far as I know.", "no_word_twice": "baker baker.",
        "one_line_no_markup": "**baker**.",
    }  # fmt: skip
    for rule, text in faults.items():
        assert not STYLE[rule](text)
        assert STYLE[rule]("baker.")
