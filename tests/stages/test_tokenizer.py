import math
from itertools import islice
from pathlib import Path

import pytest

from playbook.data.batches import PackedDocuments, validation_documents, validation_windows
from playbook.data.encode import WORLD_PARTS
from playbook.data.token_file import TokenFile
from playbook.data.world.drills import DRILLS
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import read_json, write_jsonl
from playbook.text.tokenizer import load_tokenizer
from stages import tokenizer as stage

NAMES = ["Ada", "Bob", "Cleo", "Dora", "Emil"]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "corpus").mkdir(parents=True)
    return tmp_path


def world(root: Path) -> None:
    texts = [{"id": f"t{name}", "text": f"{name} was born in London."} for name in NAMES * 8]
    question = [{"role": "user", "content": "Where?"}, {"role": "assistant", "content": "London"}]
    write_jsonl(root / "data/corpus/pretrain.jsonl", [*texts, *[{"id": "q", "messages": question}] * 10])
    write_jsonl(root / "data/corpus/validation.jsonl", [*texts[:5], {"id": "q", "messages": question}])
    for file, kinds in (("drills", DRILLS), ("conversations", ("reading_1", "search_1", "fact"))):
        write_jsonl(root / f"data/corpus/{file}.jsonl", [{"kind": kind, "messages": question} for kind in kinds])


def run(params: str) -> tuple[TokenFile, TokenFile]:
    Path("params.yaml").write_text(params)
    stage.main()
    first = "train" if "source: text" in params else "county"
    train, validation = (TokenFile.open(f"data/tokens/{part}.tokens") for part in (first, "validation"))
    train.verify()
    validation.verify()
    return train, validation


def test_the_world_through_the_stage(root: Path) -> None:
    world(root)
    train, validation = run("data: {source: world}\ntokenizer: {kind: bpe, vocab_size: 300}\n")
    tokenizer = load_tokenizer("data/tokenizer.json")
    assert train.header.documents == 50
    assert validation.header.documents == 6
    assert train.header.vocab_size == tokenizer.vocab_size <= 300
    assert (
        tokenizer.decode(validation.ids[: validation.lengths()[0]].tolist())
        == "<|document|> Ada was born in London.<|end|>"
    )
    assert validation.header.text_bytes == sum(len(f"{name} was born in London.") for name in NAMES) + len("London")
    assert int(sum(b.weights.sum() for b in validation_documents(validation, 32, 4))) == validation.header.trained
    assert len(list(islice(PackedDocuments(train, 32, 4, seed=1), 20))) == 20
    report = read_json("reports/metrics/tokenizer.json")
    measured = report["bytes_per_token"]
    assert measured["n"] == 6
    assert math.isclose(measured["value"], validation.header.text_bytes / validation.header.trained, rel_tol=1e-5)
    assert measured["ci95"][0] < measured["value"] < measured["ci95"][1]
    assert report["run"]["vocab_size"] == tokenizer.vocab_size
    tokens = report["run"]["tokens"]
    assert set(tokens) == {path.stem for path in Path("data/tokens").iterdir()} == set(WORLD_PARTS)
    assert (tokens["county"], tokens["validation"]) == (train.header.tokens, validation.header.tokens)


def test_drills_do_not_shape_the_vocabulary(root: Path) -> None:
    world(root)
    run("{data: {}}")
    first = Path("data/tokenizer.json").read_bytes()
    chat = [{"role": "user", "content": "gjkqvwxyz " * 50}, {"role": "assistant", "content": "gjkqvwxyz"}]
    write_jsonl(root / "data/corpus/drills.jsonl", [{"kind": kind, "messages": chat} for kind in DRILLS])
    run("{data: {}}")
    assert Path("data/tokenizer.json").read_bytes() == first


def test_characters_of_a_text_through_the_stage(root: Path) -> None:
    text = "to be, or not to be: that is the question\n" * 20
    (root / "data/corpus/train.txt").write_text(text)
    (root / "data/corpus/validation.txt").write_text("Zwar ist das nicht von ihm.\n")
    params = "data: {source: text}\ntokenizer: {kind: char, specials: false}\n"
    train, validation = run(params)
    assert train.header.documents == validation.header.documents == 1
    assert train.header.vocab_size == len(set(text) | set("Zwar ist das nicht von ihm.\n"))
    assert train.header.text_bytes == train.header.trained == len(text) - 1
    assert int(sum(b.weights.sum() for b in validation_windows(validation, 7, 2))) == validation.header.text_bytes


def test_twice_the_same_bytes(root: Path) -> None:
    world(root)
    outputs = ["data/tokenizer.json", "data/tokens/county.tokens", "data/tokens/entries_5.tokens"]
    run("{data: {}}")
    first = [Path(path).read_bytes() for path in outputs]
    run("{data: {}}")
    assert [Path(path).read_bytes() for path in outputs] == first


def test_a_missing_corpus_is_told(root: Path) -> None:
    (root / "data/corpus").rmdir()
    with pytest.raises(InputError, match="data/corpus"):
        run("{data: {}}")
