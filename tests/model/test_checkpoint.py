"""Checkpoints: the same bits back, and clear words about files that are not whole."""

import os
from pathlib import Path

import pytest
import torch
from toy import VOCAB

from playbook.model.checkpoint import load_model, save_model, weights_sha256
from playbook.model.gpt import GPTMini, ModelConfig
from playbook.plumbing.errors import InputError


@pytest.mark.parametrize("tied", [True, False])
def test_round_trip_gives_the_same_bits(tmp_path: Path, tied: bool) -> None:
    model = GPTMini(ModelConfig(16, 2, 28, 2, tie_embeddings=tied), VOCAB).eval()
    save_model(model, tmp_path)
    again = load_model(tmp_path)
    assert weights_sha256(again) == weights_sha256(model)
    row = torch.randint(VOCAB, (2, 5))
    assert torch.equal(again(row), model(row))
    assert again.config == model.config


def test_the_same_model_gives_the_same_file(tmp_path: Path, tiny: GPTMini) -> None:
    save_model(tiny, tmp_path / "a")
    save_model(tiny, tmp_path / "b")
    assert (tmp_path / "a/model.safetensors").read_bytes() == (tmp_path / "b/model.safetensors").read_bytes()


def test_hash_sees_a_single_bit(tiny: GPTMini) -> None:
    before = weights_sha256(tiny)
    with torch.no_grad():
        tiny.head.weight[0, 0] = torch.nextafter(tiny.head.weight[0, 0], torch.tensor(9.0))
    assert weights_sha256(tiny) != before


def test_a_cut_file_is_refused(tmp_path: Path, tiny: GPTMini) -> None:
    save_model(tiny, tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(InputError, match=r"model\.safetensors\n  expected: a whole safetensors file"):
        load_model(tmp_path)


def test_a_missing_folder_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="dvc repro"):
        load_model(tmp_path / "nowhere")


def test_weights_of_another_shape_name_the_tensor(tmp_path: Path, tiny: GPTMini) -> None:
    save_model(tiny, tmp_path)
    config = tmp_path / "config.json"
    config.write_text(config.read_text().replace('"vocab_size": 23', '"vocab_size": 24'))
    with pytest.raises(InputError, match=r"head\.weight\n  expected: shape \(24, 28\)\n  got:      shape \(23, 28\)"):
        load_model(tmp_path)


def test_a_full_disk_leaves_the_old_checkpoint(tmp_path: Path, tiny: GPTMini, monkeypatch: pytest.MonkeyPatch) -> None:
    save_model(tiny, tmp_path)
    before = weights_sha256(load_model(tmp_path))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with torch.no_grad():
        tiny.head.weight.add_(1)
    with pytest.raises(OSError, match="No space left"):
        save_model(tiny, tmp_path)
    assert weights_sha256(load_model(tmp_path)) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["config.json", "model.safetensors"]
