"""The three collections as documents and questions. Knows nothing of how anything is found."""

import re
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from playbook.agent.chunking import ChunkConfig
from playbook.agent.folder import read_document
from playbook.agent.passages import Chunk, Document
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import read_json, read_jsonl

CITED = re.compile(r"^\s*\d+\t\d+\t\d+", re.MULTILINE)
EVIDENCE = re.compile(r"D:?(\d+):(\d+)")
NOTES = ("./README.md", "./CONTRIBUTING.md", "./notes/log.md", "./notes/reading.md")
"""Pages that no result of this lab is written into: else its own report would make it out of date."""


@dataclass(frozen=True)
class Topic:
    """A question, and what answers it: relevance by id."""

    id: str
    text: str
    judged: Mapping[str, int]
    group: str = ""
    """A half of the topics, a conversation, a category: by what results are split."""


def read_cacm(folder: Path) -> tuple[list[Document], list[Topic]]:
    """3,204 abstracts and the 52 topics that have judgements.

    A document's first paragraph is its title. The lists of citing and cited numbers at its end are no text and are left
    out. The judgements number topics as the topic file does (plain BM25 reaches its published score that way).
    """
    documents = []
    with tarfile.open(folder / "cacm.tar.gz") as archive:
        for member in sorted(archive.getmembers(), key=lambda member: member.name):
            if member.isfile() and (handle := archive.extractfile(member)) is not None:
                documents.append(cacm_document(Path(member.name).stem, handle.read().decode("latin-1")))
    judged: dict[str, dict[str, int]] = {}
    for line in (folder / "qrels.cacm.txt").read_text(encoding="utf-8").splitlines():
        topic, _, document, relevance = line.split()
        judged.setdefault(topic, {})[document] = int(relevance)
    found = re.findall(
        r"<DOCNO>\s*(\d+)\s*</DOCNO>(.*?)</DOC>", (folder / "topics.cacm.txt").read_text(encoding="utf-8"), re.DOTALL
    )
    topics = [Topic(id, " ".join(text.split()), judged[id], half(id)) for id, text in found if id in judged]
    return documents, topics


def cacm_document(id: str, page: str) -> Document:
    """One page of the collection."""
    body = page.partition("<pre>")[2].partition("</pre>")[0]
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", body) if part.strip()]
    text = "\n\n".join(part for part in paragraphs[1:] if not CITED.search(part))
    return Document(id, " ".join(paragraphs[0].split()), text, chunks=[Chunk(text)])


def half(topic: str) -> str:
    """Which half of the topics: `chosen_on` or `held_out`, by a hash of the id and so by nothing in the topic."""
    return ("chosen_on", "held_out")[sha256(f"cacm {topic}".encode()).digest()[0] % 2]


@dataclass(frozen=True)
class TurnText:
    """What a turn of a conversation is found by."""

    window: int = 2
    """Turns before and after it that count as its context."""
    captions: bool = True
    """What a shared picture shows."""
    date: bool = True
    """Of the session, as the title."""


@dataclass(frozen=True)
class Conversation:
    """A long conversation and questions about it; gold ids are `SESSION:TURN`, such as `D3:12`."""

    id: str
    sessions: list[Document]
    """Documents D1, D2 ...; chunk n of a session is its turn n, on line n."""
    observations: list[Document]
    """What somebody noted of each session; a chunk's context says which turns it is about."""
    summaries: list[Document]
    topics: list[Topic]


def read_locomo(path: Path, how: TurnText) -> list[Conversation]:
    """Conversations, indexed as `how` says. Questions whose evidence names no turn that exists are left out."""
    return [_conversation(row, how) for row in read_json(path, "dvc repro labs/retrieval/dvc.yaml")]


