"""Continuations of held-out text as records."""

from pathlib import Path

from playbook.data.token_file import TokenFile, write_tokens
from playbook.evaluation.samples import continue_openings, continue_texts
from playbook.model.gpt import GPTMini, ModelConfig
from playbook.text.chat import Encoded
from playbook.text.tokenizer import CharTokenizer

TEXT = "to be, or not to be, that is the question: " * 3


def test_prompts_and_truths_are_neighbours_in_the_text(tmp_path: Path) -> None:
    tokenizer = CharTokenizer(TEXT, specials=False)
    ids = tokenizer.encode(TEXT)
    document = Encoded(ids, [True] * len(ids), len(TEXT))
    write_tokens(tmp_path / "v.tokens", [document], tokenizer.vocab_size, one_document=True)
    file = TokenFile.open(tmp_path / "v.tokens")
    model = GPTMini(ModelConfig(context=22, layers=1, width=28, heads=2), tokenizer.vocab_size).eval()
    records = continue_texts(model, tokenizer, file, count=5, seed=1)
    assert len(records) == 5
    for row in records:
        assert row["prompt"] + row["gold"] in TEXT
        assert len(row["prompt"]) == len(row["gold"]) == len(row["answer"]) == row["tokens"] == 11
    assert TEXT.startswith(records[0]["prompt"])
    assert TEXT.endswith(records[-1]["gold"])
    assert records == continue_texts(model, tokenizer, file, count=5, seed=1)
    assert records != continue_texts(model, tokenizer, file, count=5, seed=2)


def test_openings_are_those_of_the_documents(tmp_path: Path) -> None:
    tokenizer = CharTokenizer("abcdefghijkl", specials=True)
    words = ["abcdefghijkl", "lkjihgfedcba", "ccccccccccccc"]
    documents = [Encoded(ids := tokenizer.encode(word), [True] * len(ids), len(word)) for word in words]
    write_tokens(tmp_path / "v.tokens", documents, tokenizer.vocab_size)
    model = GPTMini(ModelConfig(context=16, layers=1, width=28, heads=2), tokenizer.vocab_size).eval()
    file = TokenFile.open(tmp_path / "v.tokens")
    first, last = continue_openings(model, tokenizer, file, count=2, seed=1)
    assert (first["prompt"], last["prompt"]) == ("abcdefgh", "cccccccc")
    assert first["answer"] != continue_openings(model, tokenizer, file, count=2, seed=2)[0]["answer"]
