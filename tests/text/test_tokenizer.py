import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbook.plumbing.errors import InputError
from playbook.text.special_tokens import END, PAD, SPECIAL_TOKENS
from playbook.text.tokenizer import (
    BPETokenizer,
    CharTokenizer,
    Tokenizer,
    TokenizerConfig,
    load_tokenizer,
    train_tokenizer,
)

TEXTS = [" Ada was born in London.", " Where was Ada born?", " Ada was born in London, in 1815."] * 3
BPE_CONFIG = TokenizerConfig("bpe", 300)


@pytest.fixture(scope="module")
def bpe() -> Tokenizer:
    return train_tokenizer(BPE_CONFIG, TEXTS)


@pytest.fixture(scope="module")
def char() -> Tokenizer:
    return train_tokenizer(TokenizerConfig("char"), TEXTS)


@given(text=st.text())
def test_bpe_round_trip(bpe: Tokenizer, text: str) -> None:
    ids = bpe.encode(text)
    assert bpe.decode(ids) == text
    assert sum(map(bpe.byte_length, ids)) == len(text.encode())


@given(text=st.text(alphabet=sorted(set("".join(TEXTS)))))
def test_char_round_trip(char: Tokenizer, text: str) -> None:
    ids = char.encode(text)
    assert char.decode(ids) == text
    assert len(ids) == len(text)


@given(text=st.lists(st.sampled_from([*SPECIAL_TOKENS, " ", "Ada", "\n"])).map("".join))
def test_no_text_yields_a_special_token(bpe: Tokenizer, text: str) -> None:
    assert min(bpe.encode(text), default=99) >= len(SPECIAL_TOKENS)
    assert bpe.decode(bpe.encode(text)) == text


@pytest.mark.parametrize("kind", ["bpe", "char"])
def test_special_tokens_have_their_ids_and_names(kind: str, request: pytest.FixtureRequest) -> None:
    tokenizer: Tokenizer = request.getfixturevalue(kind)
    assert tokenizer.has_specials
    assert [tokenizer.id_of(name) for name in SPECIAL_TOKENS] == list(range(len(SPECIAL_TOKENS)))
    assert tokenizer.decode([tokenizer.id_of(END), *tokenizer.encode("Ada")]) == "<|end|>Ada"
    assert tokenizer.byte_length(tokenizer.id_of(PAD)) == 0


def test_a_name_inside_a_sentence_is_one_token(bpe: Tokenizer) -> None:
    assert len(bpe.encode(" Ada")) == len(bpe.encode(" London")) == 1
    assert bpe.vocab_size <= 300


def test_encode_batch_is_encode(bpe: Tokenizer, char: Tokenizer) -> None:
    for tokenizer in (bpe, char):
        assert tokenizer.encode_batch(TEXTS) == [tokenizer.encode(text) for text in TEXTS]


def test_char_ids_are_the_sorted_alphabet() -> None:
    plain = CharTokenizer("banana", specials=False)
    assert (plain.vocab_size, plain.encode("ban"), plain.characters) == (3, [1, 0, 2], "abn")
    assert CharTokenizer("banana").encode("ban") == [13, 12, 14]
    assert plain.byte_length(0) == 1
    assert CharTokenizer("é", specials=False).byte_length(0) == 2


def test_a_character_outside_the_alphabet_is_named_with_its_position() -> None:
    with pytest.raises(InputError, match=r"character 3\n.*3 characters.*\n.*'é' \(U\+00E9\)"):
        CharTokenizer("abn").encode("bané")


def test_half_a_surrogate_pair_is_refused(bpe: Tokenizer) -> None:
    with pytest.raises(InputError, match=r"text 1 at character 2(.|\n)*surrogate"):
        bpe.encode_batch(["fine", "ab\ud800"])


@pytest.mark.parametrize("specials", [True, False])
@pytest.mark.parametrize("kind", ["bpe", "char"])
def test_save_and_load(kind: str, specials: bool, tmp_path: Path) -> None:
    config = TokenizerConfig("bpe" if kind == "bpe" else "char", 300, specials)
    tokenizer = train_tokenizer(config, TEXTS)
    tokenizer.save(tmp_path / "tokenizer.json")
    loaded = load_tokenizer(tmp_path / "tokenizer.json")
    text = " Ada in London" + "<|end|>" * (kind == "bpe")
    assert type(loaded) is type(tokenizer)
    assert (loaded.vocab_size, loaded.has_specials) == (tokenizer.vocab_size, specials)
    assert loaded.encode(text) == tokenizer.encode(text)
    assert loaded.decode(loaded.encode(text)) == text
    loaded.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "tokenizer.json").read_bytes()


def test_training_twice_gives_the_same_file(tmp_path: Path) -> None:
    for name in ("one.json", "two.json"):
        train_tokenizer(BPE_CONFIG, iter(TEXTS)).save(tmp_path / name)
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


def test_transformers_reads_the_saved_file(bpe: Tokenizer, tmp_path: Path) -> None:
    assert isinstance(bpe, BPETokenizer)
    bpe.save(tmp_path / "tokenizer.json")
    added = json.loads((tmp_path / "tokenizer.json").read_text())["added_tokens"]
    assert [token["content"] for token in added] == SPECIAL_TOKENS
    assert all(token["special"] for token in added)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"kind": "char"}', "another JSON"),
        ("[]", "another JSON"),
        ('{"model": {"type": "WordPiece"}}', "another JSON"),
        ('{"model": {"type": "BPE"}}', "tokenizer.json of the library"),
        ('{"model', "a JSON file"),
    ],
)
def test_a_foreign_or_broken_file_is_refused(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(InputError, match=f"{message}(.|\n)*dvc repro -f tokenizer"):
        load_tokenizer(tmp_path / "tokenizer.json")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_tokenizer(tmp_path / "tokenizer.json")


def test_without_specials_no_special_id() -> None:
    for tokenizer in (CharTokenizer("ab", False), train_tokenizer(TokenizerConfig("bpe", 256, False), ["ab"])):
        assert not tokenizer.has_specials
        with pytest.raises(InputError, match="specials: true"):
            tokenizer.id_of(END)


@pytest.mark.parametrize(("size", "specials"), [(265, True), (255, False), (65537, True)])
def test_a_vocabulary_of_impossible_size_is_refused(size: int, specials: bool) -> None:
    with pytest.raises(InputError, match="vocab_size"):
        TokenizerConfig("bpe", size, specials)
