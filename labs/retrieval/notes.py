"""The playbook's own pages, asked about in words that somebody might use who has not read them.

Reads: README.md, CONTRIBUTING.md, notes; labs/retrieval/questions.jsonl, labs/retrieval/models/dense.
Writes: labs/retrieval/samples/notes.jsonl (a row an arm and question); labs/retrieval/reports/notes.json.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labs.retrieval.collections import NOTES, Topic, read_notes
from labs.retrieval.legs import arms, load_encoder, means
from playbook.agent.bm25 import Bm25Config
from playbook.agent.chunking import ChunkConfig
from playbook.agent.dense import DenseConfig
from playbook.agent.document_store import DocumentStore
from playbook.agent.retriever import Leg
from playbook.evaluation.ranking import metric
from playbook.plumbing.files import write_jsonl
from playbook.plumbing.runtime import RuntimeConfig, start
from playbook.plumbing.stage import stage

METRICS = ("recall@1", "recall@5", "recall@10", "nDCG@10")
RECORDS = Path("labs/retrieval/samples/notes.jsonl")


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    chunks: ChunkConfig
    dense: DenseConfig
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def main() -> None:
    """Ask every arm every question."""
    with stage("labs.retrieval.notes", Params) as run:
        runtime = start(run.params.runtime)
        for name in NOTES:
            run.input(name)
        documents, topics = read_notes(run.input("labs/retrieval/questions.jsonl"), run.params.chunks)
        encoder = load_encoder(run.input("labs/retrieval/models/dense"), run.params.dense.context)
        with DocumentStore(":memory:") as store:
            store.add(documents)
            legs = arms(store, Bm25Config(), encoder)
            rows = [row for name, leg in legs.items() for row in measure(store, name, leg, topics)]
            chunks = sum(1 for _ in store.chunks())
        write_jsonl(RECORDS, rows)
        found = {name: means([row for row in rows if row["arm"] == name], METRICS, "question") for name in legs}
        run.report(found, chunks=chunks, **runtime.facts())


def measure(store: DocumentStore, name: str, leg: Leg, topics: list[Topic]) -> Iterator[dict[str, Any]]:
    """A row a question: which passage came first, and what that is worth."""
    for topic in topics:
        passages = store.passages(leg.rank(topic.text, 100))
        ranking = list(dict.fromkeys(f"{passage.document}:{passage.first_line}" for passage in passages))
        scores = {measure: metric(measure)(ranking, topic.judged) for measure in METRICS}
        first = ranking[0] if ranking else None
        yield {
            "arm": name,
            "question": topic.id,
            "text": topic.text,
            "first": first,
            "gold": list(topic.judged),
            **scores,
        }


if __name__ == "__main__":
    main()
