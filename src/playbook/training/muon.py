"""Muon: momentum whose matrix updates are made orthogonal, so that every direction moves by the same amount.

Jordan et al. (2024), https://kellerjordan.github.io/posts/muon/. Our own rather than torch.optim.Muon because
matrices of equal shape go through the iteration together, which on a CPU halves its cost, and because three steps
with a polynomial of their own do here what there are five for.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

POLYNOMIALS = ((8.0934, -23.6205, 17.4462), (3.6366, -2.7219, 0.5365), (2.6613, -1.9772, 0.4526))
"""(a, b, c) of a s + b s^3 + c s^5: for each step the one that leaves the least error, first for singular values in
[0.01, 1], then in what the step before makes of them (Amsel et al., arXiv 2505.16932, section 3). One quintic for five
steps, as Muon was published, leaves as much error down to there and takes five thirds of the time."""


def orthogonalise(
    matrices: Float[Tensor, "stack rows columns"], dtype: torch.dtype = torch.float32
) -> Float[Tensor, "stack rows columns"]:
    """Bring the singular values of each matrix near 1 and keep its singular vectors, by three odd polynomials.

    For a matrix U S V^T the exact answer is U V^T; this gives U S' V^T, with S' within [0.73, 1.27] for all singular
    values of at least a hundredth of the matrix's norm (root of the sum of squares). Smaller ones grow up to 78-fold.
    """
    x = matrices.to(dtype)
    tall = x.size(-2) > x.size(-1)
    if tall:
        x = x.transpose(-2, -1)  # the smaller Gram matrix
    x = x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)
    for a, b, c in POLYNOMIALS:
        gram = x @ x.transpose(-2, -1)
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.transpose(-2, -1) if tall else x).to(matrices.dtype)


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised, for weight matrices of hidden layers (never embeddings, heads or vectors).

    The update has root-mean-square `lr * sqrt(max(1, rows/columns) / columns)`. Weight decay is decoupled.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.02,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "dtype": dtype})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        assert closure is None, "Muon takes no closure"
        for group in self.param_groups:
            by_shape: dict[tuple[int, ...], list[tuple[Tensor, Tensor]]] = defaultdict(list)
            for p in group["params"]:
                if p.grad is not None:
                    by_shape[tuple(p.shape)].append((p, self._momentum(p, group["momentum"])))
            for (rows, columns), pairs in by_shape.items():
                updates = orthogonalise(torch.stack([update for _, update in pairs]), dtype=group["dtype"])
                size = group["lr"] * math.sqrt(max(1.0, rows / columns))
                for (p, _), update in zip(pairs, updates, strict=True):
                    p.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-size)

    def _momentum(self, p: Tensor, beta: float) -> Tensor:
        """Fold the gradient into its running mean and return the Nesterov look-ahead."""
        assert p.grad is not None
        state = self.state[p]
        if not state:
            state["momentum"] = torch.zeros_like(p)
        mean = state["momentum"].lerp_(p.grad, 1 - beta)
        return p.grad.lerp(mean, beta)
