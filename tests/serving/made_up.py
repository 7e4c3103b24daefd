"""Checkpoints that know nothing, and results of a lab that was never run: what the page is tested with."""

import json
from pathlib import Path

import torch

from playbook.model.checkpoint import save_model
from playbook.model.gpt import GPTMini, ModelConfig
from playbook.serving.checkpoints import STAGES
from playbook.text.tokenizer import CharTokenizer

LOCAL = {"127.0.0.1", "localhost", "::1"}
TOKENIZER = CharTokenizer({chr(i) for i in range(32, 127)} | {"\n"}, specials=True)


def untrained(folder: Path, names: tuple[str, ...] = tuple(STAGES)) -> Path:
    """A folder of checkpoints, each with other random weights."""
    for seed, name in enumerate(names):
        torch.manual_seed(seed)
        model = GPTMini(ModelConfig(context=96, layers=2, width=28, heads=2), TOKENIZER.vocab_size)
        with torch.no_grad():
            for p in model.parameters():
                p.normal_(std=0.3)
        save_model(model, folder / name)
        TOKENIZER.save(folder / name / "tokenizer.json")
    return folder


def measurement(value: float) -> dict[str, object]:
    return {"value": value, "ci95": [value - 0.1, value + 0.1], "n": 40, "seeds": 3}


ARMS = {
    "start": {"kl": measurement(0.0), "gold": measurement(0.3)},
    "free@8": {"kl": measurement(4.0), "gold": measurement(0.5)},
    "free": {"kl": measurement(9.0), "gold": measurement(0.1)},
    "held": {"kl": measurement(1.0), "gold": measurement(0.4)},
}


def lab(folder: Path) -> Path:
    """Results as labs/failure_modes writes them: a path against KL, and arms without one."""
    folder.mkdir(parents=True, exist_ok=True)
    near = {"one": {"length": measurement(2.0)}, "other": {"length": measurement(3.0)}}
    (folder / "hacking.json").write_text(json.dumps({"arms": ARMS, "verdict": "PASS"}))
    (folder / "length.json").write_text(json.dumps({"arms": near, "verdict": "INCONCLUSIVE"}))
    return folder
