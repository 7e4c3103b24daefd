import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbook.data.world.gold import gold_reward, is_abstention, is_correct, mentions
from playbook.data.world.values import HOBBIES, STREETS
from playbook.plumbing.errors import InputError

RECORD = {"answer": "chess.", "candidates": list(HOBBIES), "format": "plain"}
NOTHING = {**RECORD, "answer": "I don't know."}


def total(answer: str, **changes: str) -> float:
    return gold_reward({**RECORD, **changes}, answer).total


def test_the_right_answer_is_worth_one_and_saying_nothing_is_worth_nothing() -> None:
    assert total("chess.") == 1
    for record in (RECORD, NOTHING):
        score = gold_reward(record, "I don't know.")
        assert score.total == 0
        assert set(score.parts.values()) == {0}


def test_the_parts_sum_to_the_total() -> None:
    score = gold_reward(RECORD, "It is chess, chess, and chess, and it is chess, and then it is chess again.")
    assert score.parts["correct"] == 1
    assert min(score.parts["format"], score.parts["brevity"], score.parts["repetition"]) < 0
    assert score.total == pytest.approx(sum(score.parts.values()))


@pytest.mark.parametrize(
    "answer",
    [
        "fishing.",
        "chess or fishing.",
        "chess. No, fishing.",
        f"{', '.join(HOBBIES)}.",
        "not chess.",
        "It isn't chess.",
        "It's anything but not chess.",
        "",
        " ",
        ".",
        "What is the hobby of Ada Bell?",
        "Ada Bell.",
        "I don't know, perhaps fishing.",
        "chessboard.",
        "?" * 500,
    ],
)
def test_an_answer_that_is_not_right_is_worth_less_than_saying_nothing(answer: str) -> None:
    assert total(answer) < 0
    assert total(answer) >= -3 - 0.25 - 0.3 - 0.5 - 0.3


def test_listing_everything_is_worth_less_than_one_wrong_answer() -> None:
    assert total(f"{', '.join(HOBBIES)}.") < total("fishing.") == -1


@pytest.mark.parametrize(
    "answer",
    ["chess. chess. chess.", "The hobby of Ada Bell, as far as I was able to find out, is chess.", "chess", "CHESS"],
)
def test_a_right_answer_in_bad_form_is_worth_something_but_less(answer: str) -> None:
    assert 0 < total(answer) < 1


def test_another_case_is_the_same_fact() -> None:
    assert total("Chess.") == 1
    assert total("CHESS.", format="capitals") == 1
    assert total("chess.", format="capitals") == 0.75


def test_denying_the_others_is_no_claim_and_denying_the_truth_is_wrong() -> None:
    assert gold_reward(RECORD, "not fishing but chess.").parts["correct"] == 1
    assert gold_reward(RECORD, "not chess.").parts["wrong"] == -1
    assert mentions("not chess but rowing", HOBBIES) == (["rowing"], ["chess"])


def test_whatever_is_said_about_the_unknowable_costs() -> None:
    for answer in ("chess.", "blue.", "", "It is not known whether she likes chess."):
        assert gold_reward(NOTHING, answer).total < 0
    assert gold_reward({**NOTHING, "candidates": []}, "blue.").total == -1


def test_a_longer_value_hides_the_shorter_in_it() -> None:
    assert mentions("Orchard Lane", ["Lane", "Orchard Lane"]) == (["orchard lane"], [])
    record = {"answer": "River Lane.", "candidates": list(STREETS)}
    assert gold_reward(record, "River Lane.").total == 1


def test_a_wrong_record_raises_and_is_no_score() -> None:
    with pytest.raises(InputError, match="candidates"):
        gold_reward({"answer": "chess."}, "chess.")


@given(st.text())
def test_any_text_can_be_scored_and_none_beats_the_right_answer(answer: str) -> None:
    assert total(answer) <= 1
    assert gold_reward(NOTHING, answer).total <= 0


@pytest.mark.parametrize(
    ("answer", "gold", "right"),
    [
        ("Mill Lane.", "Mill Lane.", True),
        ("  mill  lane", "Mill Lane.", True),
        ("Mill Lane or Park Road.", "Mill Lane.", False),
        ("not Mill Lane.", "Mill Lane.", False),
        ("Mill", "Mill Lane.", False),
        ("", "Mill Lane.", False),
        ("", "", False),
        (".", ".", False),
        ("I don't know.", "Mill Lane.", False),
        ("I don’t know", "I don't know.", True),
        ("I do not know.", "I don't know.", True),
        ("I don't know, maybe Mill Lane.", "I don't know.", False),
    ],
)
def test_correct_is_the_value_and_nothing_else(answer: str, gold: str, right: bool) -> None:
    assert is_correct(answer, gold) == right


def test_abstaining_says_nothing_more() -> None:
    assert is_abstention("i don't know")
    assert not is_abstention("I don't know him.")
    assert not is_abstention("")
