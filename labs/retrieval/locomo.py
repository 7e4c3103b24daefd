"""LoCoMo: how much of the evidence for a question about a long conversation is found, by turns and by sessions.

Reads: labs/retrieval/data/collections, labs/retrieval/models/dense.
Writes: labs/retrieval/samples/locomo.jsonl (a row an arm and question); labs/retrieval/reports/locomo.json.
Note: three indexes: `verbatim`, every turn; `observation`, what an LLM noted of the sessions, each with the turns it is
    about; `summary`, one an LLM wrote of each session, which leads to sessions only. A budget counts words and marks of
    whole passages with their date, in the order of the ranking, up to the first that no longer fits.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labs.retrieval.collections import Conversation, Topic, TurnText, observed_turns, read_locomo
from labs.retrieval.legs import TITLES, arms, load_encoder, means
from playbook.agent.bm25 import Bm25Config
from playbook.agent.dense import DenseConfig, Encoder
from playbook.agent.document_store import DocumentStore
from playbook.agent.passages import Passage
from playbook.evaluation.ranking import recall_at
from playbook.plumbing.files import write_jsonl
from playbook.plumbing.runtime import RuntimeConfig, start
from playbook.plumbing.stage import stage

RECORDS = Path("labs/retrieval/samples/locomo.jsonl")
RANKS, BUDGETS = (5, 10), (256, 512, 1024, 2048)
DEPTH = 200
"""Passages of a ranking that are looked at: more than any budget holds."""
TOKEN = re.compile(r"\w+|[^\w\s]")
ADVERSARIAL = "5"
"""Category of questions about something that was never said; their evidence is what they twist."""
TURNS = [f"turn_recall@{k}" for k in RANKS] + [f"turn_recall_in_{budget}" for budget in BUDGETS]
SESSIONS = [f"session_recall@{k}" for k in RANKS] + ["session_hit@10"]
SESSIONS += [f"session_recall_in_{budget}" for budget in BUDGETS]
VARIANTS = {
    "bare_turn": TurnText(window=0, captions=False, date=False),
    "no_window": TurnText(window=0),
    "window_1": TurnText(window=1),
    "window_3": TurnText(window=3),
    "no_captions": TurnText(captions=False),
    "no_date": TurnText(date=False),
}
"""Of the default arm: what a turn's index text holds."""


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    turn: TurnText
    dense: DenseConfig
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def main() -> None:
    """Every arm on the verbatim index, two on the others, and the default arm with other index texts."""
    with stage("labs.retrieval.locomo", Params) as run:
        runtime = start(run.params.runtime)
        path = run.input("labs/retrieval/data/collections") / "locomo.json"
        encoder = load_encoder(run.input("labs/retrieval/models/dense"), run.params.dense.context)
        drawn_from = observed_turns(path)
        rows: list[dict[str, Any]] = []
        for talk in read_locomo(path, run.params.turn):
            rows += measure(talk, "verbatim", tuple(TITLES), encoder)
            rows += measure(talk, "observation", ("fts5", "bm25_rm3"), None, drawn_from)
            rows += measure(talk, "summary", ("fts5", "bm25_rm3"), None)
        for name, text in VARIANTS.items():
            for talk in read_locomo(path, text):
                rows += [{**row, "arm": name} for row in measure(talk, "verbatim", ("fts5",), None)]
        write_jsonl(RECORDS, rows)
        questions = {part: len(kept(rows, "fts5", "verbatim", part)) for part in PARTS}
        run.report(summary(rows), questions=questions, **runtime.facts())


def measure(
    talk: Conversation,
    index: str,
    names: Sequence[str],
    encoder: Encoder | None,
    drawn_from: dict[tuple[str, str, int], list[str]] | None = None,
) -> Iterator[dict[str, Any]]:
    """A row an arm and question of one conversation. Neither settings nor statistics know of the others."""
    documents = {"verbatim": talk.sessions, "observation": talk.observations, "summary": talk.summaries}[index]
    with DocumentStore(":memory:") as store:
        store.add(documents)
        legs = arms(store, Bm25Config(), encoder, depth=DEPTH, default_only=names == ("fts5",))
        for name, leg in legs.items():
            for topic in talk.topics if name in names else ():
                found = store.passages(leg.rank(topic.text, DEPTH))
                turns = [turns_of(passage, talk.id, index, drawn_from) for passage in found]
                scores = scored(found, turns, topic, with_turns=index != "summary")
                base = {"arm": name, "index": index, "conversation": talk.id, "question": topic.id}
                yield {**base, "category": topic.group, **scores}


def turns_of(
    passage: Passage, talk: str, index: str, drawn_from: dict[tuple[str, str, int], list[str]] | None
) -> list[str]:
    """The turns that a passage shows, or was drawn from."""
    if index == "verbatim":
        return [f"{passage.document}:{passage.first_line}"]
    return [] if drawn_from is None else drawn_from[talk, passage.document, passage.first_line]


def scored(found: Sequence[Passage], turns: Sequence[list[str]], topic: Topic, with_turns: bool) -> dict[str, float]:
    """Recall of turns and sessions among the first k passages (turns) or sessions, and within budgets of tokens."""
    gold_sessions = dict.fromkeys((turn.partition(":")[0] for turn in topic.judged), 1)
    sessions = list(dict.fromkeys(passage.document for passage in found))
    scores = {f"session_recall@{k}": recall_at(k, sessions, gold_sessions) for k in RANKS}
    scores["session_hit@10"] = float(scores["session_recall@10"] > 0)
    for budget in BUDGETS:
        fits = within(found, budget)
        shown = list(dict.fromkeys(passage.document for passage in found[:fits]))
        scores[f"session_recall_in_{budget}"] = recall_at(len(shown) or 1, shown, gold_sessions)
        if with_turns:
            scores[f"turn_recall_in_{budget}"] = covered(turns[:fits], topic)
    if with_turns:
        scores |= {f"turn_recall@{k}": covered(turns[:k], topic) for k in RANKS}
    return scores


def covered(turns: Sequence[list[str]], topic: Topic) -> float:
    """The share of the evidence turns among those of some passages."""
    shown = list(dict.fromkeys(turn for group in turns for turn in group))
    return recall_at(len(shown) or 1, shown, topic.judged)


def within(found: Sequence[Passage], budget: int) -> int:
    """How many passages, from the first on, fit into a budget of tokens together."""
    used = 0
    for count, passage in enumerate(found):
        used += len(TOKEN.findall(f"{passage.title}: {passage.text}"))
        if used > budget:
            return count
    return len(found)


PARTS = {"all": None, "without_adversarial": ADVERSARIAL}


def kept(rows: Sequence[dict[str, Any]], arm: str, index: str, part: str) -> list[dict[str, Any]]:
    """The rows of an arm, with or without the adversarial questions."""
    own = [row for row in rows if (row["arm"], row["index"]) == (arm, index)]
    return [row for row in own if row["category"] != PARTS[part]]


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """By index, arm and part of the questions; intervals clustered by conversation."""
    found: dict[str, Any] = {}
    for index, arm in dict.fromkeys((row["index"], row["arm"]) for row in rows):
        names = SESSIONS if index == "summary" else [*TURNS, *SESSIONS]
        found.setdefault(index, {})[arm] = {
            part: means(kept(rows, arm, index, part), names, "conversation") for part in PARTS
        }
    return found


if __name__ == "__main__":
    main()
