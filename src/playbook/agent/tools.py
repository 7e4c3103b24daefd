"""What an agent may do: search documents, take a note, look one up. One line of text goes in, one text comes out.

A `Toolbox` is the allow-list. It checks name and argument before anything runs; what a tool gives back is data, which
nothing here ever reads as an instruction (`chat.py` keeps a document from spelling a marker). A wrong call is the
model's fault: it is told so, and it is counted. A tool that breaks is ours: a `strict` toolbox, as evaluation has it,
lets the error through; any other tells the model and the trace that the tool failed.

Result texts are those that the model was trained on (`data/world/`).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from playbook.agent.instructions import Guard, screened
from playbook.agent.memory import UserMemory
from playbook.data.world.documents import NOTHING_FOUND
from playbook.data.world.memory import NO_NOTES, SAVED, STYLE
from playbook.plumbing.errors import InputError

MOST_CHARACTERS = 400
"""Of an argument."""
FORGET = "-"
"""A note with this value asks for its topic to be forgotten."""
FORGETTING = re.compile(
    r"\b(forget|delete|remove|erase|drop|clear|discard|cancel|strike|wipe|no longer|any ?more|(not|don't) remember)\b",
    re.IGNORECASE,
)
"""Words of whoever wants something forgotten."""

ASKED = re.compile(r"(?<![^.!?])\s*(what|which|who|whom|whose|where|when|why|how)\b[^.!?]*\?", re.IGNORECASE)
"""A sentence that asks: whatever stands in it has not been told."""


@dataclass(frozen=True)
class Source:
    """What was read: enough to cite it."""

    document: str
    text: str
    title: str = ""
    path: str = ""
    first_line: int = 0
    last_line: int = 0

    def cite(self) -> str:
        """Where it stands.

        >>> Source("a", "...", path="notes/a.md", first_line=3, last_line=5).cite()
        'notes/a.md:3-5'
        """
        lines = f"{self.first_line}" + (f"-{self.last_line}" if self.last_line > self.first_line else "")
        return f"{self.path or self.document}:{lines}" if self.first_line else self.path or self.document


@dataclass(frozen=True)
class Observation:
    """What came of a call. `invalid`: the call was wrong; `failed`: the tool broke."""

    content: str
    sources: tuple[Source, ...] = ()
    invalid: bool = False
    failed: bool = False


class BadCall(ValueError):
    """An argument that a tool refuses; the message is for the model to read."""


@runtime_checkable
class Tool(Protocol):
    """One tool. `argument` is what its only parameter is called, `description` what an endpoint is told of it."""

    name: str
    argument: str
    description: str

    def run(self, text: str) -> Observation:
        """Do it; a `BadCall` refuses the argument."""
        ...


@runtime_checkable
class Passage(Protocol):
    """What a store finds, see `retriever.py`."""

    document: str
    title: str
    text: str
    path: Any
    first_line: int
    last_line: int
    score: float


@runtime_checkable
class Store(Protocol):
    """Where documents are searched for."""

    def search(self, query: str, k: int) -> Sequence[Any]:
        """The `k` best passages, best first."""
        ...


@dataclass
class Search:
    """Search the documents: the best passages, one a line, as many as fit."""

    store: Store
    k: int = 3
    budget: int = 160
    """Tokens of all passages together. The first is always given."""
    count: Callable[[str], int] = lambda text: len(text.split())
    render: Callable[[Source], str] = lambda source: source.text
    titled: bool = False
    """Where a query is the title of a document, give what has that title and nothing else."""
    named: bool = False
    """Where a query is a name (Two Words, capitalised) that nothing found tells of, give nothing, not namesakes."""
    guard: Guard = "off"
    """What becomes of instructions in passages, see `instructions.py`."""
    name: str = "search"
    argument: str = "query"
    description: str = "Search the documents. The query is a name or a few words; returns the best passages."
    forms: tuple[str, ...] = ("{seen}",)

    def run(self, text: str) -> Observation:
        """Passages on `text`."""
        found = list(map(source_of, self.store.search(text, self.k)))
        same = [source for source in found if source.title.casefold() == text.casefold()]
        if self.titled and same:
            found = same
        elif self.named and is_name(text):
            found = [one for one in found if text.casefold() in f"{one.title}\n{one.text}".casefold()]
        return observation(found, self.budget, self.count, lambda source: screened(self.render(source), self.guard))


@dataclass
class Remember:
    """Take a note of what the user told, "topic: value"; "topic: -" forgets the topic.

    Given what the user has just `said`, a note must hold on to it: a value that is not in those words is refused, or is
    only in a question, and so is a deletion without a word of forgetting, because what is forgotten does not come back.
    """

    memory: UserMemory
    source: str = ""
    said: str | None = None
    name: str = "remember"
    argument: str = "note"
    description: str = 'Keep what the user told about themselves, as "topic: value"; "topic: -" forgets the topic.'
    forms: tuple[str, ...] = ("{said}: {said}", f"{{said}}: {FORGET}", f"{STYLE}: {{said}}")

    def run(self, text: str) -> Observation:
        """Write, update or forget."""
        topic, colon, value = (part.strip() for part in text.partition(":"))
        if not (topic and colon and value):
            raise BadCall('a note is "topic: value"')
        if self.said is not None and (wrong := unfounded(value, self.said)):
            raise BadCall(wrong)
        try:
            if value == FORGET:
                self.memory.forget(topic)
            else:
                self.memory.write(topic, value, "preference" if topic == STYLE else "fact", self.source)
        except InputError as error:
            if error.where.endswith("of a note"):
                raise BadCall(f"a note has {error.expected}") from None
            raise
        return Observation(SAVED)


@dataclass
class Recall:
    """What is known of the user on a topic."""

    memory: UserMemory
    name: str = "recall"
    argument: str = "topic"
    description: str = "Look up what the user told earlier on a topic."
    forms: tuple[str, ...] = ("{said}", STYLE)

    def run(self, text: str) -> Observation:
        """The note that holds, if there is one."""
        try:
            notes = self.memory.current(text)
        except InputError as error:
            raise BadCall(f"a topic has {error.expected}") from None
        return Observation("\n".join(note.line() for note in notes) or NO_NOTES)


@dataclass
class Toolbox:
    """The tools that may be used; any other name is refused."""

    tools: dict[str, Tool] = field(default_factory=dict)
    strict: bool = False

    @staticmethod
    def of(*tools: Tool, strict: bool = False) -> "Toolbox":
        """From tools."""
        return Toolbox({tool.name: tool for tool in tools}, strict)

    def without(self, *names: str) -> "Toolbox":
        """The others."""
        return Toolbox({name: tool for name, tool in self.tools.items() if name not in names}, self.strict)

    def call(self, name: str, argument: object) -> Observation:
        """Check and run. Never raises, unless `strict` and the tool itself breaks."""
        if (tool := self.tools.get(name)) is None:
            allowed = ", ".join(self.tools) or "none"
            return Observation(f"There is no tool {name[:40]!r}. Allowed: {allowed}.", invalid=True)
        if wrong := _wrong(argument):
            return Observation(f"{tool.argument} must be {wrong}.", invalid=True)
        assert isinstance(argument, str)
        try:
            return tool.run(argument.strip())
        except BadCall as error:
            return Observation(f"Refused: {error}.", invalid=True)
        except Exception as error:  # whatever breaks in a tool of the user's must end in a clear outcome, not a crash
            if self.strict:
                raise
            return Observation(f"The tool {name} failed: {type(error).__name__}: {error}", failed=True)


def observation(
    found: Sequence[Source], budget: int, count: Callable[[str], int], render: Callable[[Source], str]
) -> Observation:
    """Passages in order of rank, the first and then as many as fit; none of which nothing is left to show."""
    shown: list[tuple[Source, str]] = []
    for source in found:
        text = render(source)
        if text and (not shown or count("\n".join([*(told for _, told in shown), text])) <= budget):
            shown.append((source, text))
    told = "\n".join(text for _, text in shown)
    return Observation(told or NOTHING_FOUND, tuple(source for source, _ in shown))


def is_name(text: str) -> bool:
    """Two words or more, each with a capital letter.

    >>> is_name("Ada Bell"), is_name("Bell"), is_name("the mayor of Oakham")
    (True, False, False)
    """
    words = text.split()
    return len(words) > 1 and all(word[0].isupper() for word in words)


def unfounded(value: str, said: str) -> str:
    """Why a note with this value does not follow from what was said, or nothing if it does.

    >>> unfounded("pear", "My favourite fruit is the pear."), unfounded("pea", "It is the pear.")
    ('', 'the user did not say "pea"')
    >>> unfounded("-", "What is my favourite fruit?")
    'the user did not ask to forget anything'
    >>> unfounded("again", "What was my best subject again?")
    'the user did not tell "again"'
    """
    if value == FORGET:
        return "" if FORGETTING.search(said) else "the user did not ask to forget anything"
    words = re.compile(rf"(?<!\w){re.escape(' '.join(value.casefold().split()))}(?!\w)")
    plain = " ".join(said.casefold().split())
    if not words.search(plain):
        return f'the user did not say "{value[:40]}"'
    return "" if words.search(ASKED.sub(" ", plain)) else f'the user did not tell "{value[:40]}"'


def source_of(passage: Passage) -> Source:
    """What a store found, as it is kept in traces."""
    path = str(passage.path) if passage.path else ""
    return Source(passage.document, passage.text, passage.title, path, passage.first_line or 0, passage.last_line or 0)


def _wrong(argument: object) -> str:
    """What the argument should have been, or nothing if it is all right."""
    if not isinstance(argument, str) or not argument.strip():
        return "a text that is not empty"
    if len(argument) > MOST_CHARACTERS:
        return f"at most {MOST_CHARACTERS} characters"
    if any(ord(character) < 32 for character in argument):
        return "one line without control characters"
    return ""
