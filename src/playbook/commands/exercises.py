"""`make check-exercise N=1.2 ANSWER="..."`: check an answer to an exercise of the notes.

N is the week and the number in its note. An answer is numbers, words, or (FILE=answer.py) a function of Python that is
tried on many inputs beside the library's own. What is wrong is told, and not what would be right. The exercises
themselves: `exercise_answers.py`.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from playbook.commands.exercise_answers import EXERCISES
from playbook.commands.exercise_kinds import Function
from playbook.plumbing.errors import InputError, tell
from playbook.plumbing.paths import ROOT


def question(number: str, root: Path = ROOT) -> str:
    """The exercise as its note has it."""
    week, _, place = number.partition(".")
    text = (root / f"notes/week{int(week):02d}.md").read_text(encoding="utf-8").partition("## Exercises")[2]
    found = re.search(rf"^{place}\. (.*?)(?=^\d+\. |\Z)", text, re.MULTILINE | re.DOTALL)
    return " ".join(found.group(1).split()) if found else ""


def check(number: str, answer: str | None, file: Path | None) -> str:
    """What is wrong about an answer, or nothing."""
    if number not in EXERCISES:
        raise InputError(f"exercise {number!r}", f"one of {', '.join(EXERCISES)}", "none with that number")
    exercise = EXERCISES[number]
    if isinstance(exercise, Function):
        if file is None:
            raise InputError(f"exercise {number}", f"a file that defines {exercise.name}", answer, "FILE=answer.py")
        return exercise.check_file(file)
    if file is not None:
        answer = file.read_text(encoding="utf-8") if file.exists() else None
    if not (answer or "").strip():
        raise InputError(f"exercise {number}", "an answer", "none", f'make check-exercise N={number} ANSWER="..."')
    return exercise.check(str(answer))


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0 if the answer is right."""
    sys.excepthook = tell
    parser = argparse.ArgumentParser("check-exercise", description="Check an answer to an exercise of the notes.")
    parser.add_argument("number", nargs="?", help="week and number, as 1.2")
    parser.add_argument("--answer")
    parser.add_argument("--file", type=Path)
    given = parser.parse_args(arguments)
    if given.number is None:
        print("Exercises that can be checked:", *EXERCISES)
        return 0
    if given.answer is None and given.file is None and given.number in EXERCISES:
        print(question(given.number))
        return 0
    wrong = check(given.number, given.answer, given.file)
    print(f"{given.number}: {wrong or 'right'}")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
