import dataclasses
import random

import numpy as np
import pytest
import torch

from playbook.plumbing import runtime
from playbook.plumbing.errors import InputError
from playbook.plumbing.runtime import RuntimeConfig, peak_rss_mb, seed_everything, start


def draws() -> list[float]:
    return [random.random(), float(np.random.rand()), float(torch.rand(()))]


def test_seeding_reaches_every_generator() -> None:
    seed_everything(7)
    first = draws()
    second = draws()
    seed_everything(7)
    assert draws() == first
    seed_everything(8)
    other = draws()
    assert all(x != y for x, y in zip(first, second, strict=True))
    assert all(x != y for x, y in zip(first, other, strict=True))


def test_start_sets_threads_and_tells_them() -> None:
    before = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    try:
        resolved = start(RuntimeConfig(threads=1, device="cpu", precision="float32", seed=5))
        assert torch.get_num_threads() == 1
        assert (resolved.device.type, resolved.dtype, resolved.precision) == ("cpu", torch.float32, "float32")
        assert resolved.facts() | {"threads": 1, "precision": "float32", "device": "cpu"} == resolved.facts()
        drawn = float(torch.rand(()))
        torch.manual_seed(5)
        assert float(torch.rand(())) == drawn
    finally:
        torch.set_num_threads(before)
        torch.use_deterministic_algorithms(deterministic)


@pytest.mark.parametrize(("has", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_precision_follows_the_hardware(monkeypatch: pytest.MonkeyPatch, has: bool, dtype: torch.dtype) -> None:
    deterministic = torch.are_deterministic_algorithms_enabled()
    monkeypatch.setattr(runtime, "_has_bfloat16", lambda _: has)
    config = RuntimeConfig(threads=1, device="cpu")
    try:
        assert start(config).dtype == dtype
        if not has:
            with pytest.raises(InputError, match=r"runtime\.precision"):
                start(dataclasses.replace(config, precision="bfloat16"))
    finally:
        torch.use_deterministic_algorithms(deterministic)


def test_a_device_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=r"runtime\.device"):
        start(RuntimeConfig(threads=1, device="cuda"))
    with pytest.raises(InputError, match="threads"):
        RuntimeConfig(threads=0)


def test_peak_memory_is_in_megabytes() -> None:
    assert 50 < peak_rss_mb() < 100_000
