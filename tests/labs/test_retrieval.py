"""The study of retrieval: collections are read as they are meant, scores and verdicts follow by hand."""

import io
import json
import tarfile
from hashlib import sha256
from pathlib import Path

import pytest
from scipy.special import bdtr

from labs.retrieval import fetch
from labs.retrieval.cacm import measure
from labs.retrieval.collections import TurnText, around, observed_turns, read_cacm, read_locomo, read_notes
from labs.retrieval.locomo import measure as measure_talk
from labs.retrieval.locomo import scored, within
from labs.retrieval.report import verdict
from labs.retrieval.speed import made_up, quantile
from playbook.agent.chunking import ChunkConfig
from playbook.agent.document_store import DocumentStore
from playbook.agent.passages import Passage
from playbook.data.mirror import Source
from playbook.plumbing.errors import InputError
from playbook.plumbing.metrics import Measurement
from playbook.plumbing.paths import ROOT

PAGE = """<html>
<pre>


On {0}

About {0} and
its uses.

CACM May, 1964

Bell, A.

981\t5\t981
981\t5\t77

</pre></html>"""


@pytest.fixture
def cacm(tmp_path: Path) -> Path:
    with tarfile.open(tmp_path / "cacm.tar.gz", "w:gz") as archive:
        for number, word in enumerate(["tea", "ink"], start=1):
            content = PAGE.format(word).encode("latin-1")
            entry = tarfile.TarInfo(f"./CACM-{number:04}.html")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    topics = "".join(
        f"<DOC>\n<DOCNO> {n} </DOCNO>\n\n {text}\n</DOC>\n" for n, text in ((1, "ink?"), (2, "x"), (3, "tea"))
    )
    (tmp_path / "topics.cacm.txt").write_text(topics)
    (tmp_path / "qrels.cacm.txt").write_text("1 Q0 CACM-0002 1\n3 Q0 CACM-0001 1\n")
    return tmp_path


def test_cacm_has_titles_texts_and_judged_topics_only(cacm: Path) -> None:
    documents, topics = read_cacm(cacm)
    assert [(d.id, d.title) for d in documents] == [("CACM-0001", "On tea"), ("CACM-0002", "On ink")]
    assert documents[0].text == "About tea and\nits uses.\n\nCACM May, 1964\n\nBell, A."
    assert [(t.id, t.text, dict(t.judged)) for t in topics] == [
        ("1", "ink?", {"CACM-0002": 1}),
        ("3", "tea", {"CACM-0001": 1}),
    ]
    with DocumentStore(":memory:") as store:
        store.add(documents)
        rows = list(measure(store, {1: "CACM-0001", 2: "CACM-0002"}, topics))
    assert [(row["map"], row["P@30"]) for row in rows] == [(1.0, 1 / 30)] * 2


TALK = {
    "sample_id": "talk",
    "conversation": {
        "session_1_date_time": "1:56 pm on 8 May, 2023",
        "session_1": [
            {"speaker": "Ada", "dia_id": "D1:1", "text": "Did you swim?"},
            {"speaker": "Bo", "dia_id": "D1:2", "text": "Twice.", "blip_caption": "a photo of a lake"},
        ],
        "session_2_date_time": "2:00 pm on 9 June, 2023",
        "session_2": [{"speaker": "Ada", "dia_id": "D2:1", "text": "I baked bread."}],
        "session_3_date_time": "never held",
    },
    "observation": {
        "session_1_observation": {"Bo": [["Bo swam in a lake.", "D1:2"]]},
        "session_2_observation": {"Ada": [["Ada baked.", ["D2:1"]]]},
    },
    "session_summary": {"session_1_summary": "They swim.", "session_2_summary": "Bread."},
    "qa": [
        {"question": "Where did Bo swim?", "evidence": ["D1:2"], "category": 1},
        {"question": "Both?", "evidence": ["D:1:1; D2:1", "D9:9"], "category": 4},
        {"question": "Nothing?", "evidence": ["D"], "category": 4},
    ],
}


def test_a_conversation_is_indexed_by_turns_with_their_surroundings(tmp_path: Path) -> None:
    (tmp_path / "locomo.json").write_text(json.dumps([TALK]))
    (talk,) = read_locomo(tmp_path / "locomo.json", TurnText(window=1))
    first, second = talk.sessions
    assert [(c.text, c.context, c.first_line) for c in first.chunks or ()] == [
        ("Ada: Did you swim?", "Bo: Twice. [a photo of a lake]", 1),
        ("Bo: Twice. [a photo of a lake]", "Ada: Did you swim?", 2),
    ]
    assert (first.id, first.title, second.title) == ("D1", "8 May, 2023", "9 June, 2023")
    assert [list(topic.judged) for topic in talk.topics] == [["D1:2"], ["D1:1", "D2:1"]]
    assert observed_turns(tmp_path / "locomo.json")["talk", "D2", 1] == ["D2:1"]
    rows = {row["arm"]: row for row in measure_talk(talk, "verbatim", ("fts5",), None) if row["question"] == "talk-0"}
    assert (rows["fts5"]["turn_recall@5"], rows["fts5"]["session_recall@5"]) == (1, 1)
    rows = {row["arm"]: row for row in measure_talk(talk, "summary", ("fts5",), None) if row["question"] == "talk-0"}
    assert rows["fts5"]["session_recall@5"] == 1
    assert "turn_recall@5" not in rows["fts5"]


