"""Time training steps: ours beside `transformers`' GPT-2, and both beside the bare matrix products.

Reads: nothing.
Writes: labs/throughput/reports/measure.json and README.md beside it.
Note: the arms take turns within each round, so that a machine that slows down slows them all; ratios are taken round by
round. A step is forward, backward, clipping and optimizer, in eager mode. "gpt2" is our model in GPT-2's own shape with
AdamW, step for step what transformers computes; "modern" is what the main chain trains, with Muon.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from transformers import GPT2Config, GPT2LMHeadModel

from playbook.evaluation.statistics import median_of
from playbook.model.gpt import GPTMini, ModelConfig
from playbook.plumbing.files import atomic_write
from playbook.plumbing.metrics import Measurement
from playbook.plumbing.runlog import progress
from playbook.plumbing.runtime import Runtime, RuntimeConfig, start
from playbook.plumbing.stage import stage
from playbook.reporting.tables import format_measurement, markdown_table
from playbook.training.losses import token_nats
from playbook.training.muon import POLYNOMIALS, Muon
from playbook.training.optimizer import OptimizerConfig, clip_gradients, make_optimizers
from playbook.training.throughput import Product, matmul_rate

Step = Callable[[], object]


@dataclass(frozen=True)
class Shape:
    """What both models share."""

    layers: int
    width: int
    heads: int
    context: int
    batch: int


@dataclass(frozen=True)
class Measure:
    """How it is timed."""

    rounds: int = 7
    warmup: int = 2
    vocab_size: int = 1024


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    shapes: dict[str, Shape]
    measure: Measure = field(default_factory=Measure)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def main() -> None:
    """Measure every shape at every precision of the machine, and write both forms of the result."""
    with stage("labs.throughput.measure", Params) as run:
        runtime = start(run.params.runtime)
        dtypes = [torch.float32] if runtime.dtype == torch.float32 else [torch.float32, torch.bfloat16]
        results = {
            f"{name}_{str(dtype).removeprefix('torch.')}": measure(shape, dtype, run.params.measure, runtime)
            for name, shape in run.params.shapes.items()
            for dtype in dtypes
        }
        write_page(results)
        run.report(results, **runtime.facts())


def measure(shape: Shape, dtype: torch.dtype, how: Measure, runtime: Runtime) -> dict[str, Measurement]:
    """Tokens a second of each arm, the share of the matrix-multiply rate that ours reach, and the ratios.

    MFU counts the model's own products; HFU (model and hardware FLOPs utilisation, PaLM, arXiv 2204.02311, appendix B)
    whatever the step multiplies, hence Muon's too.
    """
    tokens = shape.batch * shape.context
    models = {preset: our_model(shape, preset, how.vocab_size, dtype, runtime) for preset in ("gpt2", "modern")}
    arms = {preset: our_step(model, shape, preset) for preset, model in models.items()}
    arms["transformers"] = their_step(shape, how.vocab_size, dtype, runtime)
    orthogonalisation = muon_products(models["modern"])
    rounds: list[dict[str, float]] = []
    for _ in progress(range(how.warmup + how.rounds), f"{shape.width} wide, {dtype}"):
        row = {name: tokens / seconds(step) for name, step in arms.items()}
        row["matmul"] = matmul_rate(models["modern"], shape.batch, shape.context, repeats=3) / 1e9
        row["muon_products"] = min(seconds(lambda: [product() for product in orthogonalisation]) for _ in range(3))
        rounds.append(row)
    kept = rounds[how.warmup :]
    flops = {name: model.flops_per_token(shape.context) / 1e9 for name, model in models.items()}

    def mfu(row: dict[str, float], name: str) -> float:
        return row[name] * flops[name] / row["matmul"]

    return {
        **{f"tokens_per_second_{name}": median_of([row[name] for row in kept]) for name in arms},
        "matmul_gflops": median_of([row["matmul"] for row in kept]),
        **{f"mfu_{name}": median_of([mfu(row, name) for row in kept]) for name in models},
        "hfu_modern": median_of([mfu(row, "modern") + row["muon_products"] * row["modern"] / tokens for row in kept]),
        **{
            f"{name}_over_transformers": median_of([row[name] / row["transformers"] for row in kept]) for name in models
        },
    }


def our_model(shape: Shape, preset: str, vocab_size: int, dtype: torch.dtype, runtime: Runtime) -> GPTMini:
    """GPTMini in one of its presets."""
    config = ModelConfig(shape.context, shape.layers, shape.width, shape.heads, preset=preset)  # type: ignore[arg-type]
    return GPTMini(config, vocab_size, dtype).to(runtime.device)


def our_step(model: GPTMini, shape: Shape, preset: str) -> Step:
    """One training step of ours."""
    rows = random_rows(shape, model.vocab_size, model.token_embedding.weight.device)
    optimizers = make_optimizers(model, OptimizerConfig(kind="muon" if preset == "modern" else "adamw"))

    def step() -> None:
        loss = token_nats(model(rows[:, :-1]), rows[:, 1:]).mean()
        model.zero_grad(set_to_none=True)
        loss.backward()
        clip_gradients(model, 1.0)
        for optimizer in optimizers:
            optimizer.step()

    return step


def their_step(shape: Shape, vocab_size: int, dtype: torch.dtype, runtime: Runtime) -> Step:
    """One training step of Hugging Face's GPT-2: no dropout, the same loss, autocast for bfloat16."""
    size: dict[str, Any] = {
        "n_layer": shape.layers,
        "n_head": shape.heads,
        "n_embd": shape.width,
        "n_positions": shape.context,
    }
    none: dict[str, Any] = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    model: Any = GPT2LMHeadModel(GPT2Config(vocab_size=vocab_size, **size, **none))
    model.to(runtime.device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    rows = random_rows(shape, vocab_size, runtime.device)

    def step() -> None:
        with torch.autocast(runtime.device.type, dtype, enabled=dtype != torch.float32):
            logits = model(rows[:, :-1]).logits
        loss = F.cross_entropy(logits.float().flatten(0, 1), rows[:, 1:].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return step


def muon_products(model: GPTMini) -> list[Product]:
    """The bare products of `orthogonalise` in a step of Muon: for each polynomial x x^T, its square, and both by x."""
    (muon,) = (o for o in make_optimizers(model, OptimizerConfig(kind="muon")) if isinstance(o, Muon))
    products: list[Product] = []
    for (rows, columns), count in Counter(p.shape for p in muon.param_groups[0]["params"]).items():
        short, long = sorted((rows, columns))
        x, gram = (
            torch.randn(count, short, n, device=model.token_embedding.weight.device, dtype=model.dtype)
            for n in (long, short)
        )
        products += [
            lambda x=x: torch.bmm(x, x.transpose(1, 2)),  # type: ignore[misc]
            lambda gram=gram: torch.bmm(gram, gram),  # type: ignore[misc]
            lambda x=x, gram=gram: torch.bmm(gram, x),  # type: ignore[misc]
        ] * len(POLYNOMIALS)
    return products


def random_rows(shape: Shape, vocab_size: int, device: torch.device) -> torch.Tensor:
    """Rows of context + 1 random ids."""
    return torch.randint(vocab_size, (shape.batch, shape.context + 1), device=device)


def seconds(step: Step) -> float:
    """How long a step takes, to the end of the device's work."""
    began = time.perf_counter()
    step()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began


def write_page(results: dict[str, dict[str, Measurement]]) -> None:
    """The same as a table."""
    columns = list(next(iter(results.values())))
    rows = [[name, *(format_measurement(results[arm][name]) for arm in results)] for name in columns]
    text = f"""# Throughput

Tokens a second of whole training steps (forward, backward, clipping, optimizer), eager. Medians over rounds with 95%
intervals; the arms take turns in each round. `mfu` is the share of the rate at which this machine does the model's own
matrix products, and nothing else, at the same precision (`matmul_gflops`, 10^9 operations a second). `hfu` counts all
products of a step, Muon's too, which make its update orthogonal. AdamW has none, so for `gpt2` the two are the same.

{markdown_table(rows, ["", *results])}

Made by `python -m labs.throughput.measure`; the numbers stand in measure.json.
"""
    with atomic_write(Path("labs/throughput/reports/README.md")) as handle:
        handle.write(text)


if __name__ == "__main__":
    main()
