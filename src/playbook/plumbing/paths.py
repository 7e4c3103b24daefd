"""Where things are. Every stage runs with the repository's root as its working folder, so paths are relative to it."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
"""The root of the checkout that this very file belongs to (a `dvc exp run --temp` copy has its own)."""


def work_root() -> Path:
    """The folder for side checkpoints, shared by all copies of the workspace.

    `dvc exp run --temp` runs in a copy that is thrown away; DVC then sets `DVC_ROOT` to the main repository,
    so that an experiment killed half way finds its checkpoint again.
    """
    return Path(os.environ.get("DVC_ROOT", ROOT)) / ".work"
