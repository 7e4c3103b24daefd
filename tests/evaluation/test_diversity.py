"""distinct-2 and consistency on texts small enough to count by hand."""

import numpy as np
import pytest

from playbook.evaluation.diversity import consistency, distinct_2
from playbook.evaluation.statistics import wilson


def test_distinct_2_counts_over_all_texts_together() -> None:
    measured = distinct_2(["the red fox ran", "The red hen ran"])
    assert measured.value == pytest.approx(5 / 6)  # "the red" comes twice
    assert measured.n == 2


def test_the_same_text_again_and_again() -> None:
    measured = distinct_2(["a b"] * 50)
    assert measured.value == pytest.approx(1 / 50)
    assert measured.ci95[1] < 0.03


def test_texts_without_a_bigram() -> None:
    assert (distinct_2(["", "one"]).value, distinct_2(["", "one"]).ci95) == (0, (0, 1))


def test_the_jackknife_is_not_narrower_than_the_spread_of_new_samples_nor_much_wider() -> None:
    rng = np.random.default_rng(0)

    def sample() -> list[str]:
        return [" ".join(map(str, rng.integers(0, 12, size=6))) for _ in range(40)]

    spread = 1.96 * np.std([distinct_2(sample()).value for _ in range(200)])
    halves = [(m.ci95[1] - m.ci95[0]) / 2 for m in (distinct_2(sample()) for _ in range(20))]
    assert 0.9 * spread < np.mean(halves) < 2.5 * spread


def test_consistency_compares_answers_not_their_dress() -> None:
    rows = [
        {"entity": "ann", "attribute": "job", "answer": "Baker."},
        {"entity": "ann", "attribute": "job", "answer": " baker"},
        {"entity": "ann", "attribute": "town", "answer": "Oakton."},
        {"entity": "ann", "attribute": "town", "answer": "Fenton."},
        {"entity": "ben", "attribute": "job", "answer": "vet."},  # asked once: not counted
    ]
    measured = consistency(rows)
    assert measured is not None
    assert (measured.value, measured.n, measured.ci95) == (0.5, 1, wilson(0.5, 1))
    assert consistency(rows[-1:]) is None
