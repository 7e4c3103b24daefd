"""A folder of files as documents: Markdown, plain text, HTML, PDF. Only what has changed is read again.

A file that cannot be read is told and left out; it never stops the others. PDF is read by pypdf, page by page.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pypdf
from pypdf.errors import PyPdfError

from playbook.agent.chunking import ChunkConfig, chunk_html, chunk_markdown, chunk_text
from playbook.agent.document_store import DocumentStore
from playbook.agent.passages import Chunk, Document
from playbook.plumbing.errors import InputError

CHUNKERS = {
    ".md": chunk_markdown, ".markdown": chunk_markdown, ".txt": chunk_text, ".rst": chunk_text,
    ".html": chunk_html, ".htm": chunk_html,
}  # fmt: skip
PDF = ".pdf"
SUFFIXES = (*CHUNKERS, PDF)
MOST_BYTES = 50_000_000
"""Of one file; a larger one is rather a data set than a document."""


@dataclass(frozen=True)
class FolderReport:
    """What indexing a folder did."""

    written: int
    removed: int
    documents: int
    """In the store now."""
    problems: list[InputError] = field(default_factory=list)
    """Files that could not be read, and why."""


def index_folder(store: DocumentStore, folder: str | Path, config: ChunkConfig | None = None) -> FolderReport:
    """Bring a store up to date with a folder: new and changed files in, files that are gone out.

    Ids are paths relative to the folder. A store serves one folder; a missing one raises `InputError`.
    """
    folder, config = Path(folder), config or ChunkConfig()
    if not folder.is_dir():
        raise InputError(folder, "a folder of documents", "no such folder", "name a folder that exists")
    problems: list[InputError] = []
    paths = files(folder)

    def changed() -> Iterator[Document]:
        for path in paths:
            try:
                digest = version(path, config)
                if store.content_hash(path.relative_to(folder).as_posix()) != digest:
                    yield read_document(path, folder, config, digest)
            except InputError as problem:
                problems.append(problem)

    written = store.add(changed())
    kept = {path.relative_to(folder).as_posix() for path in paths}
    removed = sum(store.remove(id) for id in store.ids() if id not in kept)
    return FolderReport(written, removed, len(store), problems)


def files(folder: Path) -> list[Path]:
    """The files below a folder that can be documents, sorted; hidden files and folders are left out."""
    found = []
    for base, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(base, name) for name in names if not name.startswith(".")]
    return sorted(path for path in found if path.suffix.lower() in SUFFIXES and path.is_file())


def version(path: Path, config: ChunkConfig) -> str:
    """The hash of a file's bytes, of how it is cut, and of the path that citations name."""
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise InputError(path, f"a document of at most {MOST_BYTES:,} bytes", f"{size:,} bytes", "split the file")
        return hashlib.sha256(path.read_bytes() + f"{config} {path}".encode()).hexdigest()
    except UnicodeEncodeError:
        raise InputError(ascii(str(path)), "a file name in UTF-8", "other bytes", "rename the file") from None
    except OSError as error:
        raise InputError(path, "a file that can be read", error, "check its permissions") from None


def read_document(path: Path, folder: Path, config: ChunkConfig, digest: str = "") -> Document:
    """A file as a document in chunks. Bytes that are no UTF-8 and a broken PDF raise `InputError`."""
    if path.suffix.lower() == PDF:
        chunks = pdf_chunks(path, config)
        text = "\n".join(chunk.text for chunk in chunks)
    else:
        text = read_text(path)
        chunks = CHUNKERS[path.suffix.lower()](text, config)
    first = chunks[0].title.partition(" > ")[0] if chunks else ""
    id = path.relative_to(folder).as_posix()
    return Document(
        id, path.stem if path.suffix.lower() == PDF else first or path.stem, text, str(path), chunks, {}, digest
    )


def read_text(path: Path) -> str:
    """A text file with line ends of one character."""
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        advice = f"convert it, such as: iconv -f LATIN1 -t UTF-8 {path.name}"
        raise InputError(f"{path}:{line}", "text in UTF-8", f"the byte 0x{raw[error.start]:02x}", advice) from None


def pdf_chunks(path: Path, config: ChunkConfig) -> list[Chunk]:
    """The pages of a PDF, each cut by itself; the title names the page, the lines are those of the page's text."""
    try:
        pages = [page.extract_text() for page in pypdf.PdfReader(path).pages]
    except (PyPdfError, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        # pypdf raises its own errors for most broken files, and whatever its parser stumbles over for the rest
        advice = "open and save it with a PDF viewer, or leave it out"
        raise InputError(path, "a PDF that pypdf can read", f"{type(error).__name__}: {error}", advice) from None
    found = []
    for number, text in enumerate(pages, start=1):
        clean = text.encode("utf-8", "replace").decode()  # a broken font table may give half surrogate pairs
        chunks = chunk_text(clean, config)
        found += [Chunk(c.text, c.first_line, c.last_line, f"page {number}") for c in chunks]
    return found
