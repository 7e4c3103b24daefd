"""What every loss here refuses: shapes that torch would broadcast in silence, and names of variants that do not exist.

The shapes in the signatures are checked in the tests alone; these checks also hold in a training run.
"""

from torch import Tensor

from playbook.plumbing.errors import InputError


def check_equal_shapes(**tensors: Tensor) -> None:
    """Raise `InputError` unless all have one shape: [batch] minus [batch, 1] would be a [batch, batch] table."""
    shapes = {name: list(tensor.shape) for name, tensor in tensors.items()}
    if len({tuple(shape) for shape in shapes.values()}) > 1:
        raise InputError(
            ", ".join(shapes), "equal shapes", ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        )


def check_flips(flips: float) -> None:
    """Raise `InputError` unless `flips` is a share of labels that can still be told from their opposites."""
    if not 0 <= flips < 0.5:
        raise InputError("flips", "a share in [0, 0.5)", flips)


def check_choice(name: str, choice: str, choices: tuple[str, ...]) -> None:
    """Raise `InputError` unless `choice` is one of `choices`."""
    if choice not in choices:
        raise InputError(name, f"one of {', '.join(choices)}", repr(choice))