def test_a_window_ends_with_the_session() -> None:
    assert around(["a", "b", "c", "d"], 0, 2) == ["b", "c"]
    assert around(["a", "b", "c", "d"], 2, 2) == ["a", "b", "d"]


def passage(session: str, line: int, text: str) -> Passage:
    return Passage(session, "t", text, "", line, line, 1.0)


def test_recall_by_rank_and_budget(tmp_path: Path) -> None:
    (tmp_path / "locomo.json").write_text(json.dumps([TALK]))
    (talk,) = read_locomo(tmp_path / "locomo.json", TurnText())
    found = [passage("D1", 2, "x " * 300), passage("D1", 1, "y"), passage("D2", 1, "z")]
    scores = scored(found, [["D1:2"], ["D1:1"], ["D2:1"]], talk.topics[1], with_turns=True)
    assert (scores["turn_recall@5"], scores["session_recall@5"]) == (1, 1)
    assert (scores["turn_recall_in_256"], scores["turn_recall_in_512"]) == (0, 1)  # the first passage fills 256 alone
    assert [within(found, budget) for budget in (256, 302, 305, 308)] == [0, 1, 2, 3]
    assert scored([], [], talk.topics[1], with_turns=True)["turn_recall_in_2048"] == 0


def test_every_question_about_our_pages_has_its_passage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    documents, topics = read_notes(Path("labs/retrieval/questions.jsonl"), ChunkConfig())
    assert len(topics) >= 20
    assert {id.partition(":")[0] for topic in topics for id in topic.judged} == {d.id for d in documents}
    (tmp_path / "questions.jsonl").write_text(
        json.dumps({"file": "README.md", "question": "?", "quote": "never written"})
    )
    with pytest.raises(InputError, match=r"questions.jsonl:1\n  expected: a quote from one passage of README.md"):
        read_notes(tmp_path / "questions.jsonl", ChunkConfig())


def test_of_the_public_conversations_the_first_five_are_kept(tmp_path: Path) -> None:
    (tmp_path / "all.json").write_text(json.dumps([{"n": n, "ä": "ö"} for n in range(10)]))
    content = json.dumps([{"n": n, "ä": "ö"} for n in range(5)], ensure_ascii=False).encode()
    source = Source("five.json", (tmp_path / "all.json").as_uri(), sha256(content).hexdigest())
    fetch.fetch_first_conversations(source, tmp_path / "five.json")
    assert (tmp_path / "five.json").read_bytes() == content
    with pytest.raises(InputError, match="PLAYBOOK_DATA_MIRROR"):
        fetch.fetch_first_conversations(Source("five.json", source.url, "0" * 64), tmp_path / "other.json")
    with pytest.raises(InputError, match="PLAYBOOK_DATA_MIRROR"):
        fetch.fetch_first_conversations(Source("a", (tmp_path / "none").as_uri(), "0" * 64), tmp_path / "other.json")


@pytest.mark.parametrize(
    ("target", "at_most", "expected"),
    [
        (0.3, False, ("PASS", False)),
        (0.45, False, ("PASS", True)),
        (0.6, False, ("FAIL", False)),
        (0.55, True, ("PASS", True)),
    ],
)
def test_verdicts(target: float, at_most: bool, expected: tuple[str, bool]) -> None:
    row = verdict("x", Measurement(0.5, (0.4, 0.6), 9).to_json(), target, at_most)
    assert (row["verdict"], row["interval_reaches_past_target"]) == expected


def test_quantiles_stand_in_intervals_between_two_values() -> None:
    found = quantile([float(i) for i in range(400)], 0.95)
    assert found.value == pytest.approx(379.05)
    low, high = found.ci95  # values are their own positions: binomial tails of at most 2.5%, and of more one further in
    assert bdtr(low, 400, 0.95) <= 0.025 < bdtr(low + 1, 400, 0.95)
    assert bdtr(high - 1, 400, 0.95) < 0.975 <= bdtr(high, 400, 0.95)
    few = quantile([1.0, 2.0, 3.0], 0.95)
    assert (few.value, few.ci95) == (2.9, (2.0, 3.0))


def test_made_up_documents_are_the_same_each_time() -> None:
    first, second = list(made_up(3, 7)), list(made_up(3, 7))
    assert first == second
    assert [len(text.split()) for _, text in first] == [7, 7, 7]
