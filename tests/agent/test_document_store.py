"""The store: whole documents or none, also after a kill; a query is words and never syntax; clear complaints."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from playbook.agent.document_store import DocumentStore
from playbook.agent.passages import Chunk, Document
from playbook.plumbing.errors import InputError
from playbook.plumbing.paths import ROOT

TEA = Document("tea", "Tea", "Tea is made of leaves.", "notes/tea.md", metadata={"year": 2014})
INK = Document("ink", "Ink", "Ink is made of soot.")


@pytest.fixture
def store() -> Iterator[DocumentStore]:
    with DocumentStore(":memory:") as opened:
        opened.add([TEA, INK])
        yield opened


def found(store: DocumentStore, query: str) -> list[str]:
    return [passage.document for passage in store.search(query, 10)]


def test_finds_by_stem_and_says_where(store: DocumentStore) -> None:
    (passage,) = store.search("a leave", 5)
    assert (passage.document, passage.title, passage.citation) == ("tea", "Tea", "notes/tea.md:1")
    assert passage.score > 0
    assert found(store, "made") == ["tea", "ink"]
    assert len(store.search("made", 1)) == 1
    assert store.search("made", 0) == []


def test_the_title_counts_more() -> None:
    with DocumentStore(":memory:") as store:
        store.add(
            [Document("a", "Soot", "It is black as tea is not."), Document("b", "Tea", "It is not black as soot.")]
        )
        assert found(store, "tea")[0] == "b"


def test_context_is_searched_but_not_shown() -> None:
    with DocumentStore(":memory:") as store:
        store.add([Document("t", "Talk", "", chunks=[Chunk("Yes, twice.", 3, 3, context="Did you swim?")])])
        (passage,) = store.search("swim", 1)
        assert passage.text == "Yes, twice."


@pytest.mark.parametrize(
    "query",
    [
        "",
        "   ",
        '"',
        '""',
        "*",
        "AND",
        "NOT",
        "NEAR(",
        "()",
        "^",
        ":",
        "-",
        "title:",
        "'; DROP TABLE chunks",
        "\0",
        "\ud800",
        "🙂",
    ],
)
def test_no_query_breaks_out_of_its_quotes(store: DocumentStore, query: str) -> None:
    assert found(store, query) == []
    assert found(store, f"{query} soot") == ["ink"]


def test_operators_are_words(store: DocumentStore) -> None:
    assert found(store, "leaves NOT tea") == ["tea"]
    assert found(store, 'title:"ink" AND soot*') == ["ink"]
    assert found(store, "NEAR(soot leaves, 1)") == ["tea", "ink"] or found(store, "NEAR(soot leaves, 1)") == [
        "ink",
        "tea",
    ]


def test_a_page_as_a_query_is_cut(store: DocumentStore) -> None:
    assert found(store, "soot " + " ".join(f"w{i}" for i in range(100_000))) == ["ink"]


def test_unchanged_documents_are_skipped_and_changed_ones_replaced_whole(store: DocumentStore) -> None:
    revision = store.revision
    assert store.add([TEA, INK]) == 0
    assert store.revision == revision
    changed = Document("tea", "Tea", "Tea comes from Assam.", "notes/tea.md")
    assert store.add([changed, INK]) == 1
    assert store.revision > revision
    assert (len(store), found(store, "leaves"), found(store, "Assam")) == (2, [], ["tea"])


def test_the_last_of_two_versions_in_one_run_counts() -> None:
    with DocumentStore(":memory:") as store:
        store.add([Document("a", "", "first"), Document("a", "", "second")])
        assert (found(store, "first"), found(store, "second"), len(store)) == ([], ["a"], 1)
        store.add([Document("a", "", "third"), Document("a", "", "second")])
        assert (found(store, "third"), found(store, "second"), len(store)) == ([], ["a"], 1)


def test_removed_is_never_found_again(store: DocumentStore) -> None:
    assert store.remove("tea")
    assert not store.remove("tea")
    assert (found(store, "leaves"), len(store), store.ids()) == ([], 1, ["ink"])


def test_a_number_is_never_given_to_another_chunk(store: DocumentStore) -> None:
    before = store.rank("soot", 1)
    store.remove("ink")
    store.add([Document("new", "", "Soot again, and more of it.")])
    assert store.passages(before) == []
    assert found(store, "soot") == ["new"]


def test_provenance_is_kept(store: DocumentStore) -> None:
    kept = store.metadata("tea")
    assert kept is not None
    assert (kept["year"], kept["path"], kept["content_hash"]) == (2014, "notes/tea.md", TEA.content_hash)
    assert abs(kept["indexed_at"] - time.time()) < 60
    assert store.metadata("nobody") is None


def test_ten_megabytes_in_one_document(tmp_path: Path) -> None:
    text = "\n\n".join(f"paragraph{i} of many, about nothing" + " at all" * 70 for i in range(20_000))
    assert len(text) > 10_000_000
    with DocumentStore(tmp_path / "big.db") as store:
        store.add([Document("big", "Big", text, "big.txt")])
        (passage,) = store.search("paragraph12345", 3)
        first, last = passage.first_line, passage.last_line
        assert "paragraph12345 " in "\n".join(text.split("\n")[first - 1 : last])
        assert len(passage.text.split()) <= 120


def test_half_a_surrogate_pair_is_told_by_document() -> None:
    with DocumentStore(":memory:") as store, pytest.raises(InputError, match="document 'bad': text, character 2"):
        store.add([TEA, Document("bad", "Bad", "ab\ud800")])
    with DocumentStore(":memory:") as store:
        with pytest.raises(InputError):
            store.add([TEA, Document("bad", "Bad", "ab\ud800")])
        assert found(store, "leaves") == ["tea"]  # what came before it is kept


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"this is not SQLite at all, not by a long way" * 100)
    with pytest.raises(InputError, match=r"expected: a whole document store[\s\S]*delete .*store.db .* and make"):
        DocumentStore(path)


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE theirs (x)")
    with pytest.raises(InputError, match="a document store of version 1"):
        DocumentStore(tmp_path / "other.db")


def test_a_torn_database(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with DocumentStore(path) as store:
        store.add(Document(str(i), "", f"word{i} tea " * 200) for i in range(200))
    size = path.stat().st_size
    with open(path, "r+b") as handle:  # everything after the first page
        handle.seek(4096)
        handle.write(b"\xff" * (size - 4096))
    with pytest.raises(InputError, match="make the document store again"):
        DocumentStore(path).search("tea", 5)


def test_a_locked_database(tmp_path: Path) -> None:
    with DocumentStore(tmp_path / "store.db", timeout=0.05) as store:
        store.add([TEA])
        other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(InputError, match="nobody else has locked"):
            store.add([INK])
        assert found(store, "leaves") == ["tea"]  # reading goes on
        other.execute("ROLLBACK")
        other.close()
        assert store.add([INK]) == 1


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can be read and written"):
        DocumentStore(tmp_path)


INDEXER = """
import sys
from playbook.agent import document_store
from playbook.agent.passages import Chunk, Document
document_store.BATCH_CHARACTERS = 60_000
def document(i):
    return Document(str(i), "", "", chunks=[Chunk(f"part{j} of number{i} " + "filler " * 40, j, j) for j in range(20)],
                    digest=str(i))
