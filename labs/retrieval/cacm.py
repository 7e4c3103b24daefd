"""CACM: MAP, P@30 and nDCG@10 of every leg and of their fusion. Settings are chosen on one half of the topics.

Reads: labs/retrieval/data/collections, labs/retrieval/models/dense.
Writes: labs/retrieval/samples/cacm.jsonl (a row an arm and topic); labs/retrieval/reports/cacm.json.
Note: the halves are drawn by a hash of the topic's number. The other half is looked at once, with what was chosen.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from labs.retrieval.collections import Topic, read_cacm
from labs.retrieval.legs import BOOTSTRAP_SEED, DEPTH, arms, load_encoder, means
from playbook.agent.bm25 import Bm25, Bm25Config, FeedbackConfig
from playbook.agent.dense import DenseConfig
from playbook.agent.document_store import DocumentStore
from playbook.agent.retriever import Leg
from playbook.evaluation.ranking import metric
from playbook.evaluation.statistics import paired_difference
from playbook.plumbing.files import write_jsonl
from playbook.plumbing.runtime import RuntimeConfig, start
from playbook.plumbing.stage import stage

METRICS = ("map", "P@30", "nDCG@10")
RECORDS = Path("labs/retrieval/samples/cacm.jsonl")


@dataclass(frozen=True)
class Grid:
    """The settings among which MAP on the first half of the topics chooses: BM25 first, then feedback on top of it."""

    k1: tuple[float, ...]
    b: tuple[float, ...]
    title: tuple[int, ...]
    documents: tuple[int, ...]
    terms: tuple[int, ...]
    original: tuple[float, ...]


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    grid: Grid
    dense: DenseConfig
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def main() -> None:
    """Choose, then measure every arm on both halves and on all topics."""
    with stage("labs.retrieval.cacm", Params) as run:
        runtime = start(run.params.runtime)
        documents, topics = read_cacm(run.input("labs/retrieval/data/collections"))
        encoder = load_encoder(run.input("labs/retrieval/models/dense"), run.params.dense.context)
        with DocumentStore(":memory:") as store:
            store.add(documents)
            ids = dict(enumerate((document.id for document in documents), start=1))
            chosen = choose(store, ids, [topic for topic in topics if topic.group == "chosen_on"], run.params.grid)
            rows = [
                {"arm": arm, **row}
                for arm, leg in arms(store, chosen, encoder).items()
                for row in measure(leg, ids, topics)
            ]
        write_jsonl(RECORDS, rows)
        facts = {"chosen": asdict(chosen), "library_default": asdict(Bm25Config())}
        run.report(summary(rows), **facts, documents=len(documents), **runtime.facts())


def choose(store: DocumentStore, ids: dict[int, str], topics: Sequence[Topic], grid: Grid) -> Bm25Config:
    """The best settings of the grid by MAP on `topics`; the first of equals."""

    def score(leg: Leg) -> float:
        return float(np.mean([row["map"] for row in measure(leg, ids, topics)]))

    plain = [
        Bm25Config(k1=k1, b=b, title=title, feedback=FeedbackConfig(documents=0))
        for k1, b, title in itertools.product(grid.k1, grid.b, grid.title)
    ]
    best = max(plain, key=lambda config: score(Bm25.of_store(store, config)))
    index = Bm25.of_store(store, best)
    feedback = [FeedbackConfig(*row) for row in itertools.product(grid.documents, grid.terms, grid.original)]
    return replace(best, feedback=max(feedback, key=lambda config: score(index.with_feedback(config))))


def measure(leg: Leg, ids: dict[int, str], topics: Sequence[Topic]) -> Iterator[dict[str, Any]]:
    """A row a topic."""
    for topic in topics:
        ranking = [ids[number] for number, _ in leg.rank(topic.text, DEPTH)]
        scores = {name: metric(name)(ranking, topic.judged) for name in METRICS}
        yield {"topic": topic.id, "half": topic.group, **scores}


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """By arm, then part of the topics; and how far each arm is ahead of the default on the held-out half."""
    found: dict[str, Any] = {}
    default = [row for row in rows if row["arm"] == "fts5" and row["half"] == "held_out"]
    for arm in dict.fromkeys(row["arm"] for row in rows):
        own = [row for row in rows if row["arm"] == arm]
        parts = {"all": own} | {h: [r for r in own if r["half"] == h] for h in ("chosen_on", "held_out")}
        found[arm] = {part: means(part_rows, METRICS, "topic") for part, part_rows in parts.items()}
        ours, theirs = ([row["map"] for row in side] for side in (parts["held_out"], default))
        topics = [row["topic"] for row in default]
        found[arm]["map_ahead_of_fts5_held_out"] = paired_difference(ours, theirs, topics, BOOTSTRAP_SEED)
    return found


if __name__ == "__main__":
    main()
