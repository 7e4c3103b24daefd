"""The cache changes the time, not the logits."""

import pytest
import torch
from toy import VOCAB, randomised

from playbook.model.gpt import GPTMini, ModelConfig


@pytest.mark.parametrize("preset", ["gpt2", "modern"])
@pytest.mark.parametrize("kv_heads", [1, 2])
@pytest.mark.parametrize("reach", [0, 3, 20])
def test_cached_equals_uncached(preset: str, kv_heads: int, reach: int) -> None:
    config = ModelConfig(16, 2, 28, 2, kv_heads, preset, convolution=reach)  # type: ignore[arg-type]
    model = randomised(GPTMini(config, VOCAB))
    row = torch.randint(VOCAB, (3, 9))
    cache = model.new_cache(torch.zeros(3, dtype=torch.long), capacity=9)
    pieces = [model(row[:, a:b], cache=cache) for a, b in ((0, 4), (4, 5), (5, 9))]
    torch.testing.assert_close(torch.cat(pieces, 1), model(row), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("preset", ["gpt2", "modern"])
@pytest.mark.parametrize("reach", [0, 3])
def test_padding_on_the_left_changes_nothing(preset: str, reach: int) -> None:
    config = ModelConfig(16, 2, 28, 2, preset=preset, convolution=reach)  # type: ignore[arg-type]
    model = randomised(GPTMini(config, VOCAB))
    short, long = torch.randint(VOCAB, (1, 4)), torch.randint(VOCAB, (1, 7))
    rows = torch.cat((torch.cat((torch.zeros(1, 3, dtype=torch.long), short), 1), long))
    together = model(rows, cache=model.new_cache(torch.tensor([3, 0]), capacity=7))
    assert together.isfinite().all()
    torch.testing.assert_close(together[:1, 3:], model(short), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(together[1:], model(long), atol=1e-5, rtol=1e-4)


def test_overflow_is_an_error(tiny: GPTMini) -> None:
    cache = tiny.new_cache(torch.zeros(1, dtype=torch.long), capacity=3)
    with pytest.raises(ValueError, match="3 positions cannot hold 4"):
        tiny(torch.zeros(1, 4, dtype=torch.long), cache=cache)
