"""Chances and looks of a model that knows nothing are still chances and looks."""

from pathlib import Path

import pytest
from serving.made_up import untrained

from playbook.plumbing.errors import InputError
from playbook.serving.checkpoints import Checkpoint, Checkpoints
from playbook.serving.inspector import NEW_TOKENS, RIVALS, Reading, heads, looks, read


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return Checkpoints(untrained(tmp_path_factory.mktemp("models"), ("sft",))).open("sft")


@pytest.fixture(scope="module")
def reading(checkpoint: Checkpoint) -> Reading:
    return read(checkpoint, "Who are you?")


def test_every_token_but_the_first_has_a_chance_and_ordered_rivals(reading: Reading) -> None:
    assert reading.tokens[0].probability is None
    for token in reading.tokens[1:]:
        chances = [chance for _, chance in token.rivals]
        assert token.probability is not None
        assert 0 < token.probability <= 1
        assert len(chances) == RIVALS
        assert chances == sorted(chances, reverse=True)
        assert sum(chances) <= 1 + 1e-5


def test_a_greedy_answer_is_made_of_the_likeliest_tokens(reading: Reading) -> None:
    written = reading.tokens[reading.start :]
    assert 0 < len(written) <= NEW_TOKENS + 1
    assert all(token.text == token.rivals[0][0] for token in written)
    assert reading.certainty == min(token.rivals[0][1] for token in written)
    assert reading.ended == (written[-1].text == "<|end|>")


def test_draws_follow_the_seed(checkpoint: Checkpoint) -> None:
    one, same, other = (read(checkpoint, "Who?", 1.0, seed).ids for seed in (1, 1, 2))
    assert one == same != other


def test_looks_sum_to_one_and_see_nothing_that_comes_later(checkpoint: Checkpoint, reading: Reading) -> None:
    for head in heads(checkpoint):
        weights = looks(checkpoint, reading, reading.start, head)
        assert len(weights) == reading.start  # from the position that wrote the first token of the answer
        assert weights.sum().item() == pytest.approx(1, abs=1e-5)
    assert len(heads(checkpoint)) == 1 + 2 * 2
    single = [looks(checkpoint, reading, reading.start, head) for head in heads(checkpoint)[1:]]
    mean = looks(checkpoint, reading, reading.start, heads(checkpoint)[0])
    assert mean.tolist() == pytest.approx((sum(single[1:], single[0]) / len(single)).tolist(), abs=1e-6)


def test_what_is_not_trained_is_told_with_its_command(tmp_path: Path) -> None:
    nothing = Checkpoints(tmp_path)
    assert "make repro" in nothing.advice()
    some = Checkpoints(untrained(tmp_path, ("base", "sft")))
    assert some.there() == ["base", "sft"]
    assert some.advice() == "Not trained yet: run `dvc repro dpo` for DPO, `dvc repro grpo` for GRPO."
    with pytest.raises(InputError, match="dvc repro dpo"):
        some.open("dpo")
    assert Checkpoints(untrained(tmp_path)).advice() == ""
