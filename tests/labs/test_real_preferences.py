"""Real preferences: no dialogue leaks, long ones are cut to fit, rules of length and verdicts are what they say."""

import string
from typing import Any

import pytest

from labs.real_preferences.pairs import coin, fitted, split
from labs.real_preferences.report import accuracy, page, together, verdict, wins
from playbook.data.preference_source import normalised
from playbook.plumbing.metrics import Measurement
from playbook.text.tokenizer import CharTokenizer

TOKENIZER = CharTokenizer(string.printable)


def row(number: int, beginning: str, turns: int = 1, answer: str = "No.") -> dict[str, Any]:
    """A pair in HH-RLHF's form, normalised."""
    talk = "".join(f"\n\nHuman: {beginning} {turn}\n\nAssistant: Well." for turn in range(turns - 1))
    talk += f"\n\nHuman: {beginning} last\n\nAssistant: "
    given = {"chosen": talk + answer, "rejected": talk + f"Yes, {number} ways."}
    return {"id": str(number), **normalised(given, "here")}


def test_no_beginning_is_on_both_sides_and_the_order_of_the_file_does_not_matter() -> None:
    rows = [row(number, f"Question {number // 3}") for number in range(60)]
    trained, held_out = split(rows, 40)
    beginnings = [{one["prompt"][0]["content"] for one in side} for side in (trained, held_out)]
    assert not beginnings[0] & beginnings[1]
    assert len(held_out) == 20
    assert 38 <= len(trained) <= 40
    assert split(rows[::-1], 40)[1] == held_out


def test_a_long_dialogue_loses_its_first_turns_and_never_its_answer() -> None:
    whole, short = row(1, "A question of some length", turns=6), row(1, "A question of some length", turns=1)
    pair = fitted(whole, TOKENIZER, 80)
    assert pair is not None
    assert max(len(pair.chosen.ids), len(pair.rejected.ids)) <= 80
    assert sum(pair.chosen.counts) == sum(fitted(short, TOKENIZER, 200).chosen.counts)  # type: ignore[union-attr]
    assert fitted(whole, TOKENIZER, 20) is None


def test_a_coin_turns_about_half_of_the_labels_round() -> None:
    pair = fitted(row(1, "Hm"), TOKENIZER, 200)
    assert pair is not None
    turned = sum(one.chosen == pair.rejected for one in coin([pair] * 200, 1))
    assert 70 < turned < 130


RECORDS = [
    {"topic": f"t{number}", "characters": [9, 5 + number], "reward_model": [1.0, 0.0], "dpo": [0.0, 0.0]}
    for number in range(10)
]


def test_rules_of_length_and_ties() -> None:
    assert accuracy(RECORDS, "longer").value == pytest.approx(0.45)  # 4 longer, 1 tie, 5 shorter
    assert accuracy(RECORDS, "longer").value + accuracy(RECORDS, "shorter").value == pytest.approx(1)
    assert wins(RECORDS, "reward_model") == [1.0] * 10
    assert wins(RECORDS, "dpo") == [0.5] * 10


@pytest.mark.parametrize(
    ("interval", "wanted", "expected"),
    [
        ((0.51, 0.6), "above", "PASS"), ((0.4, 0.49), "above", "FAIL"), ((0.45, 0.6), "above", "INCONCLUSIVE"),
        ((0.45, 0.58), "near", "PASS"), ((0.61, 0.7), "near", "FAIL"), ((0.45, 0.65), "near", "INCONCLUSIVE"),
    ],
)  # fmt: skip
def test_verdicts(interval: tuple[float, float], wanted: str, expected: str) -> None:
    assert verdict(Measurement(sum(interval) / 2, interval, 300), wanted, 0.1) == expected


def test_the_page_says_what_is_known_and_no_more() -> None:
    assert together({"a": "PASS", "b": "INCONCLUSIVE"}) == "INCONCLUSIVE"
    assert together({"a": "PASS", "b": "FAIL"}) == "FAIL"
    found = {name: Measurement(0.55, (0.5, 0.6), 300) for name in ("reward_model", "longer", "shorter", "control")}
    results = {
        "expected": {"reward_model": "above"}, "verdicts": {"reward_model": "INCONCLUSIVE"}, "verdict": "INCONCLUSIVE",
        "negative_control": {"quiet": True},
        "run": dict.fromkeys(("trained", "held_out", "too_long", "params"), 7) | {"seconds": 60},
        "lead_over_better_length_baseline": {
            "baseline": "longer", "difference": Measurement(0.0, (-0.1, 0.1), 300).to_json(),
        },
    }  # fmt: skip
    text = page(results, found, {name: name for name in found})
    assert "not surely another share" in text
    assert "0.55 [0.50, 0.60]" in text
