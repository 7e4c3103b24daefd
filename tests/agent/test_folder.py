"""A folder as documents: what changed is read again, what is gone is forgotten, what is broken is told and left out."""

import os
from pathlib import Path

import pytest

from playbook.agent import folder as module
from playbook.agent.chunking import ChunkConfig
from playbook.agent.document_store import DocumentStore
from playbook.agent.folder import index_folder
from playbook.agent.passages import Document
from playbook.plumbing.errors import InputError

OBJECTS = (
    b"<< /Type /Catalog /Pages 2 0 R >>",
    b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
    b"<< /Length 46 >> stream\nBT /F1 12 Tf 10 100 Td (Saffron is red) Tj ET  \nendstream",
    b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
)


def pdf() -> bytes:
    """One page that says what saffron is."""
    body, table = b"%PDF-1.4\n", b"0000000000 65535 f \n"
    for number, content in enumerate(OBJECTS, start=1):
        table += b"%010d 00000 n \n" % len(body)
        body += b"%d 0 obj %s endobj\n" % (number, content)
    tail = b"xref\n0 6\n%strailer << /Root 1 0 R /Size 6 >>\nstartxref\n%d\n%%%%EOF\n" % (table, len(body))
    return body + tail


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    docs = tmp_path / "docs"
    (docs / "deep" / ".hidden").mkdir(parents=True)
    (docs / "tea.md").write_text("# Tea\n\nTea is hot.\n\n## Water\n\nBoil it first.\n")
    (docs / "deep" / "ink.txt").write_bytes(b"\xef\xbb\xbfInk is made\r\nof soot.\r\n")
    (docs / "page.html").write_text("<h1>Bread</h1>\n<p>Bread is baked.</p>")
    (docs / "paper.pdf").write_bytes(pdf())
    (docs / "deep" / ".hidden" / "secret.md").write_text("unseen")
    (docs / "picture.png").write_bytes(b"\x89PNG")
    return docs


def test_every_kind_is_found_with_its_line(docs: Path) -> None:
    with DocumentStore(":memory:") as store:
        report = index_folder(store, docs)
        assert (report.written, report.removed, report.documents, report.problems) == (4, 0, 4, [])
        assert [p.citation for p in store.search("boil", 1)] == [f"{docs}/tea.md:7"]
        assert [p.title for p in store.search("boil", 1)] == ["Tea > Water"]
        assert [p.citation for p in store.search("soot", 1)] == [f"{docs}/deep/ink.txt:1-2"]
        assert [p.citation for p in store.search("baked", 1)] == [f"{docs}/page.html:2"]
        (saffron,) = store.search("saffron", 1)
        assert (saffron.title, saffron.citation) == ("paper > page 1", f"{docs}/paper.pdf:1")
        assert store.search("unseen", 1) == []


def test_only_what_changed_is_read_again(docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with DocumentStore(":memory:") as store:
        index_folder(store, docs)
        read: list[str] = []
        whole = module.read_document

        def spy(path: Path, folder: Path, config: ChunkConfig, digest: str) -> Document:
            read.append(path.name)
            return whole(path, folder, config, digest)

        monkeypatch.setattr(module, "read_document", spy)
        assert index_folder(store, docs).written == 0
        assert read == []
        (docs / "tea.md").write_text("# Tea\n\nTea is cold.\n")
        (docs / "page.html").unlink()
        report = index_folder(store, docs)
        assert (report.written, report.removed, read) == (1, 1, ["tea.md"])
        assert store.search("baked", 1) == store.search("hot", 1) == []


def test_what_cannot_be_read_is_told_and_the_rest_is_there(docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (docs / "latin.txt").write_bytes("fine\ncaf\xe9".encode("latin-1"))
    (docs / "broken.pdf").write_bytes(b"%PDF-1.4\nnothing")
    (docs / "huge.txt").write_text("x" * 2_000)
    (docs / os.fsdecode(b"n\xe9.txt")).write_text("a name in Latin-1")
    monkeypatch.setattr(module, "MOST_BYTES", 1_000)
    with DocumentStore(":memory:") as store:
        report = index_folder(store, docs)
        assert report.documents == 4
        told = "\n".join(map(str, report.problems))
        assert len(report.problems) == 4
        assert "a file name in UTF-8" in told
        assert "latin.txt:2\n  expected: text in UTF-8\n  got:      the byte 0xe9\n  do:       convert it" in told
        assert "broken.pdf\n  expected: a PDF that pypdf can read" in told
        assert "huge.txt\n  expected: a document of at most 1,000 bytes" in told


def test_no_folder(tmp_path: Path) -> None:
    with DocumentStore(":memory:") as store, pytest.raises(InputError, match="a folder of documents"):
        index_folder(store, tmp_path / "none")
