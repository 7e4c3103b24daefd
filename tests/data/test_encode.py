from pathlib import Path
from typing import Any

import pytest

from playbook.data import encode
from playbook.data.encode import WORLD_PARTS, encode_part, encode_rows, encode_text, vocabulary_texts
from playbook.data.text_source import DataConfig
from playbook.data.world.drills import DRILLS
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import write_jsonl
from playbook.text.special_tokens import ASSISTANT, DOC, END, USER
from playbook.text.tokenizer import CharTokenizer, TokenizerConfig, train_tokenizer

CHAT = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Ada."}]
ROWS: list[dict[str, Any]] = [{"id": "1", "text": "Ada is."}, {"id": "2", "messages": CHAT}]
CHARACTERS = CharTokenizer(" Ada is.Who?")


def test_the_world_becomes_documents(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "pretrain.jsonl", ROWS)
    text, chat = encode_part(DataConfig(), CHARACTERS, tmp_path, "county")
    assert CHARACTERS.decode(text.ids) == f"{DOC} Ada is.{END}"
    assert CHARACTERS.decode(chat.ids) == f"{DOC}{USER} Who?{END}{ASSISTANT} Ada.{END}"
    assert text.loss_mask.count(False) == 1
    assert chat.loss_mask.count(True) == len(" Ada.") + 1
    assert (text.text_bytes, chat.text_bytes) == (7, 4)


def test_each_row_goes_to_one_source(tmp_path: Path) -> None:
    rows = {
        "pretrain.jsonl": ["biography", "question"],
        "validation.jsonl": ["biography"],
        "drills.jsonl": list(DRILLS),
        "conversations.jsonl": ["reading_1", "search_2", "search_unknown_entity", "fact", "recall"],
    }
    for name, kinds in rows.items():
        write_jsonl(tmp_path / name, [{"kind": kind, "messages": CHAT} for kind in kinds])
    sizes = {part: len(list(encode_part(DataConfig(), CHARACTERS, tmp_path, part))) for part in WORLD_PARTS}
    assert sizes == {"county": 2, **dict.fromkeys(DRILLS, 1), "reading": 1, "search": 2, "talk": 2, "validation": 1}


def test_a_vocabulary_sees_what_will_be_encoded(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "pretrain.jsonl", ROWS)
    talk = [*CHAT[:-1], {**CHAT[-1], "reasoning_content": "Ada, who: Ada"}]
    write_jsonl(tmp_path / "conversations.jsonl", [{"messages": talk}])
    texts = list(vocabulary_texts(DataConfig(), TokenizerConfig(), tmp_path))
    assert texts[:3] == [" Ada is.", " Who?", " Ada."]
    assert set(texts[3:]) == {" Who?", " Ada, who: Ada", " Ada."}


def test_only_an_alphabet_sees_the_validation_text(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("train")
    (tmp_path / "validation.txt").write_text("held out")
    data = DataConfig("text")
    assert list(vocabulary_texts(data, TokenizerConfig("bpe"), tmp_path)) == ["train"]
    assert list(vocabulary_texts(data, TokenizerConfig("char"), tmp_path)) == ["train", "held out"]


@pytest.mark.parametrize("piece", [1, 10, 1 << 12])
def test_plain_text_in_pieces(piece: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "PIECE", piece)
    text = "éins zwei\ndrei vier\n\n fünf" * 5
    (tmp_path / "train.txt").write_text(text)
    for tokenizer in (CharTokenizer(text, False), train_tokenizer(TokenizerConfig("bpe", 270), [text])):
        pieces = list(encode_part(DataConfig("text"), tokenizer, tmp_path, "train"))
        ids = [token for part in pieces for token in part.ids]
        assert tokenizer.decode(ids) == text
        assert [loss for part in pieces for loss in part.loss_mask] == [False] + [True] * (len(ids) - 1)
        assert sum(part.text_bytes for part in pieces) == len(text.encode()) - tokenizer.byte_length(ids[0])


def test_pieces_of_a_long_line_are_bounded(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("a" * 100_000)
    assert max(len(part.ids) for part in encode_text(tmp_path / "t", CHARACTERS)) <= 2 * encode.PIECE


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": "3"}, r"rows\.jsonl:2(.|\n)*the keys id"),
        ({"text": 5}, r"rows\.jsonl:2"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, r"rows\.jsonl:2: messages\[0\]\.role"),
        ({"text": "Zoë"}, r"rows\.jsonl:2: the text at character 1(.|\n)*'Z'"),
    ],
)
def test_a_bad_row_is_named(row: dict[str, Any], message: str, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "rows.jsonl", [ROWS[0], row])
    with pytest.raises(InputError, match=message):
        list(encode_rows(tmp_path / "rows.jsonl", CHARACTERS))


def test_no_rows(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("")
    with pytest.raises(InputError, match="an empty file"):
        list(encode_rows(tmp_path / "rows.jsonl", CHARACTERS))
