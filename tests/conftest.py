"""One small world for all tests: array shapes are checked, threads are few, nothing reaches the network."""

import gc
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the workers of pytest-xdist share two cores

from jaxtyping import install_import_hook

SHAPED = ["model", "training", "posttraining", "inference", "data.batches", "agent.dense", "serving.inspector"]
"""Where signatures hold shapes. Elsewhere types are mypy's work, and a check of each call would be slow."""
install_import_hook([f"playbook.{name}" for name in SHAPED], "beartype.beartype")  # before any of them is imported

import pytest  # noqa: E402
import torch  # noqa: E402
from toy import HEADS, LAYERS, VOCAB, WIDTH, randomised  # noqa: E402

from playbook.model.gpt import GPTMini, ModelConfig  # noqa: E402
from playbook.plumbing.runtime import seed_everything  # noqa: E402


def pytest_collection_finish() -> None:
    """What the imports have left lives to the end: the garbage collector need not walk through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _seeded() -> None:
    seed_everything(1)
    torch.set_num_threads(1)


@pytest.fixture
def tiny_config() -> ModelConfig:
    """The `modern` preset at toy size."""
    return ModelConfig(context=16, layers=LAYERS, width=WIDTH, heads=HEADS)


@pytest.fixture
def tiny(tiny_config: ModelConfig) -> GPTMini:
    """A model whose weights are all random: zero-initialised projections would hide mistakes behind them."""
    return randomised(GPTMini(tiny_config, VOCAB))
