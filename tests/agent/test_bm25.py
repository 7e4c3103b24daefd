"""The second leg: BM25 by hand, feedback that reaches documents the query does not name, and fusion."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbook.agent.bm25 import Bm25, Bm25Config, FeedbackConfig, terms
from playbook.agent.document_store import DocumentStore
from playbook.agent.fusion import reciprocal_rank_fusion
from playbook.agent.passages import Document, Passage
from playbook.agent.retriever import HybridRetriever
from playbook.plumbing.errors import InputError

PLAIN = FeedbackConfig(documents=0)
TEXTS = ["tea leaves tea", "tea water", "ink soot water", "soot"]


def index(texts: list[str], **config: object) -> Bm25:
    return Bm25([(10 + i, "", text, "") for i, text in enumerate(texts)], Bm25Config(**{"feedback": PLAIN, **config}))  # type: ignore[arg-type]


def by_hand(term: str, text: str, k1: float, b: float) -> float:
    lengths = [len(t.split()) for t in TEXTS]
    containing = sum(term in t.split() for t in TEXTS)
    count = text.split().count(term)
    idf = math.log(1 + (len(TEXTS) - containing + 0.5) / (containing + 0.5))
    return idf * count / (count + k1 * (1 - b + b * len(text.split()) / (sum(lengths) / len(lengths))))


@pytest.mark.parametrize("words", [1, 2])
def test_scores_are_those_of_the_formula(words: int) -> None:
    # counting every word twice while k1 is in words of the text changes nothing
    leg = index(TEXTS, k1=0.9, b=0.4, text=words)
    scores = leg.score("tea")
    expected = [by_hand("tea", text, 0.9, 0.4) for text in TEXTS]
    assert scores == pytest.approx(expected, rel=1e-5)
    assert leg.rank("tea water", 10)[0][0] == 11
    assert [number for number, _ in leg.rank("tea", 10)] == [10, 11]
    assert [number for number, _ in leg.rank("tea", 1)] == [10]


def test_stems_and_stop_words() -> None:
    assert terms("The Computers are computing") == ["comput", "comput"]
    assert terms("to be or not to be") == []
    assert terms("to be or not to be", keep_any=True)[:2] == ["to", "be"]


@pytest.mark.parametrize("query", ["", '"', "unknownword", "\ud800", "the"])
def test_a_query_without_known_words_finds_nothing(query: str) -> None:
    assert index(TEXTS).rank(query, 5) == []
    assert Bm25([], Bm25Config()).rank(query, 5) == []
    assert Bm25([(1, "", "", "")], Bm25Config()).rank(query, 5) == []


def test_feedback_finds_what_says_it_in_other_words() -> None:
    texts = ["car engine repair motor", "car engine oil motor", "motor engine service", "garden flower", "rose garden"]
    filler = [f"filler{i} text{i}" for i in range(20)]
    without = index([*texts, *filler])
    feedback = index([*texts, *filler], feedback=FeedbackConfig(documents=2, terms=5, common=0.5))
    assert [n for n, _ in without.rank("car", 10)] == [10, 11]
    assert [n for n, _ in feedback.rank("car", 10)][2] == 12


def test_with_all_weight_on_the_query_feedback_changes_nothing() -> None:
    same = index(TEXTS, feedback=FeedbackConfig(original=1.0))
    assert [n for n, _ in same.rank("tea water", 9)] == [n for n, _ in index(TEXTS).rank("tea water", 9)]


def test_bad_settings_are_refused() -> None:
    with pytest.raises(InputError, match="b from 0 to 1"):
        Bm25Config(b=2.0)
    with pytest.raises(InputError, match="a share"):
        FeedbackConfig(original=1.5)


def test_fusion_is_the_sum_of_reciprocal_ranks() -> None:
    fused = dict(reciprocal_rank_fusion([["a", "b"], ["b", "c"]]))
    assert fused == {"b": 1 / 62 + 1 / 61, "a": 1 / 61, "c": 1 / 62}
    weighted = reciprocal_rank_fusion([["a", "b"], ["b", "a"]], weights=[1.0, 3.0])
    assert [item for item, _ in weighted] == ["b", "a"]


@given(st.lists(st.permutations(list("abcde")), min_size=1, max_size=4))
def test_what_everybody_ranks_higher_is_ranked_higher(rankings: list[list[str]]) -> None:
    order = [item for item, _ in reciprocal_rank_fusion(rankings)]
    for first in "abcde":
        for second in "abcde":
            if all(ranking.index(first) < ranking.index(second) for ranking in rankings):
                assert order.index(first) < order.index(second)


class Backwards:
    """A reranker that turns everything round."""

    def rerank(self, query: str, passages: Sequence[Passage]) -> list[Passage]:
        return list(reversed(passages))


def test_legs_over_a_store_are_fused_and_reranked() -> None:
    with DocumentStore(":memory:") as store:
        store.add(Document(text, "", text) for text in TEXTS)
        both = HybridRetriever(store, [store, Bm25.of_store(store)])
        assert [p.document for p in both.search("tea", 5)] == ["tea leaves tea", "tea water"]
        assert both.search("tea", 5)[0].score == pytest.approx(2 / 61)
        assert both.search("tea", 0) == both.search("?", 5) == []
        turned = HybridRetriever(store, [store], Backwards())
        assert [p.document for p in turned.search("tea", 1)] == ["tea water"]
