"""What is asked about nobody and about what is not recorded: names that can only be read."""

import random

from playbook.data.world.unanswerable import HELD_OUT_MISSING, MISSING, QUESTION_WORDS, SPLICED, WORDS, about_missing


def missing(count: int, held_out: bool = False) -> list[str]:
    rng = random.Random(1)
    return [about_missing(rng, "Ada Kell", held_out, SPLICED)["attribute"] for _ in range(count)]


def test_strange_nouns_share_their_pieces_with_every_word_of_questions() -> None:
    """Else a piece that stands in one wording alone tells, by itself, what is asked for."""
    strange = {word for name in set(missing(20000)) - set(MISSING) for word in name.split()}
    pieces = {word[i : i + 2] for word in strange for i in range(len(word) - 1)}
    assert {word[i : i + 2] for word in QUESTION_WORDS for i in range(len(word) - 1)} <= pieces
    assert "money" in QUESTION_WORDS
    assert not strange & WORDS


def test_what_evaluation_asks_for_is_never_trained_on() -> None:
    asked = missing(20000)
    assert not set(asked) & set(HELD_OUT_MISSING)
    assert not {word for name in asked for word in name.split()} & {"eye", "song", "nickname"}
    assert set(missing(100, held_out=True)) == set(HELD_OUT_MISSING)


def test_names_of_the_list_are_drawn_as_often_as_strange_ones() -> None:
    asked = missing(4000)
    assert abs(sum(name in MISSING for name in asked) / len(asked) - 0.5) < 0.03
