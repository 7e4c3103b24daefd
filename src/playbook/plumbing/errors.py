"""One exception for everything that a user can mend: it says where, what was expected, what came, and what to run.

Faults of ours (a broken invariant) stay plain `assert`s; faults of the input raise `InputError`.
"""

import sys
from pathlib import Path
from types import TracebackType


class InputError(ValueError):
    """Bad input, told so that the reader can mend it.

    >>> print(InputError("params.yaml: model.heads", "a divisor of width 128", 5, run="edit params.yaml"))
    params.yaml: model.heads
      expected: a divisor of width 128
      got:      5
      do:       edit params.yaml
    """

    def __init__(self, where: str | Path, expected: str, got: object, run: str | None = None) -> None:
        self.where, self.expected, self.got, self.run = str(where), expected, got, run
        lines = [self.where, f"  expected: {expected}", f"  got:      {got}"]
        if run is not None:
            lines.append(f"  do:       {run}")
        super().__init__("\n".join(lines))


def tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A `sys.excepthook`: the message of an `InputError` stands alone, as the traceback would only bury it."""
    if isinstance(error, InputError):
        print(f"error: {error}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)
