"""How much of the machine a training run uses: its matrix-multiply operations against what the machine can multiply.

Model FLOPs utilisation (MFU): Chowdhery et al. (PaLM), arXiv 2204.02311, appendix B. The peak here is not a data
sheet's but measured: the very products of a training step, at the same precision and shapes, with nothing in between.
"""

import time
from collections.abc import Callable

import torch
from torch import Tensor

from playbook.model.gpt import GPTMini
from playbook.model.linear import Linear

Product = Callable[[], Tensor]


def matmul_rate(model: GPTMini, batch: int, context: int, repeats: int = 5) -> float:
    """Operations a second of the bare products of one training step on `batch` rows of `context` tokens.

    For each linear layer and for attention's two products: forward, and the gradients of both factors. The best of
    `repeats` rounds over all of them.
    """
    device = model.token_embedding.weight.device
    products = [*_linear_products(model, batch * context), *_attention_products(model, batch, context)]
    best = float("inf")
    for _ in range(repeats):
        _synchronise(device)
        began = time.perf_counter()
        for product in products:
            product()
        _synchronise(device)
        best = min(best, time.perf_counter() - began)
    return model.flops_per_token(context) * batch * context / best


def _linear_products(model: GPTMini, tokens: int) -> list[Product]:
    """y = x W^T, dx = g W, dW = g^T x of every linear layer."""
    products: list[Product] = []
    for layer in (m for m in model.modules() if isinstance(m, Linear)):
        x, w, g = (
            torch.randn(shape, device=layer.weight.device, dtype=model.dtype)
            for shape in ((tokens, layer.in_features), layer.weight.shape, (tokens, layer.out_features))
        )
        products += [  # mypy cannot infer lambdas whose defaults bind the loop's tensors
            lambda x=x, w=w: torch.mm(x, w.t()),  # type: ignore[misc]
            lambda g=g, w=w: torch.mm(g, w),  # type: ignore[misc]
            lambda g=g, x=x: torch.mm(g.t(), x),  # type: ignore[misc]
        ]
    return products


def _attention_products(model: GPTMini, batch: int, context: int) -> list[Product]:
    """Scores q k^T and means P v, and their gradients, in every layer."""
    c = model.config
    rows, dim = batch * c.heads, c.width // c.heads
    device, dtype = model.token_embedding.weight.device, model.dtype
    wide = torch.randn(rows, context, context, device=device, dtype=dtype)
    q = torch.randn(rows, context, dim, device=device, dtype=dtype)
    to_scores: Product = lambda: torch.bmm(q, q.transpose(1, 2))  # noqa: E731 - q k^T, and dP = dy v^T
    from_scores: Product = lambda: torch.bmm(wide, q)  # noqa: E731 - P v, dq = dS k
    from_columns: Product = lambda: torch.bmm(wide.transpose(1, 2), q)  # noqa: E731 - dk = dS^T q, dv = P^T dy
    return [to_scores, to_scores, from_scores, from_scores, from_columns, from_columns] * c.layers


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
