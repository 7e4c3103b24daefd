"""Fetch tinyshakespeare and cut it as nanoGPT does: the first 90% to train on, the last 10% to validate.

Reads: the public source, or the folder named by PLAYBOOK_DATA_MIRROR.
Writes: labs/real_text/data/corpus (train.txt, validation.txt), tokenizer.json and tokens/ beside it.
Note: the checksum stands in params.yaml, so whatever the source, the bytes are the same.
"""

from dataclasses import dataclass
from pathlib import Path

from playbook.data.encode import encode_part, vocabulary_texts
from playbook.data.mirror import Source, fetch
from playbook.data.text_source import DataConfig, prepare_text
from playbook.data.token_file import write_tokens
from playbook.plumbing.stage import stage
from playbook.text.tokenizer import TokenizerConfig, train_tokenizer

HERE = Path("labs/real_text/data")


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    source: Source
    data: DataConfig
    tokenizer: TokenizerConfig


def main() -> None:
    """Fetch, split, encode."""
    with stage("labs.real_text.fetch", Params) as run:
        params = run.params
        fetch(params.source.name, params.source.url, params.source.sha256, HERE / params.source.name)
        prepare_text(params.data, HERE / "corpus")
        texts = vocabulary_texts(params.data, params.tokenizer, HERE / "corpus")
        tokenizer = train_tokenizer(params.tokenizer, texts)
        tokenizer.save(HERE / "tokenizer.json")
        for part in ("train", "validation"):
            documents = encode_part(params.data, tokenizer, HERE / "corpus", part)
            write_tokens(HERE / "tokens" / f"{part}.tokens", documents, tokenizer.vocab_size, one_document=True)


if __name__ == "__main__":
    main()
