"""How much of the machine a training run uses: its matrix-multiply operations against what the machine can multiply.

Model FLOPs utilisation (MFU): Chowdhery et al. (PaLM), arXiv 2204.02311, appendix B. The peak here is not a data
sheet's but measured: the same products, at the same precision and shapes, with nothing in between.
"""

import time

import torch

from playbook.model.gpt import GPTMini
from playbook.model.linear import Linear


def matmul_rate(model: GPTMini, tokens: int, repeats: int = 5) -> float:
    """Operations a second of the bare products of one training step over `tokens` tokens.

    For each linear layer: forward, gradient of the input, gradient of the weight. The best of `repeats` rounds.
    """
    device, dtype = model.token_embedding.weight.device, model.dtype
    shapes = [(m.out_features, m.in_features) for m in model.modules() if isinstance(m, Linear)]
    tensors = {
        shape: (
            torch.randn(tokens, shape[1], device=device, dtype=dtype),
            torch.randn(shape, device=device, dtype=dtype),
            torch.randn(tokens, shape[0], device=device, dtype=dtype),
        )
        for shape in set(shapes)
    }
    best = float("inf")
    for _ in range(repeats):
        _synchronise(device)
        began = time.perf_counter()
        for shape in shapes:
            x, w, g = tensors[shape]
            torch.mm(x, w.t())
            torch.mm(g, w)
            torch.mm(g.t(), x)
        _synchronise(device)
        best = min(best, time.perf_counter() - began)
    return sum(6.0 * tokens * rows * columns for rows, columns in shapes) / best


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
