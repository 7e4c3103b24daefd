"""The dense leg: closed forms of its loss, padding that nobody sees, and texts that training brings together."""

import math
import random
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from playbook.agent.dense import Dense, DenseConfig, GPTEncoder, SentenceEncoder, cloze, info_nce, train_encoder
from playbook.agent.document_store import DocumentStore
from playbook.agent.passages import Document
from playbook.model.gpt import GPTMini, ModelConfig
from playbook.plumbing.errors import InputError
from playbook.text.tokenizer import Tokenizer, TokenizerConfig, train_tokenizer

TOPICS = [["tea", "leaf", "cup", "kettle", "hot"], ["ship", "sail", "mast", "harbour", "crew"]]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer(TokenizerConfig(kind="char"), ["abcdefghijklmnopqrstuvwxyz ?!1234567890"])


def model(tokenizer: Tokenizer) -> GPTMini:
    torch.manual_seed(1)
    return GPTMini(ModelConfig(context=64, layers=1, width=32, heads=2), tokenizer.vocab_size)


def test_the_loss_of_equal_vectors_is_the_log_of_the_batch() -> None:
    same = F.normalize(torch.ones(7, 5), dim=-1)
    assert info_nce(same, same, 0.05).item() == pytest.approx(math.log(7), rel=1e-5)


def test_the_loss_of_perfect_pairs() -> None:
    own = torch.eye(3)
    expected = math.log(1 + 2 * math.exp(-1 / 0.5))
    assert info_nce(own, own, 0.5).item() == pytest.approx(expected, rel=1e-5)


def test_padding_changes_no_vector_and_every_vector_has_length_one(tokenizer: Tokenizer) -> None:
    encoder = GPTEncoder(model(tokenizer), tokenizer, context=64)
    together = encoder.encode(["tea", "a much longer text about ships", ""])
    alone = encoder.encode(["tea"])
    assert np.allclose(together[0], alone[0], atol=1e-6)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)


def test_a_span_and_the_rest_make_up_the_text() -> None:
    rng, text = random.Random(1), "one two three four five six seven eight"
    kept = 0
    for _ in range(300):
        span, rest = cloze(rng, text, 3)
        assert span in text
        assert len(span.split()) == 3
        kept += rest == text
        if rest != text:
            assert sorted(f"{span} {rest}".split()) == sorted(text.split())
    assert 10 < kept < 60  # a tenth
    assert cloze(rng, "alone", 3) == ("alone", "alone")


def test_training_brings_texts_of_one_topic_together(tokenizer: Tokenizer) -> None:
    rng = random.Random(2)
    texts = [" ".join(rng.choices(topic, k=12)) for topic in TOPICS * 20]
    encoder, losses = train_encoder(model(tokenizer), tokenizer, texts, DenseConfig(steps=30, batch=8, context=48), 1)
    assert len(losses) == 30
    assert np.mean(losses[-5:]) < np.mean(losses[:3])
    with DocumentStore(":memory:") as store:
        store.add(Document(str(i), "", " ".join(rng.choices(topic, k=8))) for i, topic in enumerate(TOPICS * 5))
        leg = Dense.of_store(store, encoder)
        found = [p.document for p in store.passages(leg.rank("kettle cup tea", 5))]
        assert sum(int(id) % 2 == 0 for id in found) >= 4
        assert leg.rank("?!", 5) == []
        assert len(leg.rank("tea", 3)) == 3


def test_an_empty_store(tokenizer: Tokenizer) -> None:
    assert Dense(GPTEncoder(model(tokenizer), tokenizer, 8), [], []).rank("tea", 3) == []


def test_too_few_texts_are_told(tokenizer: Tokenizer) -> None:
    with pytest.raises(InputError, match="at least 8 texts"):
        train_encoder(model(tokenizer), tokenizer, ["tea"], DenseConfig(batch=8), 1)


def test_a_missing_package_is_told_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(InputError, match="pip install sentence-transformers"):
        SentenceEncoder("any")
