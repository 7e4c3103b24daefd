"""Sentences turn with the numbers."""

import pandas as pd
import pytest
from reporting.made_up import ABOVE, CHANCE, closed_book, measured, to_json

from playbook.reporting.results import Results
from playbook.reporting.takeaways import learning, memory

Triple = tuple[float, float, float]


def curve(losses: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"num_tokens": [1e6 * (i + 1) for i in range(len(losses))], "loss": losses, "val_loss": losses})


def said(**changes: dict[str, Triple]) -> str:
    tree = closed_book()
    for name, values in changes.items():
        tree[name] = tree[name] | {key: measured(*value) for key, value in values.items()}
    return " ".join(memory(Results({"evaluate/base": to_json(tree)})))


def test_falling_loss() -> None:
    assert learning(curve([6.0, 3.0, 2.0])) == [
        "Validation loss fell: 6.000 after 1.00 million tokens, 2.000 after 3.00 million."
    ]


def test_a_loss_that_turned_is_told() -> None:
    first, second = learning(curve([6.0, 2.0, 3.0]))
    assert "fell" in first
    assert "lowest, 2.000, after 2.00 million tokens and has risen to 3.000" in second


def test_a_loss_that_did_not_fall() -> None:
    assert "did not fall" in learning(curve([2.0, 2.0, 2.0]))[0]


def test_no_validation_and_no_curve() -> None:
    only_training = curve([3.0, 2.0]).assign(val_loss=float("nan"))
    assert learning(only_training)[0].startswith("Training loss fell")
    assert learning(curve([])) == []


def test_a_good_run() -> None:
    text = said()
    assert "above chance, 0.07" in text
    assert "holds 0: no sign of a leak" in text
    assert "harder to get at" in text  # 0.98 of B stays below 0.985 of A
    assert "never says that it does not know" in text


def test_overlap_is_not_a_difference() -> None:
    assert "the intervals overlap" in said(closed_book={"B": (0.98, 0.96, 0.99)})


@pytest.mark.parametrize(
    ("above", "words"), [((0.3, 0.2, 0.4), "look for a leak"), ((-0.05, -0.06, -0.04), "That is below chance")]
)
def test_strangers_off_chance(above: Triple, words: str) -> None:
    text = said(closed_book_above_chance={"C": above})
    assert words in text
    assert "no sign of a leak" not in text


def test_a_run_that_learned_nothing_does_not_claim_to_know() -> None:
    text = said(
        closed_book=dict.fromkeys("ABC", CHANCE["C"]), closed_book_above_chance=dict.fromkeys("ABC", ABOVE["C"])
    )
    assert text.count("not to be told from chance") == 2
    assert "above chance" not in text
    assert "no leak could show" in text
    assert "come out about as well" not in text


def test_abstention_is_told_with_its_rate() -> None:
    assert "says in 0.60 [0.50, 0.70] of the cases" in said(abstention_rate={"C": (0.6, 0.5, 0.7)})


def test_plain_text_has_no_memory() -> None:
    assert memory(Results({"evaluate/base": {"run": {}}})) == []