def tell(document):
    print(document.id, flush=True)
with document_store.DocumentStore(sys.argv[1]) as store:
    print("written", store.add((document(i) for i in range(int(sys.argv[2]))), done=tell), flush=True)
"""


def test_a_killed_run_loses_nothing_and_leaves_no_half_document(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}

    def run(count: int) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", INDEXER, str(path), str(count)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)

    told: list[str] = []
    for _ in range(3):  # three times, further each time
        process = run(100_000)
        assert process.stdout is not None
        for new, line in enumerate(process.stdout, start=1):
            told.append(line.strip())
            if new == 150:
                process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        process.stdout.close()
        with DocumentStore(path) as store:
            ids = store.ids()
            assert set(told) <= set(ids)
            chunks: dict[str, int] = {}
            for _, _, text, _ in store.chunks():
                chunks[text.split()[2]] = chunks.get(text.split()[2], 0) + 1
            assert chunks == {f"number{id}": 20 for id in ids}
            assert {passage.document for passage in store.search(f"number{told[-1]}", 30)} == {told[-1]}
    assert len(told) == len(set(told))  # nothing was written twice
    with DocumentStore(path) as store:
        before = len(store)
    process = run(before + 10)
    output, _ = process.communicate()
    assert output.split("\n")[-2] == "written 10"


def test_two_open_at_once_see_each_others_documents(tmp_path: Path) -> None:
    with DocumentStore(tmp_path / "store.db") as first, DocumentStore(tmp_path / "store.db") as second:
        first.add([TEA])
        assert found(second, "leaves") == ["tea"]
        second.remove("tea")
        assert found(first, "leaves") == []


def test_in_a_large_store_common_words_do_not_make_a_query_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playbook.agent.document_store.MOST_MATCHES", 10)
    with DocumentStore(":memory:") as store:
        store.add(Document(str(i), "", f"common number{i} {'pair' if i < 5 else ''}") for i in range(40))
        assert len(store.search("common number7", 40)) == 1
        assert len(store.search("common pair", 40)) == 5
        assert len(store.search("common", 40)) == 40  # nothing rarer to go by
