"""A second leg: BM25 by `bm25s`, and pseudo-relevance feedback (RM3) on top of it.

RM3 takes the first documents found for relevant, collects the words that are frequent in them, and searches once more
with the query and those words together. It finds what says the same in other words, at the price of a second search;
where the first documents are wrong it drifts, which is why the query keeps a share of the weight.

Sources: Robertson & Zaragoza (2009) in Lucene's form, by Lù, arXiv 2407.03618; Lavrenko & Croft (SIGIR 2001), the
relevance model; Abdul-Jaleel et al. (TREC 2004), section 3: its interpolation with the query, RM3.
"""

import copy
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import bm25s
import numpy as np
import Stemmer
from numpy.typing import NDArray
from scipy.sparse import csc_matrix, csr_matrix

from playbook.agent.document_store import DocumentStore
from playbook.agent.words import STOP_WORDS, content_words, words
from playbook.plumbing.errors import InputError


@dataclass(frozen=True)
class FeedbackConfig:
    """RM3. With `documents: 0` there is none."""

    documents: int = 10
    """Of the first search that are taken for relevant."""
    terms: int = 20
    """That are added, at most."""
    original: float = 0.6
    """Share of the weight that the query's own words keep."""
    common: float = 0.1
    """A word in more than this share of all chunks tells nothing and is never added."""

    def __post_init__(self) -> None:
        if not 0 <= self.original <= 1:
            raise InputError("original", "a share from 0 to 1", self.original)


@dataclass(frozen=True)
class Bm25Config:
    """BM25's constants."""

    k1: float = 1.2
    """How soon more of the same word stops counting."""
    b: float = 0.6
    """How much long chunks are marked down: 0 not at all, 1 in full."""
    title: int = 6
    text: int = 2
    context: int = 1
    """How many times a word counts by where it stands; k1 is in words of the text."""
    feedback: FeedbackConfig = field(default_factory=FeedbackConfig)

    def __post_init__(self) -> None:
        if self.k1 < 0 or not 0 <= self.b <= 1:
            raise InputError("k1, b", "k1 of at least 0, b from 0 to 1", (self.k1, self.b))


class Bm25:
    """BM25 over numbered texts given as (number, title, text, context); `title` and `context` may be empty."""

    def __init__(self, chunks: Iterable[tuple[int, str, str, str]], config: Bm25Config) -> None:
        self.config = config
        self.vocabulary: dict[str, int] = {}
        self.numbers: list[int] = []
        rows: list[list[int]] = []
        for number, title, text, context in chunks:
            found = [*terms(title) * config.title, *terms(text) * config.text, *terms(context) * config.context]
            rows.append([self.vocabulary.setdefault(term, len(self.vocabulary)) for term in found])
            self.numbers.append(number)
        shape = (len(rows), len(self.vocabulary))
        self.counts = _counts(rows, shape)
        self.document_frequencies = np.bincount(self.counts.indices, minlength=shape[1])
        if self.counts.nnz == 0:
            self.scores = csc_matrix(shape, dtype=np.float32)
            return
        model = bm25s.BM25(method="lucene", k1=config.k1 * config.text, b=config.b)
        model.index(bm25s.tokenization.Tokenized(rows, self.vocabulary), show_progress=False)
        found_scores = model.scores
        matrix = (found_scores["data"], found_scores["indices"], found_scores["indptr"])
        self.scores = csc_matrix(matrix, shape=(shape[0], len(matrix[2]) - 1))

    @classmethod
    def of_store(cls, store: DocumentStore, config: Bm25Config | None = None) -> "Bm25":
        """Over the chunks that a store holds now."""
        return cls(store.chunks(), config or Bm25Config())

    def with_feedback(self, feedback: FeedbackConfig) -> "Bm25":
        """The same index with other feedback; nothing is built again."""
        other = copy.copy(self)
        other.config = replace(self.config, feedback=feedback)
        return other

    def rank(self, query: str, depth: int) -> list[tuple[int, float]]:
        """Numbers of the `depth` best chunks that share a word with the query, with their scores, best first."""
        scores = self.score(query)
        best = top(scores, depth)
        return [(self.numbers[i], float(scores[i])) for i in best]

    def score(self, query: str) -> NDArray[np.float64]:
        """The score of every chunk, in the order in which they were given."""
        weights = self.query_weights(query)
        scores = self.weighted(weights)
        feedback = self.config.feedback
        if weights and feedback.documents > 0:
            scores = self.weighted(expand(self, weights, scores, feedback))
        return scores

    def query_weights(self, query: str) -> dict[int, float]:
        """The known words of a query by number, each with its share of them."""
        counts = Counter(self.vocabulary[term] for term in terms(query, keep_any=True) if term in self.vocabulary)
        return {term: count / counts.total() for term, count in counts.items()}

    def weighted(self, weights: dict[int, float]) -> NDArray[np.float64]:
        """The sum of the words' scores, times their weights, for every chunk."""
        if not weights:
            return np.zeros(len(self.numbers))
        columns = self.scores[:, list(weights)]
        return np.asarray(columns @ np.array(list(weights.values())), dtype=np.float64)


def terms(text: str, keep_any: bool = False) -> list[str]:
    """Stems of the words that are no stop words; with `keep_any`, of all where there are no others."""
    found = content_words(text) if keep_any else [word for word in words(text) if word not in STOP_WORDS]
    return [stem(word) for word in found]


@lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """Porter's stem of a word."""
    return str(STEMMER.stemWord(word))


STEMMER = Stemmer.Stemmer("porter")


def _counts(rows: Sequence[Sequence[int]], shape: tuple[int, int]) -> csr_matrix:
    """How often each term (column) stands in each row."""
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows], dtype=np.int64)])
    indices = np.fromiter((term for row in rows for term in row), dtype=np.int64, count=int(indptr[-1]))
    matrix = csr_matrix((np.ones(len(indices)), indices, indptr), shape=shape)
    matrix.sum_duplicates()
    return matrix


def expand(
    index: Bm25, weights: dict[int, float], scores: NDArray[np.float64], config: FeedbackConfig
) -> dict[int, float]:
    """RM3: w(t) = original * p(t | query) + (1 - original) * p(t | the documents found), the most probable terms only.

    p(t | found) = sum over documents of p(t | document) * (its share of their scores).
    """
    best = top(scores, config.documents)
    if not len(best):
        return weights
    counts = index.counts[best]
    lengths = np.maximum(np.asarray(counts.sum(axis=1)).ravel(), 1)
    share = scores[best] / scores[best].sum()
    model = np.asarray(counts.T @ (share / lengths)).ravel()
    spread = index.document_frequencies
    model[spread > max(config.common * len(index.numbers), 1)] = 0
    chosen = top(model, config.terms)
    total = model[chosen].sum()
    mixed = {term: config.original * weight for term, weight in weights.items()}
    for term in chosen.tolist() if total > 0 else ():
        mixed[term] = mixed.get(term, 0.0) + (1 - config.original) * float(model[term] / total)
    return mixed


def top(scores: NDArray[np.float64], depth: int) -> NDArray[np.intp]:
    """Positions of the `depth` highest scores above 0, highest first, equal ones in order."""
    depth = min(depth, int((scores > 0).sum()))
    if depth <= 0:
        return np.zeros(0, dtype=np.intp)
    bound = np.partition(scores, -depth)[-depth]
    among = np.flatnonzero(scores >= bound)
    return among[np.argsort(-scores[among], kind="stable")][:depth]
