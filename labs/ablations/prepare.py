"""A small county, and its text in two vocabularies.

Reads: nothing.
Writes: labs/ablations/data: questions.jsonl, and bpe/ and char/ with tokenizer.json, county.tokens, validation.tokens.
Note: the same kind of text as the main chain's `county`, about fewer people: a run of seconds learns some of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from labs.ablations.arms import DATA
from playbook.data.encode import encode_rows, vocabulary_texts
from playbook.data.text_source import DataConfig
from playbook.data.token_file import write_tokens
from playbook.data.world.config import WorldConfig
from playbook.data.world.facts import build_world
from playbook.data.world.generate import pretrain_rows
from playbook.data.world.questions import question_rows
from playbook.evaluation.statistics import ratio_of_sums
from playbook.plumbing.files import write_jsonl
from playbook.plumbing.stage import stage
from playbook.text.chat import Encoded
from playbook.text.tokenizer import TokenizerConfig, train_tokenizer

FILES = {"county": "pretrain.jsonl", "validation": "validation.jsonl"}
BOOTSTRAP_SEED = 1


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    vocabularies: dict[str, TokenizerConfig]
    world: WorldConfig


def main() -> None:
    """Write the text, train both vocabularies, encode."""
    with stage("labs.ablations.prepare", Params) as run:
        world = build_world(run.params.world)
        train, validation = pretrain_rows(world)
        write_jsonl(DATA / FILES["county"], train)
        write_jsonl(DATA / FILES["validation"], validation)
        write_jsonl(DATA / "conversations.jsonl", [row for row in train if "messages" in row])  # for the vocabulary
        asked = [row for row in question_rows(world) if row["held_out"] and row["split"] != "C"]
        write_jsonl(DATA / "questions.jsonl", asked)
        compression, tokens = {}, {}
        for name, config in run.params.vocabularies.items():
            tokenizer = train_tokenizer(config, vocabulary_texts(DataConfig(), config, DATA))
            tokenizer.save(DATA / name / "tokenizer.json")
            for part, file in FILES.items():
                documents: list[Encoded] = list(encode_rows(DATA / file, tokenizer))
                header = write_tokens(DATA / name / f"{part}.tokens", iter(documents), tokenizer.vocab_size)
                tokens[f"{name}_{part}"] = header.tokens
            lengths, counted = zip(*sizes(documents), strict=True)
            compression[name] = ratio_of_sums(lengths, counted, BOOTSTRAP_SEED)
        run.report({"bytes_per_token": compression}, tokens=tokens, questions=len(asked))


def sizes(documents: list[Encoded]) -> Iterator[tuple[int, int]]:
    """Bytes and trained tokens of each document."""
    for document in documents:
        yield document.text_bytes, sum(document.loss_mask)


if __name__ == "__main__":
    main()
