"""Our BPE against the library that does the work: the same merges in the same order, the same encodings."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import pre_tokenizers

from playbook.text.bpe import ALPHABET, BPE, PRINTABLE, merge, train
from playbook.text.tokenizer import BPETokenizer, TokenizerConfig, train_tokenizer

NAME = dict(zip((t[0] for t in ALPHABET), [*map(chr, PRINTABLE), *map(chr, range(0x100, 0x144))], strict=True))
"""byte -> the character that GPT-2, and so the library, writes for it."""

ENGLISH = [
    "low low lower lowest",
    "It's the widest, isn't it? 1984, 2026!",
    "new newer newest\n\n  two  spaces",
    "Zoë's café",
]

TRAINED = train(ENGLISH, 280)


def library(texts: list[str], vocab_size: int) -> BPETokenizer:
    tokenizer = train_tokenizer(TokenizerConfig("bpe", vocab_size, specials=False), texts)
    assert isinstance(tokenizer, BPETokenizer)
    return tokenizer


def library_merges(tokenizer: BPETokenizer) -> list[tuple[str, str]]:
    return [(left, right) for left, right in json.loads(tokenizer._library.to_str())["model"]["merges"]]


def named_merges(bpe: BPE) -> list[tuple[str, str]]:
    def name(token: int) -> str:
        return "".join(NAME[byte] for byte in bpe.vocabulary[token])

    return [(name(left), name(right)) for left, right in bpe.merges]


def test_the_alphabet_is_the_librarys() -> None:
    assert sorted(NAME.values()) == sorted(pre_tokenizers.ByteLevel.alphabet())


@pytest.mark.parametrize(
    "texts", [ENGLISH * 3, ["abab baba aabb"] * 2, ["aaaaaaa aaaa aaa"] * 2, ["日本語 日本 ½ Ünïcödé"] * 2]
)
def test_equals_the_library(texts: list[str]) -> None:
    ours, theirs = train(texts, 320), library(texts, 320)
    assert named_merges(ours) == library_merges(theirs)
    assert len(ours.vocabulary) == theirs.vocab_size
    for text in [*texts, " ".join(ENGLISH), "unseen words, 42 of them"]:
        assert ours.encode(text) == theirs.encode(text)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(alphabet="ab c'd1.\n", max_size=30), min_size=1, max_size=4), st.text(alphabet="ab c'd1.\n"))
def test_equals_the_library_where_ties_abound(texts: list[str], text: str) -> None:
    ours, theirs = train(texts * 2, 280), library(texts * 2, 280)
    assert named_merges(ours) == library_merges(theirs)
    assert ours.encode(text) == theirs.encode(text)


def test_equals_the_library_on_a_random_corpus() -> None:
    rng = random.Random(0)
    texts = ["".join(rng.choices("etaoin shrdlu", k=200)) for _ in range(20)]
    assert named_merges(train(texts, 420)) == library_merges(library(texts, 420))


@given(st.text())
def test_round_trip(text: str) -> None:
    assert TRAINED.decode(TRAINED.encode(text)) == text


def test_a_tie_goes_to_the_smallest_ids() -> None:
    assert list(train(["ba ca ba ca"], 257).merges) == [(ALPHABET.index(b"b"), ALPHABET.index(b"a"))]


def test_stops_when_no_pair_is_frequent() -> None:
    assert len(train(["abc"], 300).vocabulary) == 256
    assert len(train(["abc"], 300, min_frequency=1).vocabulary) == 258


def test_merge_goes_from_the_left() -> None:
    assert merge([1, 1, 1], (1, 1), 9) == [9, 1]
