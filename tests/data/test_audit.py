import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_world import TINY

from playbook.data.audit import MOST_COPIED, WINDOW, audit, audit_text
from playbook.data.world.facts import World, build_world
from playbook.data.world.generate import write_world
from playbook.data.world.questions import question_rows
from playbook.data.world.turns import assistant, user
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import read_jsonl, write_jsonl

Rows = list[dict[str, Any]]
WORLD: World = build_world(TINY)
C_PERSON, C_TOWN, C_EMPLOYER = (WORLD.of(kind, "C")[0].name for kind in ("person", "town", "employer"))
A_PERSON, B_PERSON = WORLD.of("person", "A")[0], WORLD.of("person", "B")[0].name
HELD_OUT = next(
    row["messages"][0]["content"] for row in question_rows(WORLD) if row["split"] == "A" and row["held_out"]
)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    write_world(TINY, folder)
    return folder


@pytest.fixture
def corpus(clean: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(clean, tmp_path / "corpus"))


def plant(corpus: Path, name: str, change: Callable[[Rows], object]) -> None:
    rows = list(read_jsonl(corpus / name))
    change(rows)
    write_jsonl(corpus / name, rows)


def chat(question: str, answer: str = "I don't know.") -> dict[str, Any]:
    return {"id": "planted", "kind": "x", "entities": [A_PERSON.id], "messages": [user(question), assistant(answer)]}


def pair(rejected: str) -> dict[str, Any]:
    return {"id": "planted", "prompt": [user("Who?")], "chosen": [assistant("Ada.")], "rejected": [assistant(rejected)]}


def test_a_clean_world_passes_and_says_what_it_has_seen(clean: Path) -> None:
    seen = audit(clean)
    rows = {path.name: len(list(read_jsonl(path))) for path in clean.glob("*.jsonl")}
    assert seen["schemas"] == sum(rows.values())
    trained = sum(
        rows[f"{name}.jsonl"]
        for name in ("pretrain", "validation", "drills", "conversations", "preferences", "rl_prompts")
    )
    assert seen["held_out_entities"] == seen["held_out_wordings"] == trained
    assert min(seen.values()) > 0


@pytest.mark.parametrize(
    ("name", "row", "culprit"),
    [
        ("pretrain.jsonl", {"id": "x", "text": f"Ada met {C_PERSON}."}, C_PERSON),
        ("pretrain.jsonl", {"id": "x", "text": f"Ada met {C_PERSON.upper()}'s dog."}, C_PERSON),
        ("validation.jsonl", {"id": "x", "text": f"She comes from {C_TOWN}."}, C_TOWN),
        ("conversations.jsonl", chat("Who employs Ada?", f"{C_EMPLOYER}."), C_EMPLOYER),
        ("drills.jsonl", {**chat("Who?", C_TOWN), "kind": "echo"}, C_TOWN),
        ("rl_prompts.jsonl", {"id": "x", "messages": [user("Who?")], "candidates": [C_PERSON]}, C_PERSON),
        ("preferences.jsonl", pair(f"{C_TOWN}."), C_TOWN),
        ("pretrain.jsonl", chat(f"Where was {B_PERSON} born?"), B_PERSON),
        ("conversations.jsonl", chat("Who is it?", f"{B_PERSON}."), B_PERSON),
        ("preferences.jsonl", pair(f"It is {B_PERSON}."), B_PERSON),
        ("pretrain.jsonl", chat(HELD_OUT), HELD_OUT),
        ("conversations.jsonl", chat("What is the hobby of Zoe Zander?"), "What is the hobby of Zoe Zander?"),
        ("conversations.jsonl", chat("Where was Ada born? Write JSON."), "Write JSON."),
        ("preferences.jsonl", {**pair("no"), "prompt": [user("Name my favourite drink.")]}, "Name my favourite drink."),
    ],
)
def test_a_planted_leak_is_named_with_file_and_line(corpus: Path, name: str, row: dict[str, Any], culprit: str) -> None:
    plant(corpus, name, lambda rows: rows.insert(4, row))
    with pytest.raises(InputError, match=f"{name}:5") as caught:
        audit(corpus)
    assert culprit in str(caught.value)


def test_a_b_biography_is_no_leak(corpus: Path) -> None:
    plant(corpus, "pretrain.jsonl", lambda rows: rows.append({"id": "x", "text": f"{B_PERSON} was born."}))
    audit(corpus)


def test_half_a_name_is_no_leak(corpus: Path) -> None:
    first, last = C_PERSON.split()
    text = f"{first} likes tea. {last} too. {last} {first}, {C_TOWN}er."
    plant(corpus, "pretrain.jsonl", lambda rows: rows.append({"id": "x", "text": text}))
    audit(corpus)


