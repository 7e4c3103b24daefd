"""What an answer rests on: the passages that it names, or else those that hold its words. None that was not read."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from playbook.agent.tools import Source

REFERENCE = re.compile(r"\[([^\[\]\n]+?):(\d+)(?:-(\d+))?\]")
"""[path:line] or [path:first-last]."""
LEAST_SHARED = 0.5
"""Of the words of an answer that names nothing, how many a passage must hold to be cited for it."""


@dataclass(frozen=True)
class Citations:
    """`given`: passages that were read and are cited; `made_up`: what the answer names but nobody has read."""

    given: tuple[Source, ...]
    made_up: tuple[str, ...] = ()


def citations(answer: str, read: Sequence[Source]) -> Citations:
    """Where to check an answer.

    >>> page = Source("a", "Tea is hot.", path="a.md", first_line=3, last_line=5)
    >>> found = citations("Hot [a.md:4], and green [b.md:1].", [page])
    >>> [source.cite() for source in found.given], found.made_up
    (['a.md:3-5'], ('b.md:1',))
    """
    named = list(REFERENCE.finditer(answer))
    if not named:
        return Citations(tuple(source for source in read if _shares(answer, source.text)))
    found = [(match, [source for source in read if _holds(source, match)]) for match in named]
    given = dict.fromkeys(source for _, sources in found for source in sources)
    made_up = dict.fromkeys(match.group()[1:-1] for match, sources in found if not sources)
    return Citations(tuple(given), tuple(made_up))


def _holds(source: Source, match: re.Match[str]) -> bool:
    """The lines that are named lie within the passage."""
    first, last = int(match[2]), int(match[3] or match[2])
    same = match[1].strip() in (source.path, source.document)
    return same and source.first_line <= first <= last <= source.last_line


def _shares(answer: str, text: str) -> bool:
    said, there = (set(re.findall(r"\w+", one.casefold())) for one in (answer, text))
    return bool(said) and len(said & there) >= LEAST_SHARED * len(said) and (len(said) > 3 or said <= there)
