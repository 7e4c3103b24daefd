"""A dense leg: texts as vectors, near each other where they are about the same. One encoder for queries and chunks.

`train_encoder` makes one of a GPTMini without any labels: of each text it takes a span and the rest for a pair, and
every other text of the batch for a negative. `SentenceEncoder` takes a ready model of sentence-transformers instead,
which has to be installed for it. Search is exact: a product with all vectors.

Sources: van den Oord et al., arXiv 1807.03748, equation 4 (InfoNCE); Karpukhin et al., arXiv 2004.04906, section 3.2
(negatives of the batch); Lee et al., arXiv 1906.00300, section 4 (the inverse cloze task).
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from playbook.agent.bm25 import top
from playbook.agent.document_store import DocumentStore
from playbook.agent.words import words
from playbook.model.gpt import GPTMini
from playbook.plumbing.errors import InputError
from playbook.plumbing.runlog import progress
from playbook.text.tokenizer import Tokenizer
from playbook.training.optimizer import OptimizerConfig, clip_gradients, make_optimizers, set_learning_rate

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class DenseConfig:
    """How the encoder is trained."""

    steps: int = 400
    batch: int = 64
    """Pairs a step; each has batch - 1 negatives."""
    context: int = 96
    """Tokens of a text that are read."""
    query_words: int = 12
    """Of the span that stands for a query."""
    temperature: float = 0.05
    learning_rate: float = 1e-3
    """Of AdamW at its peak; it falls to zero over the run."""

    def __post_init__(self) -> None:
        if self.steps < 0 or self.batch < 2:
            raise InputError("steps, batch", "no fewer than 0 and 2", (self.steps, self.batch))
        if not self.temperature > 0:
            raise InputError("temperature", "above 0", self.temperature)


@runtime_checkable
class Encoder(Protocol):
    """Texts to vectors of length 1, so that a product is a cosine."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Shape (texts, width)."""


class Dense:
    """The leg: the vectors of all chunks, beside their numbers."""

    def __init__(self, encoder: Encoder, numbers: Sequence[int], texts: Sequence[str]) -> None:
        self.encoder, self.numbers = encoder, list(numbers)
        self.vectors = encoder.encode(texts) if texts else np.zeros((0, 1), dtype=np.float32)

    @classmethod
    def of_store(cls, store: DocumentStore, encoder: Encoder) -> "Dense":
        """Over the chunks that a store holds now."""
        rows = list(store.chunks())
        texts = [" ".join(filter(None, (title, text, context))) for _, title, text, context in rows]
        return cls(encoder, [number for number, *_ in rows], texts)

    def rank(self, query: str, depth: int) -> list[tuple[int, float]]:
        """Numbers of the `depth` chunks that are nearest, with 1 + cosine, nearest first; none without a word."""
        if not words(query) or not self.numbers:
            return []
        scores = (1 + self.vectors @ self.encoder.encode([query])[0]).astype(np.float64)
        return [(self.numbers[i], float(scores[i])) for i in top(scores, depth)]


class GPTEncoder:
    """A GPTMini as encoder: the mean of its last hidden states over the text, at length 1."""

    def __init__(self, model: GPTMini, tokenizer: Tokenizer, context: int) -> None:
        self.model, self.tokenizer, self.context = model, tokenizer, context

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Shape (texts, width)."""
        self.model.eval()
        with torch.inference_mode():
            found = [self.embed(texts[start : start + 256]).float().cpu() for start in range(0, len(texts), 256)]
        return torch.cat(found).numpy()

    def embed(self, texts: Sequence[str]) -> Float[Tensor, "texts width"]:
        """The same with gradients."""
        rows = [(row[: self.context] or [0]) for row in self.tokenizer.encode_batch(list(texts))]
        length = max(map(len, rows))
        device = self.model.token_embedding.weight.device
        ids = torch.tensor([row + [0] * (length - len(row)) for row in rows], device=device)
        own = torch.arange(length, device=device) < torch.tensor([len(row) for row in rows], device=device)[:, None]
        hidden = self.model.hidden(ids).float()  # causal: what stands before the padding does not see it
        return F.normalize((hidden * own[..., None]).sum(1) / own.sum(1, keepdim=True), dim=-1)


class SentenceEncoder:
    """Any model of sentence-transformers, by name or folder."""

    def __init__(self, name: str) -> None:
        try:
            import sentence_transformers  # noqa: PLC0415 - optional, and seconds to import
        except ImportError:
            advice = "pip install sentence-transformers, or choose the encoder that is trained here"
            raise InputError(
                "retrieval: encoder", "the package sentence-transformers", "not installed", advice
            ) from None
        try:
            self.model = sentence_transformers.SentenceTransformer(name)
        except (OSError, ValueError) as error:
            raise InputError(
                f"retrieval: encoder {name}", "a model that can be loaded", error, "check its name"
            ) from None

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Shape (texts, width)."""
        return np.asarray(self.model.encode(list(texts), normalize_embeddings=True), dtype=np.float32)


def info_nce(
    queries: Float[Tensor, "batch width"], passages: Float[Tensor, "batch width"], temperature: float
) -> Float[Tensor, ""]:
    """The cross-entropy of telling each query's own passage from those of the others, and the other way round.

    Vectors have length 1. Where all are equal it is log(batch).
    """
    scores = queries @ passages.T / temperature
    own = torch.arange(len(scores), device=scores.device)
    return (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2


def cloze(rng: random.Random, text: str, query_words: int) -> tuple[str, str]:
    """A span of a text for a query, and the rest for its passage; one time in ten the rest keeps the span.

    The exception, from the paper, lets an encoder see that the same words are a reason to be near.
    """
    found = text.split()
    length = max(1, min(query_words, len(found) // 2))
    start = rng.randrange(max(1, len(found) - length + 1))
    span = " ".join(found[start : start + length])
    rest = " ".join(found[:start] + found[start + length :]) or text
    return span, text if rng.random() < 0.1 else rest


def train_encoder(
    model: GPTMini, tokenizer: Tokenizer, texts: Sequence[str], config: DenseConfig, seed: int
) -> tuple[GPTEncoder, list[float]]:
    """Train `model` in place on spans of `texts`; returns the encoder and the loss of every step."""
    useful = [text for text in texts if len(text.split()) >= 8]
    if len(useful) < config.batch:
        raise InputError(
            "retrieval: dense", f"at least {config.batch} texts of eight words", len(useful), "lower batch"
        )
    rng, encoder = random.Random(seed), GPTEncoder(model, tokenizer, config.context)
    optimizers = make_optimizers(model, OptimizerConfig(kind="adamw", learning_rate=config.learning_rate))
    losses = []
    model.train()
    for step in progress(range(config.steps), "dense"):
        pairs = [cloze(rng, text, config.query_words) for text in rng.sample(useful, config.batch)]
        queries, passages = (encoder.embed(side) for side in zip(*pairs, strict=True))
        loss = info_nce(queries, passages, config.temperature)
        model.zero_grad(set_to_none=True)
        loss.backward()
        clip_gradients(model, 1.0)
        set_learning_rate(optimizers, min(1.0, (step + 1) / 20) * (1 - step / config.steps))
        for optimizer in optimizers:
            optimizer.step()
        losses.append(float(loss.detach()))
    model.eval()
    return encoder, losses
