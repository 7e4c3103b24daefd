"""nanoGPT's CPU recipe for tinyshakespeare, run with `transformers`' GPT-2: the clock that ours are compared with.

Reads: labs/real_text/data/tokens.
Writes: labs/real_text/reports/baseline.json, curves/baseline.csv beside it.
Note: the recipe is that of nanoGPT's README (section "I only have a macbook"): 4 layers, 4 heads, 128 wide, context 64,
batch 12, 2,000 iterations, no dropout; optimizer and schedule are the defaults of its config/train_shakespeare_char.py
and train.py. Float32, as nanoGPT computes on a CPU. The clock counts training steps only, not its evaluations.
"""

import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from transformers import GPT2Config, GPT2LMHeadModel

from playbook.data.batches import validation_windows
from playbook.data.token_file import TokenFile
from playbook.evaluation.language import language_metrics
from playbook.plumbing.runlog import Curve, progress
from playbook.plumbing.runtime import RuntimeConfig, peak_rss_mb, start
from playbook.plumbing.stage import stage

DATA, REPORTS = Path("labs/real_text/data"), Path("labs/real_text/reports")


@dataclass(frozen=True)
class Recipe:
    """nanoGPT's numbers."""

    iterations: int = 2000
    batch: int = 12
    context: int = 64
    layers: int = 4
    heads: int = 4
    width: int = 128
    learning_rate: float = 1e-3
    final_rate: float = 1e-4
    warmup: int = 100
    """Iterations."""
    beta2: float = 0.99
    weight_decay: float = 0.1
    clip: float = 1.0
    evaluations: int = 8


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    recipe: Recipe = field(default_factory=Recipe)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def main() -> None:
    """Train the recipe, score the whole validation split."""
    with stage("labs.real_text.baseline", Params) as run:
        recipe, runtime = run.params.recipe, start(run.params.runtime)
        tokens = run.input(DATA / "tokens")
        training, held_out = (TokenFile.open(tokens / f"{part}.tokens") for part in ("train", "validation"))
        model = gpt2(recipe, training.header.vocab_size)
        curve, seconds = train(model, recipe, training, held_out, runtime.seed)
        curve.write(REPORTS / "curves" / "baseline.csv")
        count = recipe.iterations * recipe.batch * recipe.context
        run.report(
            language_metrics(*score(model, held_out, recipe.context), held_out.header.text_bytes, runtime.seed),
            tokens=count, train_seconds=seconds, tokens_per_second=count / seconds, peak_rss_mb=peak_rss_mb(),
            params=sum(p.numel() for p in model.parameters()), threads=runtime.threads, precision="float32",
        )  # fmt: skip


def gpt2(recipe: Recipe, vocab_size: int) -> Any:
    """Hugging Face's GPT-2 in nanoGPT's shape."""
    shape: dict[str, Any] = {
        "n_layer": recipe.layers,
        "n_head": recipe.heads,
        "n_embd": recipe.width,
        "n_positions": recipe.context,
    }
    none: dict[str, Any] = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    return GPT2LMHeadModel(GPT2Config(vocab_size=vocab_size, activation_function="gelu", **shape, **none))


def train(model: Any, recipe: Recipe, training: TokenFile, held_out: TokenFile, seed: int) -> tuple[Curve, float]:
    """nanoGPT's loop: windows at random, AdamW, clipping, cosine to a tenth. Returns its curve and seconds of steps."""
    groups = [
        {"params": [p for p in model.parameters() if p.ndim >= 2], "weight_decay": recipe.weight_decay},
        {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, recipe.beta2))
    rng = np.random.default_rng(seed)
    curve, seconds = Curve(("step", "num_tokens", "seconds", "loss", "val_loss")), 0.0
    window = np.arange(recipe.context + 1)
    for step in progress(range(1, recipe.iterations + 1), "baseline"):
        began = time.perf_counter()
        for group in optimizer.param_groups:
            group["lr"] = rate(recipe, step - 1)
        starts = rng.integers(training.header.tokens - recipe.context, size=recipe.batch)
        rows = torch.from_numpy(training.ids[starts[:, None] + window].astype(np.int64))
        loss = F.cross_entropy(model(rows[:, :-1]).logits.flatten(0, 1), rows[:, 1:].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        optimizer.step()
        seconds += time.perf_counter() - began
        row = {
            "step": step,
            "num_tokens": step * rows[:, 1:].numel(),
            "seconds": round(seconds, 3),
            "loss": loss.item(),
        }
        if step % (recipe.iterations // recipe.evaluations) == 0:
            nats, count = score(model, held_out, recipe.context)
            row["val_loss"] = float(nats.sum() / count.sum())
        curve.add(**row)
    return curve, seconds


def rate(recipe: Recipe, step: int) -> float:
    """nanoGPT's `get_lr`."""
    if step < recipe.warmup:
        return recipe.learning_rate * (step + 1) / (recipe.warmup + 1)
    fallen = (step - recipe.warmup) / (recipe.iterations - recipe.warmup)
    return recipe.final_rate + (1 + math.cos(math.pi * fallen)) / 2 * (recipe.learning_rate - recipe.final_rate)


@torch.inference_mode()
def score(model: Any, held_out: TokenFile, context: int) -> tuple[Any, Any]:
    """Nats and tokens of every window of the validation split."""
    nats, tokens = [], []
    for batch in validation_windows(held_out, context, 64):
        logits = model(batch.inputs).logits
        losses = F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), reduction="none")
        nats.append((losses.view_as(batch.weights) * batch.weights).sum(1).double().numpy())
        tokens.append(batch.weights.sum(1).double().numpy())
    return np.concatenate(nats), np.concatenate(tokens)


if __name__ == "__main__":
    main()
