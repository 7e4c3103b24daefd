"""The same model on a GPU: as on the CPU but for rounding, and a training twice with the same bits."""

from pathlib import Path

import pytest
import torch
from toy import BATCH, TIME, VOCAB, randomised

from playbook.data.batches import PackedDocuments
from playbook.data.token_file import TokenFile, write_tokens
from playbook.inference.generate import generate
from playbook.inference.sampling import SamplingConfig, filter_logits
from playbook.model.checkpoint import weights_sha256
from playbook.model.gpt import GPTMini, ModelConfig
from playbook.plumbing.runtime import RuntimeConfig, start
from playbook.text.chat import Encoded
from playbook.training.trainer import TrainConfig, Trainer

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
CONFIG = ModelConfig(context=64, layers=2, width=64, heads=2, convolution=3)


def test_logits_are_those_of_the_cpu() -> None:
    start(RuntimeConfig(threads=1, device="cuda", precision="float32"))
    model = randomised(GPTMini(CONFIG, VOCAB))
    ids = torch.randint(VOCAB, (BATCH, TIME), generator=torch.Generator().manual_seed(1))
    expected = model(ids).detach()
    assert torch.allclose(model.cuda()(ids.cuda()).detach().cpu(), expected, atol=1e-4 * float(expected.abs().max()))


def test_a_training_on_packed_documents_gives_the_same_bits_twice(tmp_path: Path) -> None:
    documents = [
        Encoded([(first + i) % VOCAB for i in range(9 + first)], [True] * (9 + first), 9) for first in range(90)
    ]
    write_tokens(tmp_path / "t.tokens", documents, VOCAB)
    config = TrainConfig(tokens=64 * 8 * 12, batch=8, document_mask=True)
    hashes = []
    for run in ("first", "second"):
        runtime = start(RuntimeConfig(threads=1, device="cuda"))
        assert runtime.precision == "bfloat16"
        (tmp_path / run).mkdir()
        model = GPTMini(CONFIG, VOCAB, runtime.dtype).to(runtime.device)
        Trainer(model, PackedDocuments(TokenFile.open(tmp_path / "t.tokens"), 64, 8, 1), config, tmp_path / run).run()
        hashes.append(weights_sha256(model))
    assert hashes[0] == hashes[1]


def test_top_p_keeps_the_same_tokens() -> None:
    start(RuntimeConfig(threads=1, device="cuda"))
    logits = torch.randn(BATCH, VOCAB, generator=torch.Generator().manual_seed(1))
    kept = filter_logits(logits.cuda(), SamplingConfig(top_p=0.7)).isfinite().cpu()
    assert torch.equal(kept, filter_logits(logits, SamplingConfig(top_p=0.7)).isfinite())


def test_generation_from_a_cache_is_that_of_the_cpu() -> None:
    start(RuntimeConfig(threads=1, device="cuda", precision="float32"))
    model = randomised(GPTMini(CONFIG, VOCAB))
    prompts = [[1, 2, 3], [4, 5, 6, 7, 8, 9], [2]]
    greedy = SamplingConfig(temperature=0.0)
    on_gpu = generate(model.cuda(), prompts, greedy, max_new_tokens=8)
    assert on_gpu == generate(model.cpu(), prompts, greedy, max_new_tokens=8)
