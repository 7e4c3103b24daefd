"""Learn a vocabulary from the corpus, and write the corpus as token files.

Reads   data/corpus (train.txt and validation.txt, or the JSONL files of the world)
Writes  data/tokenizer.json, data/tokens/PART.tokens (see playbook.data.encode), reports/metrics/tokenizer.json
Note    Only what is trained on shapes a BPE vocabulary: train.txt, or pretrain.jsonl and conversations.jsonl. Bytes
        per token is measured on the validation part, over the tokens that carry loss: the number by which nats per
        token become bits per byte.
"""

import gc
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from playbook.data.encode import encode_part, parts, vocabulary_texts
from playbook.data.text_source import DataConfig
from playbook.data.token_file import write_tokens
from playbook.evaluation.statistics import ratio_of_sums
from playbook.plumbing.runlog import progress, say
from playbook.plumbing.stage import stage
from playbook.text.chat import Encoded
from playbook.text.tokenizer import TokenizerConfig, train_tokenizer

TOKENS = Path("data/tokens")
BOOTSTRAP_SEED = 1


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    data: DataConfig = field(default_factory=DataConfig)
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)


@dataclass
class Sizes:
    """Bytes and trained tokens of each document that went by."""

    text_bytes: list[int] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)

    def watch(self, documents: Iterable[Encoded]) -> Iterator[Encoded]:
        """Hand documents through, and note their sizes."""
        for document in documents:
            self.text_bytes.append(document.text_bytes)
            self.tokens.append(sum(document.loss_mask))
            yield document


def main() -> None:
    """Train the tokenizer, encode every part, report how far validation is compressed."""
    with stage("stages.tokenizer", Params) as run:
        params, corpus = run.params, run.input("data/corpus")
        gc.disable()  # rows are many and refer to nothing that refers to them: going through them finds no garbage
        tokenizer = train_tokenizer(params.tokenizer, vocabulary_texts(params.data, params.tokenizer, corpus))
        tokenizer.save("data/tokenizer.json")
        headers = {}
        for part in parts(params.data):
            sizes = Sizes()
            documents = sizes.watch(progress(encode_part(params.data, tokenizer, corpus, part), f"encode {part}"))
            long = params.data.source == "text"
            headers[part] = write_tokens(TOKENS / f"{part}.tokens", documents, tokenizer.vocab_size, one_document=long)
        compression = ratio_of_sums(sizes.text_bytes, sizes.tokens, BOOTSTRAP_SEED)
        tokens = {part: header.tokens for part, header in headers.items()}
        run.report({"bytes_per_token": compression}, vocab_size=tokenizer.vocab_size, tokens=tokens)
        say("tokenizer", {"vocab_size": tokenizer.vocab_size, **tokens, "bytes_per_token": compression.value})


if __name__ == "__main__":
    main()
