"""Sampling rules on distributions small enough to work out by hand."""

import math

import pytest
import torch

from playbook.inference.sampling import GREEDY, SamplingConfig, filter_logits, sample
from playbook.plumbing.errors import InputError

LOGITS = torch.log(torch.tensor([[0.5, 0.3, 0.15, 0.05]]))


def kept(config: SamplingConfig) -> list[bool]:
    return filter_logits(LOGITS, config).isfinite()[0].tolist()


def test_top_k_keeps_the_largest() -> None:
    assert kept(SamplingConfig(top_k=2)) == [True, True, False, False]


@pytest.mark.parametrize(("top_p", "count"), [(0.4, 1), (0.5, 1), (0.7, 2), (0.81, 3), (1.0, 4)])
def test_top_p_keeps_the_smallest_set_that_reaches_it(top_p: float, count: int) -> None:
    assert sum(kept(SamplingConfig(top_p=top_p))) == count


def test_temperature_divides() -> None:
    torch.testing.assert_close(filter_logits(LOGITS, SamplingConfig(temperature=2.0)), LOGITS / 2)


def test_greedy_takes_the_most_likely() -> None:
    assert sample(LOGITS.flip(-1), GREEDY).tolist() == [3]


def test_samples_follow_the_distribution() -> None:
    generator = torch.Generator().manual_seed(0)
    draws = sample(LOGITS.expand(20_000, -1), SamplingConfig(), generator).bincount(minlength=4) / 20_000
    torch.testing.assert_close(draws, LOGITS.exp()[0], atol=4 * math.sqrt(0.25 / 20_000), rtol=0)


@pytest.mark.parametrize("bad", [{"temperature": -1.0}, {"top_k": 0}, {"top_p": 0.0}, {"top_p": 1.5}])
def test_bad_settings_name_themselves(bad: dict[str, float]) -> None:
    with pytest.raises(InputError) as error:
        SamplingConfig(**bad)  # type: ignore[arg-type]
    assert error.value.where == next(iter(bad))
