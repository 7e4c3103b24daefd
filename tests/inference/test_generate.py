"""Generation in batches equals generation one by one without a cache."""

import pytest
import torch

from playbook.inference.generate import generate
from playbook.inference.sampling import GREEDY, SamplingConfig
from playbook.model.gpt import GPTMini

PROMPTS = [[1, 2, 3], [4], [5, 6, 7, 8, 9]]


def one_by_one(model: GPTMini, prompt: list[int], count: int) -> list[int]:
    """Greedy decoding as one would write it first: the whole text through the model for every token."""
    ids = list(prompt)
    for _ in range(count):
        ids.append(int(model(torch.tensor([ids]))[0, -1].argmax()))
    return ids[len(prompt) :]


def test_batched_prompts_of_unequal_length_equal_single_ones(tiny: GPTMini) -> None:
    whole = [one_by_one(tiny, prompt, 8) for prompt in PROMPTS]
    assert generate(tiny, PROMPTS, GREEDY, [], max_new_tokens=8) == whole
    for stop in {token for ids in whole for token in ids}:  # whatever token stops, rows leave at different times
        expected = [ids[: ids.index(stop)] if stop in ids else ids for ids in whole]
        assert generate(tiny, PROMPTS, GREEDY, [stop], max_new_tokens=8) == expected


def test_seeded_sampling_repeats(tiny: GPTMini) -> None:
    def draw(seed: int) -> list[list[int]]:
        return generate(tiny, PROMPTS, SamplingConfig(), [], 8, torch.Generator().manual_seed(seed))

    assert draw(1) == draw(1) != draw(2)
    assert [len(answer) for answer in draw(1)] == [8, 8, 8]


def test_no_prompts_and_empty_prompts(tiny: GPTMini) -> None:
    assert generate(tiny, [], GREEDY) == []
    with pytest.raises(ValueError, match="empty prompt"):
        generate(tiny, [[1], []], GREEDY)
