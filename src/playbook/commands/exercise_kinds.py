"""Kinds of answers to exercises: numbers, a word, a function. Each tells what is wrong, and not what would be right."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from playbook.data.world.gold import normalize
from playbook.plumbing.errors import InputError

Numbers = Sequence[float]
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?")
TOLERANCE = 0.01
"""Relative: an answer to three digits will do."""


@dataclass(frozen=True)
class Numeric:
    """Some numbers, in the order asked for."""

    right: Callable[[], Numbers]
    mistakes: dict[str, Callable[[], Numbers]] = field(default_factory=dict)
    """What a wrong answer comes from -> that answer."""

    def check(self, answer: str) -> str:
        """What is wrong, or nothing."""
        given = [float(number) for number in NUMBER.findall(answer.replace(",", ""))]
        wanted = self.right()
        if len(given) != len(wanted):
            return f"{len(wanted)} numbers are asked for, {len(given)} were found in {answer!r}"
        for told, mistake in self.mistakes.items():
            if _near(given, mistake()) == [True] * len(given):
                return told
        near = _near(given, wanted)
        wrong = [number for number, right in enumerate(near) if not right]
        if not wrong:
            return ""
        sides = [f"number {i + 1} ({given[i]:g}) is too {'large' if given[i] > wanted[i] else 'small'}" for i in wrong]
        return "; ".join(sides)


@dataclass(frozen=True)
class Words:
    """One word or name; case, spaces and the full stop do not count."""

    right: Callable[[], str]
    mistakes: dict[str, str] = field(default_factory=dict)
    """Answer -> what is wrong about it."""

    def check(self, answer: str) -> str:
        """What is wrong, or nothing."""
        said = normalize(answer)
        return "" if said == normalize(self.right()) else self.mistakes.get(said, f"{answer!r} is not it")


@dataclass(frozen=True)
class Function:
    """A function of the learner's, beside the library's on the same inputs."""

    name: str
    right: Callable[..., Any]
    inputs: Callable[[], Sequence[tuple[Any, ...]]]

    def check_file(self, path: Path) -> str:
        """What is wrong, or nothing. The file is run: it is the learner's own."""
        names: dict[str, Any] = {}
        try:
            exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), names)
        except (OSError, SyntaxError) as error:
            raise InputError(path, "a Python file", error) from None
        if not callable(given := names.get(self.name)):
            return f"{path} defines no function {self.name}"
        for arguments in self.inputs():
            wanted, shown = self.right(*arguments), ", ".join(map(_short, arguments))
            try:
                got = given(*arguments)
            except Exception as error:
                return f"{self.name}({shown}) raises {type(error).__name__}: {error}"
            if not _same(got, wanted):
                return f"{self.name}({shown}) gives {_short(got)}, the library {_short(wanted)}"
        return ""


def _near(given: Numbers, wanted: Numbers) -> list[bool]:
    return [math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=1e-9) for a, b in zip(given, wanted, strict=True)]


def _same(got: Any, wanted: Any) -> bool:
    try:
        one, two = (np.asarray(x, dtype=np.float64) for x in (got, wanted))
    except (TypeError, ValueError):
        return bool(got == wanted)
    return one.shape == two.shape and bool(np.allclose(one, two, rtol=1e-4, atol=1e-6))


def _short(value: Any) -> str:
    text = str(value.tolist() if hasattr(value, "tolist") else value)
    return text if len(text) <= 120 else f"{text[:119]}…"
