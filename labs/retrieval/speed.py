"""How fast the default store indexes and answers, beside `bm25s` on the same documents, and how much memory it takes.

Reads: nothing.
Writes: labs/retrieval/reports/speed.json.
Note: documents are made of words drawn by Zipf's law, so that some stand nearly everywhere. The two take turns. The
    store writes to disk and commits; `bm25s` tokenises, stems and builds in memory. Memory is that of a process of its
    own which makes documents as it goes, a twentieth of them and a quarter.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import bm25s
import numpy as np
import Stemmer
from numpy.typing import NDArray
from scipy.special import bdtr

from playbook.agent.document_store import DocumentStore
from playbook.agent.passages import Document
from playbook.evaluation.statistics import median_of
from playbook.plumbing.metrics import Measurement
from playbook.plumbing.runlog import say
from playbook.plumbing.runtime import peak_rss_mb
from playbook.plumbing.stage import stage

VOCABULARY = 50_000


@dataclass(frozen=True)
class Speed:
    """How much is measured."""

    documents: int = 100_000
    words: int = 100
    rounds: int = 3
    queries: int = 400
    query_words: int = 6
    """Drawn from one document, common words among them."""


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    speed: Speed


def main() -> None:
    """Index in turns, query, and weigh."""
    with stage("labs.retrieval.speed", Params) as run:
        how = run.params.speed
        texts = [text for _, text in made_up(how.documents, how.words)]
        rows, milliseconds = list[dict[str, float]](), list[float]()
        for _ in range(how.rounds):
            with tempfile.TemporaryDirectory() as folder, DocumentStore(Path(folder, "store.db")) as store:
                rows.append(one_round(store, texts))
                milliseconds += [1000 * seconds for seconds in answer_times(store, texts, how)]
        growth = {f"{count}": memory(count, how.words) for count in (how.documents // 20, how.documents // 4)}
        results = {
            "documents_per_second_fts5": median_of([len(texts) / row["fts5"] for row in rows]),
            "documents_per_second_bm25s": median_of([len(texts) / row["bm25s"] for row in rows]),
            "fts5_over_bm25s": median_of([row["bm25s"] / row["fts5"] for row in rows]),
            "query_ms_median": quantile(milliseconds, 0.5),
            "query_ms_p95": quantile(milliseconds, 0.95),
        }
        say("speed", {name: measured.value for name, measured in results.items()})
        say("memory of indexing, MB by documents", growth)
        run.report(results, index_memory_mb=growth, documents=how.documents, words=how.words)


def made_up(count: int, length: int) -> Iterator[tuple[int, str]]:
    """Documents of words whose frequencies follow Zipf's law; the same for the same arguments."""
    rng = np.random.default_rng(1)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = np.array(["".join(rng.choice(letters, size=rng.integers(3, 11))) for _ in range(VOCABULARY)])
    share = 1 / np.arange(1, VOCABULARY + 1)
    bounds = np.cumsum(share / share.sum())
    for number in range(count):
        drawn = np.minimum(np.searchsorted(bounds, rng.random(length)), VOCABULARY - 1)
        yield number, " ".join(words[drawn])


def one_round(store: DocumentStore, texts: list[str]) -> dict[str, float]:
    """Seconds that each takes from texts to an index that answers."""
    seconds = {}
    began = time.perf_counter()
    store.add(Document(str(number), "", text) for number, text in enumerate(texts))
    seconds["fts5"] = time.perf_counter() - began
    began = time.perf_counter()
    tokens = bm25s.tokenize(texts, stemmer=Stemmer.Stemmer("porter"), show_progress=False)
    bm25s.BM25().index(tokens, show_progress=False)
    seconds["bm25s"] = time.perf_counter() - began
    return seconds


def answer_times(store: DocumentStore, texts: list[str], how: Speed) -> Iterator[float]:
    """Seconds of each query for ten passages."""
    rng = np.random.default_rng(2)
    for _ in range(how.queries):
        words = texts[rng.integers(len(texts))].split()
        query = " ".join(rng.choice(words, size=how.query_words, replace=False))
        began = time.perf_counter()
        store.search(query, 10)
        yield time.perf_counter() - began


def quantile(values: list[float], share: float) -> Measurement:
    """A quantile with a distribution-free 95% interval between two of the values: binomial tails of 2.5%."""
    ordered: NDArray[np.float64] = np.sort(np.asarray(values))
    n = ordered.size
    below = bdtr(np.arange(n), n, share)  # the chance that at most so many values lie below the quantile
    low, high = int((below <= 0.025).sum()) - 1, int((below < 0.975).sum())
    middle = float(np.quantile(ordered, share))
    return Measurement(middle, (float(ordered[max(low, 0)]), float(ordered[min(high, n - 1)])), n)


def memory(count: int, length: int) -> float:
    """MB by which a process that indexes `count` documents, made as it goes, grows."""
    code = f"from labs.retrieval.speed import weigh; weigh({count}, {length})"
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    return float(json.loads(told))


def weigh(count: int, length: int) -> None:
    """What `memory` runs."""
    source = made_up(count, length)
    first = next(source)  # the vocabulary counts as there before
    before = peak_rss_mb()
    with tempfile.TemporaryDirectory() as folder, DocumentStore(Path(folder, "store.db")) as store:
        store.add(Document(str(number), "", text) for number, text in chain([first], source))
    print(json.dumps(round(peak_rss_mb() - before, 1)))


if __name__ == "__main__":
    main()
