"""RoPE against the paper's complex form, and its one promise: scores depend on distance alone."""

import torch

from playbook.model.rope import apply_rope, rope_tables

DIM = 6


def rotated(x: torch.Tensor, positions: list[int]) -> torch.Tensor:
    """`x`, of shape (time, head_dim), each row turned by its position."""
    cos, sin = rope_tables(torch.tensor([positions]), DIM, 100.0, torch.float32)
    return apply_rope(x[None, :, None], cos, sin)[0, :, 0]


def test_equals_complex_multiplication() -> None:
    x = torch.randn(4, DIM)
    positions = [0, 1, 5, 9]
    pairs = torch.complex(x[:, : DIM // 2], x[:, DIM // 2 :])
    angles = torch.tensor(positions)[:, None] * 100.0 ** (-torch.arange(0, DIM, 2) / DIM)
    turned = pairs * torch.polar(torch.ones_like(angles), angles)
    torch.testing.assert_close(rotated(x, positions), torch.cat((turned.real, turned.imag), -1))


def test_scores_depend_on_distance_alone() -> None:
    q, k = torch.randn(1, DIM), torch.randn(1, DIM)
    near, far = ((rotated(q, [i]) @ rotated(k, [i - 3]).T).item() for i in (3, 40))
    other = (rotated(q, [3]) @ rotated(k, [6]).T).item()
    assert abs(near - far) < 1e-5
    assert abs(near - other) > 1e-3  # and they do depend on its sign


def test_keeps_lengths_and_leaves_position_zero_alone() -> None:
    x = torch.randn(3, DIM)
    torch.testing.assert_close(rotated(x, [0, 7, 99]).norm(dim=-1), x.norm(dim=-1))
    torch.testing.assert_close(rotated(x, [0, 0, 0]), x)
