"""A trained model as a folder: `model.safetensors` (weights) and `config.json` (shape, vocabulary).

safetensors: the same tensors give the same bytes, and loading never runs code. Files appear whole or not at all.
"""

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from playbook.model.gpt import GPTMini, ModelConfig
from playbook.plumbing.config import build
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import atomic_write, read_json, write_json


def save_model(model: GPTMini, folder: str | Path) -> None:
    """Write weights and shape. A full disk or a kill leaves the checkpoint that was there before."""
    folder = Path(folder)
    with atomic_write(folder / "model.safetensors", "wb") as handle:
        handle.write(safetensors.torch.save(_tensors(model)))
    write_json(folder / "config.json", {"vocab_size": model.vocab_size, "model": dataclasses.asdict(model.config)})


def load_model(folder: str | Path, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> GPTMini:
    """Read a model back, ready to evaluate. A missing, cut or mismatched file raises `InputError`."""
    folder = Path(folder)
    config = read_json(folder / "config.json")
    if not isinstance(config, dict) or not {"vocab_size", "model"} <= set(config):
        raise InputError(folder / "config.json", "the keys vocab_size and model", config, "dvc repro")
    shape = build(ModelConfig, config["model"], str(folder / "config.json"))
    model = GPTMini(shape, config["vocab_size"], dtype)
    load_weights(model, folder / "model.safetensors")
    return model.to(device).eval()


def load_weights(model: GPTMini, path: Path) -> None:
    """Fill `model` from a safetensors file that must hold exactly its tensors."""
    try:
        tensors: dict[str, Any] = safetensors.torch.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise InputError(path, "a whole safetensors file", error, "dvc repro") from None
    expected = {name: tuple(t.shape) for name, t in _tensors(model).items()}
    found = {name: tuple(t.shape) for name, t in tensors.items()}
    if wrong := sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)):
        name = wrong[0]
        raise InputError(f"{path}: {name}", f"shape {expected.get(name)}", f"shape {found.get(name)}", "dvc repro")
    model.load_state_dict(tensors, strict=False)  # a tied head has no tensor of its own


def _tensors(model: GPTMini) -> dict[str, torch.Tensor]:
    state = model.state_dict()
    if model.config.tie_embeddings:
        state.pop("head.weight")  # safetensors refuses tensors that share memory
    return {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}


def weights_sha256(model: GPTMini) -> str:
    """A digest of all weights: equal if and only if two models are equal to the last bit."""
    digest = hashlib.sha256()
    for name, tensor in sorted(_tensors(model).items()):
        digest.update(name.encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()
