"""Pairs as batches: what counts, what is hidden, what is refused, and the order in which they come."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from posttraining.made_up import ROWS, TOKENIZER, pairs, row

from playbook.plumbing.errors import InputError
from playbook.plumbing.files import write_jsonl
from playbook.posttraining.pairs import (
    PairBatch,
    PairBatches,
    collate,
    encode_pair,
    read_pairs,
    scored,
    split_rows,
    without_reasoning,
)
from playbook.text.special_tokens import END, PAD_ID
from playbook.text.tokenizer import CharTokenizer


def test_only_the_answer_and_its_end_count() -> None:
    batch = collate([encode_pair(row("a", "a.", "bc."), TOKENIZER, 32)])
    said = [
        [int(token) for token, weight in zip(targets, weights, strict=True) if weight]
        for targets, weights in zip(batch.targets, batch.weights, strict=True)
    ]
    end = TOKENIZER.id_of(END)
    assert [ids[-1] for ids in said] == [end, end]
    assert [TOKENIZER.decode(ids[:-1]) for ids in said] == [" a.", " bc."]


def test_rewards_are_read_at_end_and_end_is_not_padding() -> None:
    batch = collate([encode_pair(row("a", "a.", "bcd."), TOKENIZER, 32)])
    end = TOKENIZER.id_of(END)
    assert end != PAD_ID
    assert batch.inputs[torch.arange(2), batch.ends].tolist() == [end, end]
    assert batch.inputs[0, batch.ends[0] + 1 :].tolist() == [PAD_ID] * 2


def test_scores_come_in_the_order_of_the_pairs_whatever_goes_together() -> None:
    many = [encode_pair(row("a", "b" * size + ".", "c."), TOKENIZER, 32) for size in (9, 1, 5, 3, 7, 2)]
    widths = []

    def length(batch: PairBatch) -> torch.Tensor:
        widths.append(batch.inputs.shape[1])
        return batch.ends.float()

    together = scored(many, 2, length)
    assert widths == sorted(set(widths))  # a longer one with each batch, no short row beside a long one
    assert torch.equal(together, torch.cat([scored([pair], 1, length) for pair in many]))


def test_what_is_to_come_is_known_beforehand() -> None:
    stream = PairBatches(pairs(), 4, seed=2)
    foreseen = collate([pairs()[place] for place in stream.upcoming(2)])
    given = [row for batch in (next(stream), next(stream)) for row in batch.inputs.tolist()]
    assert sorted(given) == sorted(foreseen.inputs.tolist())


def test_what_the_world_knows_is_not_encoded() -> None:
    plain = row("a", "a.", "b.")
    told = {**plain, "gold_chosen": 1.0, "gold_rejected": -1.0, "label": "noise", "kind": "fact"}
    assert encode_pair(plain, TOKENIZER, 32) == encode_pair(told, TOKENIZER, 32)
    assert encode_pair({**plain, "margin": 2.0}, TOKENIZER, 32).margin == 2.0


def test_an_abstention_is_known_by_its_words() -> None:
    said = "I don't know.", "I know."
    letters = CharTokenizer("".join(sorted({*"".join(said), *"ab?"})))
    silent, told = (encode_pair(row("a", one, "b."), letters, 64) for one in said)
    assert (silent.abstains, told.abstains) == ((True, False), (False, False))
    assert collate([told, silent]).abstains.tolist() == [False, False, True, False]


def test_a_policy_is_taught_the_reasoning_and_a_judge_does_not_see_it() -> None:
    plain = row("a", "a.", "b.")
    reasoned = {**plain, "chosen": [{**plain["chosen"][0], "reasoning_content": "fed"}]}
    both = encode_pair(reasoned, TOKENIZER, 32)
    assert sum(both.chosen.counts) == sum(both.rejected.counts) + len(" fed") + 2  # its two markers
    assert encode_pair(without_reasoning(reasoned), TOKENIZER, 32) == encode_pair(plain, TOKENIZER, 32)
    assert "reasoning_content" in reasoned["chosen"][0]


def test_a_pair_beyond_the_context_is_named() -> None:
    with pytest.raises(InputError, match=r"at most 8 tokens(.|\n)*the prompt 'a\?'"):
        encode_pair(row("a", "a.", "b."), TOKENIZER, 8)


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [(row("a", "b.", "b."), "two answers that differ"), (row("a", "", "b."), "chosen(.|\n)*an empty one")],
)
def test_bad_rows_are_named(tmp_path: Path, bad: dict[str, object], complaint: str) -> None:
    write_jsonl(tmp_path / "preferences.jsonl", [ROWS[0], bad])
    with pytest.raises(InputError, match=f"jsonl:2(.|\n)*{complaint}"):
        read_pairs(tmp_path / "preferences.jsonl")


def test_no_preferences_at_all(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "preferences.jsonl", [])
    assert read_pairs(tmp_path / "preferences.jsonl") == []


def test_nobody_is_on_both_sides_of_the_split() -> None:
    rows = [row(a, "a.", f"{b}.") | {"entity": f"{a}{n}"} for a in "abcdef" for b in "bcdef" for n in range(40)]
    trained, held_out = split_rows(rows, 0.25)
    assert not {one["entity"] for one in trained} & {one["entity"] for one in held_out}
    assert 0.15 < len(held_out) / len(rows) < 0.35
    assert split_rows(rows[:50], 0.25)[1] == [one for one in held_out if one in rows[:50]]


def test_rows_without_an_entity_are_split_by_their_prompt() -> None:
    bare = [{key: value for key, value in one.items() if key != "entity"} for one in ROWS]
    trained, held_out = split_rows(bare, 0.5)
    assert not {str(one["prompt"]) for one in trained} & {str(one["prompt"]) for one in held_out}


def test_an_epoch_gives_every_pair_once_and_a_cursor_goes_on() -> None:
    stream = PairBatches(pairs(), 6, seed=1)
    seen = Counter(tuple(row) for _ in range(5) for row in next(stream).inputs[1::2].tolist())
    assert len(pairs()) == 30
    assert set(seen.values()) == {1}
    state = stream.state()
    after = [next(stream).inputs for _ in range(7)]
    again = PairBatches(pairs(), 6, seed=1)
    again.load_state(state)
    assert all(torch.equal(one, next(again).inputs) for one in after)


def test_batches_stay_of_like_length_from_one_epoch_to_the_next() -> None:
    sizes = range(1, 19)
    many = [encode_pair(row("a", "b" * size + ".", "c."), TOKENIZER, 32) for size in sizes]
    stream = PairBatches(many, 4, seed=1)
    longest = [sorted(next(stream).ends[::2].tolist()) for _ in range(12)]  # three epochs of 4 batches, 2 pairs left
    for epoch in (longest[:4], longest[4:8], longest[8:]):
        assert len({end for batch in epoch for end in batch}) == 16
        assert all(one[-1] < two[0] for one, two in pairwise(sorted(epoch)))  # batches do not overlap in length


def test_a_cursor_into_other_pairs_is_refused() -> None:
    with pytest.raises(InputError, match="data cursor: pairs"):
        PairBatches(pairs()[:20], 6, seed=1).load_state(PairBatches(pairs(), 6, seed=1).state())
