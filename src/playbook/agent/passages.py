"""What goes into a store of documents and what comes out of it. Knows neither files nor how anything is found."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True)
class Chunk:
    """A piece of a document that is found and shown as one; lines count from 1, the last is included."""

    text: str
    first_line: int = 1
    last_line: int = 1
    title: str = ""
    """The headings above it, outermost first, as far as the document has any."""
    context: str = ""
    """Words by which it can also be found, though they are not part of it: a date, the turn before, a caption."""


@dataclass(frozen=True)
class Document:
    """What is added to a store as one: whole or not at all.

    Without `chunks` the text is cut into them by the store's chunker. `digest` may name the version of the content (the
    hash of the file that it was read from); without one it is computed from everything here.
    """

    id: str
    title: str
    text: str
    path: str = ""
    """The file that it comes from, as citations are to name it."""
    chunks: Sequence[Chunk] | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Anything that JSON can hold; kept, never searched."""
    digest: str = ""

    @property
    def content_hash(self) -> str:
        """64 hex digits that change whenever anything in the document does."""
        if self.digest:
            return self.digest
        chunks = [vars(chunk) for chunk in self.chunks] if self.chunks is not None else None
        content = [self.title, self.text, self.path, chunks, dict(self.metadata)]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Passage:
    """A chunk that was found, with where it stands and how well it matched (higher is better)."""

    document: str
    title: str
    text: str
    path: str
    first_line: int
    last_line: int
    score: float

    @property
    def citation(self) -> str:
        """Where to read it: the file and its lines.

        >>> Passage("d", "Tea", "Tea is hot.", "notes/tea.md", 3, 4, 1.0).citation
        'notes/tea.md:3-4'
        """
        lines = str(self.first_line) if self.first_line == self.last_line else f"{self.first_line}-{self.last_line}"
        return f"{self.path or self.document}:{lines}"


@runtime_checkable
class Retriever(Protocol):
    """Anything that finds passages: a store by itself, or several ways of searching fused."""

    def search(self, query: str, k: int) -> list[Passage]:
        """The `k` best passages, best first; none where the query holds no word."""
