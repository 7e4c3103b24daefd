"""The checkpoints of the chain beside each other: which are there, and which command makes the others."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from playbook.model.checkpoint import load_model
from playbook.model.gpt import GPTMini
from playbook.plumbing.errors import InputError
from playbook.text.tokenizer import Tokenizer, load_tokenizer

STAGES = {"base": "pretrain", "sft": "sft", "dpo": "dpo", "grpo": "grpo"}
"""Checkpoint -> the stage that makes it, in the order of the chain."""
TITLES = {"base": "Base", "sft": "SFT", "dpo": "DPO", "grpo": "GRPO"}


@dataclass(frozen=True)
class Checkpoint:
    """A model with its tokenizer."""

    model: GPTMini
    tokenizer: Tokenizer


class Checkpoints:
    """Those below `folder`, each read when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.open = cache(self._open)

    def there(self) -> list[str]:
        """Names of those that have been trained."""
        return [name for name in STAGES if (self.folder / name / "model.safetensors").exists()]

    def advice(self) -> str:
        """What to run for those that are missing; nothing where all are there."""
        missing = [name for name in STAGES if name not in self.there()]
        if len(missing) == len(STAGES):
            return "No model has been trained yet. Run `make repro` (README.md: how long), then `make demo` again."
        told = ", ".join(f"`dvc repro {STAGES[name]}` for {TITLES[name]}" for name in missing)
        return f"Not trained yet: run {told}." if missing else ""

    def _open(self, name: str) -> Checkpoint:
        """A model that has not been trained raises `InputError`."""
        if name not in self.there():
            raise InputError(self.folder / name, "a trained model", "none", f"dvc repro {STAGES[name]}")
        folder = self.folder / name
        return Checkpoint(load_model(folder), load_tokenizer(folder / "tokenizer.json"))
