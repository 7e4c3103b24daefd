"""Finding passages: the store's own ranking by default; further ways of ranking (legs) fused with it where they pay.

A leg ranks the chunks of a store by number and knows nothing of the others: `bm25.py` and `dense.py` hold two. Ranks
are fused, not scores, which have no common scale. A reranker, if there is one, reads the passages that are left.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from playbook.agent.document_store import DocumentStore
from playbook.agent.fusion import reciprocal_rank_fusion
from playbook.agent.passages import Chunk, Document, Passage, Retriever

__all__ = ["Chunk", "Document", "DocumentStore", "HybridRetriever", "Leg", "Passage", "Reranker", "Retriever"]

DEPTH = 100
"""How far down each leg's ranking fusion looks."""


@runtime_checkable
class Leg(Protocol):
    """One way of ranking the chunks of a store."""

    def rank(self, query: str, depth: int) -> list[tuple[int, float]]:
        """Numbers of the `depth` best chunks with scores, best first; none where the query holds no word."""


@runtime_checkable
class Reranker(Protocol):
    """Reads the passages with the query and puts them into a better order, such as a cross-encoder."""

    def rerank(self, query: str, passages: Sequence[Passage]) -> list[Passage]:
        """The same passages, best first."""


class HybridRetriever:
    """Several legs over one store, fused by reciprocal rank; the store is a leg itself if it stands among them.

    Other legs know the chunks that the store held when they were built: build them again when `store.revision` has
    moved.
    """

    def __init__(
        self, store: DocumentStore, legs: Sequence[Leg], reranker: Reranker | None = None, depth: int = DEPTH
    ) -> None:
        self.store, self.legs, self.reranker, self.depth = store, legs, reranker, depth

    def search(self, query: str, k: int) -> list[Passage]:
        """The `k` best passages, best first; none where the query holds no word."""
        if self.reranker is None:
            return self.store.passages(self.rank(query, k))
        return self.reranker.rerank(query, self.store.passages(self.rank(query, max(k, self.depth))))[: max(k, 0)]

    def rank(self, query: str, depth: int) -> list[tuple[int, float]]:
        """Numbers of the `depth` best chunks with their fused scores: so a fusion is a leg itself."""
        if depth < 1:
            return []
        rankings = [[number for number, _ in leg.rank(query, max(depth, self.depth))] for leg in self.legs]
        return reciprocal_rank_fusion(rankings)[:depth]