def changed(key: str, value: object) -> Callable[[Rows], None]:
    def change(rows: Rows) -> None:
        rows[2][key] = value

    return change


def spelling(rows: Rows) -> dict[str, Any]:
    """An answer in the drill of spelling."""
    spelt = [row["messages"] for row in rows if "answer style: " in row["messages"][0]["content"]]
    answer: dict[str, Any] = spelt[-1][1]
    return answer


@pytest.mark.parametrize(
    ("name", "change", "names"),
    [
        ("questions.jsonl", changed("answer", "Atlantis."), "questions.jsonl:3"),
        ("questions.jsonl", changed("answer", "I don't know."), "questions.jsonl:3"),
        (
            "pretrain.jsonl",
            lambda rows: rows.insert(2, chat("Where was Ada Bell born?", "Atlantis.")),
            "pretrain.jsonl:3",
        ),
        ("agent_tasks.jsonl", changed("answer", "Atlantis."), "agent_tasks.jsonl:3"),
        ("agent_tasks.jsonl", changed("passages", ["p999-d0"]), "p999-d0"),
        ("conversations.jsonl", changed("id", "s00001"), "conversations.jsonl:3: id"),
        ("conversations.jsonl", changed("messages", []), "conversations.jsonl:3: messages"),
        ("sessions.jsonl", changed("questions", [chat("Who?")]), r"sessions.jsonl:3: questions\[0\]"),
        ("documents.jsonl", changed("text", ""), "documents.jsonl:3: text"),
        ("drills.jsonl", lambda rows: rows[2]["messages"][1].update(content="baker baker"), "drills.jsonl:3"),
        ("drills.jsonl", lambda rows: rows[60]["messages"][2].update(content="bak."), r"drills\.jsonl:61"),
        (
            "drills.jsonl",
            lambda rows: rows[60]["messages"][2].update(content="bak.", reasoning_content="Ada Bell, job: bak"),
            r"drills\.jsonl:61(.|\n)*'?bak",
        ),
        ("drills.jsonl", lambda rows: spelling(rows).update(content="Vet."), r"drills(.|\n)*answer style: "),
    ],
)
def test_a_false_answer_or_a_broken_row_is_named(
    corpus: Path, name: str, change: Callable[[Rows], object], names: str
) -> None:
    plant(corpus, name, change)
    with pytest.raises(InputError, match=names):
        audit(corpus)


def test_a_fact_that_moved_makes_its_question_false(corpus: Path) -> None:
    newer = {"entity": A_PERSON.id, "attribute": "job", "value": "mime", "date": "2030-01-01"}
    plant(corpus, "facts.jsonl", lambda rows: rows.append(newer))
    with pytest.raises(InputError, match="mime"):
        audit(corpus)


def test_a_copied_validation_text_is_named(corpus: Path) -> None:
    text = next(read_jsonl(corpus / "validation.jsonl"))["text"]
    plant(corpus, "pretrain.jsonl", lambda rows: rows.append({"id": "x", "text": text}))
    with pytest.raises(InputError, match=r"validation\.jsonl:1"):
        audit(corpus)


def noise(seed: int, size: int) -> str:
    return "".join(random.Random(seed).choices("abcdefghij \n", k=size))


def test_plain_text_without_copies_passes(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text(noise(1, 30_000))
    (tmp_path / "validation.txt").write_text(noise(2, 10_000))
    assert audit_text(tmp_path) == (0, 10_000 // WINDOW)


def test_a_few_copied_windows_are_counted_and_many_are_refused(tmp_path: Path) -> None:
    held_out = noise(2, 10_000)
    (tmp_path / "validation.txt").write_text(held_out)
    allowed = int(MOST_COPIED * 10_000)
    (tmp_path / "train.txt").write_text(noise(1, 777) + held_out[:allowed] + noise(3, 777))
    assert audit_text(tmp_path) == (allowed // WINDOW, 10_000 // WINDOW)
    (tmp_path / "train.txt").write_text(noise(1, 777) + held_out + noise(3, 777))
    with pytest.raises(InputError, match="50 of 50 windows"):
        audit_text(tmp_path)


def test_missing_or_empty_or_binary_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("some text")
    with pytest.raises(InputError, match=r"validation.txt"):
        audit_text(tmp_path)
    for content in (b"", b"\x00\x01", b"\xff\xfe"):
        (tmp_path / "validation.txt").write_bytes(content)
        with pytest.raises(InputError, match=r"validation.txt"):
            audit_text(tmp_path)


def test_a_short_validation_text_is_looked_at_whole(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("to be or not to be")
    (tmp_path / "validation.txt").write_text("not to")
    assert audit_text(tmp_path) == (1, 1)
