"""Exercises: what is right passes, what is wrong is told, and notes and checks name the same ones."""

import re
from pathlib import Path

import pytest

from playbook.commands.exercise_answers import EXERCISES
from playbook.commands.exercise_kinds import Function, Numeric, Words
from playbook.commands.exercises import check, main, question
from playbook.plumbing.errors import InputError
from playbook.plumbing.paths import ROOT

BY_HAND = {
    "1.1": "Last.", "1.2": "6.93 nats, 10 bits", "1.3": "196,608", "1.5": "aa", "2.2": "1.625", "2.3": ".5",
    "3.1": "0.693 and 0.05", "3.2": "0.5 -0.5 0.707 -0.707", "3.4": "0.5 0.25 0.1", "4.1": "[0.722, 1]",
    "4.2": "0.0625", "4.3": "3145728 1048576",
}  # fmt: skip
WRITTEN = {
    "1.6": """
def mask(queries, keys):
    return [[k <= q + keys - queries for k in range(keys)] for q in range(queries)]
""",
    "2.7": """
def factor(done):
    return done / 0.1 if done < 0.1 else 1.0 if done < 0.5 else 2 * (1 - done)
""",
    "3.7": """
import math

def dpo(chosen, rejected, ref_chosen, ref_rejected, beta):
    return math.log(1 + math.exp(-beta * ((chosen - ref_chosen) - (rejected - ref_rejected))))
""",
    "4.8": """
def fuse(rankings):
    found = {}
    for ranking in rankings:
        for i, name in enumerate(ranking):
            found[name] = found.get(name, 0) + 1 / (61 + i)
    return sorted(found, key=lambda name: -found[name])
""",
}


@pytest.mark.parametrize("number", BY_HAND)
def test_an_answer_worked_out_by_hand_is_right(number: str) -> None:
    assert check(number, BY_HAND[number], None) == ""


@pytest.mark.parametrize("number", WRITTEN)
def test_a_function_is_tried_beside_the_library(number: str, tmp_path: Path) -> None:
    file = tmp_path / "answer.py"
    file.write_text(WRITTEN[number])
    assert check(number, None, file) == ""
    name = EXERCISES[number].name  # type: ignore[union-attr]
    file.write_text(f"def {name}(*arguments):\n    return 7.5")
    assert "the library" in check(number, None, file)
    file.write_text(f"def {name}():\n    return 7.5")
    assert "TypeError" in check(number, None, file)
    file.write_text("nothing = 1")
    assert f"defines no function {name}" in check(number, None, file)


def test_what_comes_from_this_checkout_is_computed_from_it() -> None:
    by_metrics = set(EXERCISES) - set(BY_HAND) - set(WRITTEN)
    assert by_metrics == {"2.6", "3.6", "4.7"}
    for number in by_metrics:
        exercise = EXERCISES[number]
        assert isinstance(exercise, Numeric | Words)
        right = exercise.right()
        assert check(number, right if isinstance(right, str) else " ".join(map(str, right)), None) == ""


@pytest.mark.parametrize("number", EXERCISES)
def test_a_wrong_answer_is_told_why(number: str) -> None:
    exercise = EXERCISES[number]
    if isinstance(exercise, Function):
        return
    assert check(number, "12345 nothing", None)
    for told, mistake in exercise.mistakes.items():
        if isinstance(exercise, Numeric):
            assert check(number, " ".join(map(str, mistake())), None) == told  # type: ignore[operator]
        else:
            assert check(number, told, None) == mistake


def test_numbers_that_are_off_are_named() -> None:
    assert check("1.2", "6.93 11", None) == "number 2 (11) is too large"
    assert check("3.4", "0.5 0.25", None).startswith("3 numbers are asked for, 2 were found")


def test_every_exercise_stands_in_its_note_and_every_number_in_a_note_is_checked() -> None:
    for number in EXERCISES:
        assert f"N={number}" in question(number), number
    for week in range(1, 5):
        text = (ROOT / f"notes/week{week:02d}.md").read_text().partition("## Exercises")[2]
        named = set(re.findall(r"\(N=(\d\.\d+)", text))
        assert len(named) >= 3
        assert named == {number for number in EXERCISES if number.startswith(f"{week}.")}


def test_on_the_command_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.excepthook", None)
    assert main(["2.3", "--answer", "0.5"]) == 0
    assert main(["2.3", "--answer", "0.9"]) == 1
    assert main(["2.3"]) == 0
    assert main([]) == 0
    told = capsys.readouterr().out
    assert "2.3: right" in told
    assert "too large" in told
    assert "three quarters" in told
    (tmp_path / "answer.txt").write_text("0.5\n")
    assert main(["2.3", "--file", str(tmp_path / "answer.txt")]) == 0
    with pytest.raises(InputError, match=r"one of 1\.1"):
        main(["9.9", "--answer", "1"])
    with pytest.raises(InputError, match=r"FILE=answer\.py"):
        main(["1.6", "--answer", "1"])
    with pytest.raises(InputError, match="ANSWER"):
        main(["2.3", "--answer", " "])