def _conversation(row: dict[str, object], how: TurnText) -> Conversation:
    talk: dict[str, object] = row["conversation"]  # type: ignore[assignment]
    numbers = sorted(int(key[8:]) for key, value in talk.items() if re.fullmatch(r"session_\d+", key) and value)
    sessions, observations, summaries, turns = [], [], [], set[str]()
    for number in numbers:
        date = str(talk[f"session_{number}_date_time"]).rpartition(" on ")[2]
        said = [turn_text(turn, how.captions) for turn in talk[f"session_{number}"]]  # type: ignore[attr-defined]
        turns |= {f"D{number}:{turn}" for turn in range(1, len(said) + 1)}
        chunks = [
            Chunk(text, n, n, context="\n".join(around(said, n - 1, how.window))) for n, text in enumerate(said, 1)
        ]
        title = date if how.date else ""
        sessions.append(Document(f"D{number}", title, "", chunks=chunks))
        noted = row["observation"][f"session_{number}_observation"]  # type: ignore[index]
        observations.append(Document(f"D{number}", title, "", chunks=observation_chunks(noted)))
        summary = row["session_summary"][f"session_{number}_summary"]  # type: ignore[index]
        summaries.append(Document(f"D{number}", title, "", chunks=[Chunk(summary)]))
    topics = []
    for position, question in enumerate(row["qa"]):  # type: ignore[arg-type, var-annotated]
        gold = {f"D{a}:{b}" for entry in question["evidence"] for a, b in EVIDENCE.findall(entry)} & turns
        if gold:
            id = f"{row['sample_id']}-{position}"
            topics.append(Topic(id, question["question"], dict.fromkeys(sorted(gold), 1), str(question["category"])))
    return Conversation(str(row["sample_id"]), sessions, observations, summaries, topics)


def turn_text(turn: Mapping[str, str], captions: bool) -> str:
    """Who said what, and what the picture shows."""
    picture = turn.get("blip_caption", "") if captions else ""
    return f"{turn['speaker']}: {turn['text']}" + (f" [{picture}]" if picture else "")


def around(said: list[str], position: int, window: int) -> list[str]:
    """The turns of the same session within `window`, the turn itself left out."""
    return said[max(0, position - window) : position] + said[position + 1 : position + 1 + window]


def observation_chunks(noted: Mapping[str, list[list[object]]]) -> list[Chunk]:
    """A chunk an observation, numbered by line."""
    flat = [entry for entries in noted.values() for entry in entries]
    return [Chunk(str(entry[0]), line, line) for line, entry in enumerate(flat, start=1)]


def observed_turns(path: Path) -> dict[tuple[str, str, int], list[str]]:
    """By conversation, session and line of an observation: the turns that it was drawn from."""
    found = {}
    for row in read_json(path):
        for key, noted in row["observation"].items():
            session = f"D{key.split('_')[1]}"
            flat = [entry for entries in noted.values() for entry in entries]
            for line, entry in enumerate(flat, start=1):
                ids = [f"D{a}:{b}" for a, b in EVIDENCE.findall(str(entry[1:]))]
                found[row["sample_id"], session, line] = ids
    return found


def read_notes(questions: Path, config: ChunkConfig) -> tuple[list[Document], list[Topic]]:
    """The playbook's own pages and questions about them. A passage answers if it holds the quote; ids are `FILE:LINE`.

    A quote that no passage holds any longer raises `InputError`: the page has moved on, and so must the question.
    """
    documents = [read_document(Path(name), Path(), config) for name in NOTES]
    topics = []
    for number, row in enumerate(read_jsonl(questions), start=1):
        (document,) = [document for document in documents if document.id == row["file"]]
        quote = " ".join(row["quote"].split())
        gold = [c.first_line for c in document.chunks or () if quote in " ".join(c.text.split())]
        if not gold:
            advice = "change the quote, or take the question out"
            raise InputError(f"{questions}:{number}", f"a quote from one passage of {row['file']}", quote, advice)
        topics.append(Topic(str(number), row["question"], {f"{document.id}:{line}": 1 for line in gold}))
    return documents, topics
