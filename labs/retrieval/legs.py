"""The arms that are compared: each leg by itself, and fusions of them, over the same store."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from playbook.agent.bm25 import Bm25, Bm25Config, FeedbackConfig
from playbook.agent.dense import Dense, Encoder, GPTEncoder
from playbook.agent.document_store import DocumentStore
from playbook.agent.retriever import HybridRetriever, Leg
from playbook.evaluation.statistics import clustered_mean
from playbook.model.checkpoint import load_model
from playbook.plumbing.metrics import Measurement
from playbook.text.tokenizer import load_tokenizer

BOOTSTRAP_SEED = 1
DEPTH = 1000
"""Ranks that count for average precision, as in TREC."""
TITLES = {
    "fts5": "FTS5 (the default)",
    "bm25": "BM25 (`bm25s`)",
    "bm25_rm3": "BM25 with RM3",
    "dense": "dense, trained here",
    "fusion": "fusion of FTS5 and BM25 with RM3",
    "fusion_all": "fusion of all three legs",
}


def arms(
    store: DocumentStore, config: Bm25Config, encoder: Encoder | None, depth: int = DEPTH, default_only: bool = False
) -> dict[str, Leg]:
    """By name, as in `TITLES`; without an encoder those that need none, or the store's own ranking alone."""
    if default_only:
        return {"fts5": store}
    plain = Bm25.of_store(store, replace(config, feedback=FeedbackConfig(documents=0)))
    feedback = plain.with_feedback(config.feedback)
    found: dict[str, Leg] = {"fts5": store, "bm25": plain, "bm25_rm3": feedback}
    if encoder is not None:
        found["dense"] = dense = Dense.of_store(store, encoder)
        found["fusion_all"] = HybridRetriever(store, [store, feedback, dense], depth=depth)
    found["fusion"] = HybridRetriever(store, [store, feedback], depth=depth)
    return {name: found[name] for name in TITLES if name in found}


def load_encoder(folder: Path, context: int) -> GPTEncoder:
    """What labs.retrieval.dense has trained."""
    return GPTEncoder(load_model(folder), load_tokenizer(folder / "tokenizer.json"), context)


def means(rows: Sequence[Mapping[str, Any]], names: Sequence[str], cluster: str) -> dict[str, Measurement]:
    """The mean of each measure over rows, resampled by the value of `cluster`."""
    clusters = [str(row[cluster]) for row in rows]
    return {name: clustered_mean([row[name] for row in rows], clusters, BOOTSTRAP_SEED) for name in names}
