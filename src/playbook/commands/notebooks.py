"""`make notebooks`: execute every notebook of notebooks/ from nothing, and write its outputs into it.

An exception in a cell is an exception here. Nothing that differs between two runs (times, execution ids) is kept, so
that a notebook whose results are the same stays the same file.
"""

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from playbook.plumbing.errors import InputError, tell
from playbook.plumbing.files import atomic_write
from playbook.plumbing.paths import ROOT

FOLDER = Path("notebooks")
SECONDS = 120
"""The most that one cell may take."""
LARGEST = 200_000
"""Bytes of a notebook with its outputs: it is read in a browser and kept in git."""


def execute(path: Path) -> int:
    """Run a notebook in a fresh kernel of this very Python and write it back; returns its size in bytes."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=SECONDS,
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        coalesce_streams=True,  # a slow machine hands over what a cell prints in several parts
        extra_arguments=["--IPKernelApp.log_level=ERROR"],  # it warns of its open port, which is on localhost alone
    )
    client.execute()
    notebook.metadata.get("language_info", {}).pop("version", None)
    text = nbformat.writes(notebook)
    if (size := len(text.encode())) > LARGEST:
        raise InputError(path, f"at most {LARGEST:,} bytes with its outputs", f"{size:,} bytes", "draw or print less")
    with atomic_write(path) as handle:
        handle.write(text + "\n")
    return size


def main(root: Path = ROOT) -> int:
    """Execute them in order of their names."""
    sys.excepthook = tell
    found = sorted((root / FOLDER).glob("*.ipynb"))
    if not found:
        raise InputError(root / FOLDER, "notebooks", "none")
    for path in found:
        began = time.perf_counter()
        size = execute(path)
        print(f"{path.relative_to(root)}: {time.perf_counter() - began:.1f} s, {size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
