"""The committed notebooks are valid, executed to the end, small, and import what is there."""

import ast
import importlib
import importlib.util
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook

from playbook.commands.notebooks import FOLDER, LARGEST, execute, main
from playbook.plumbing.errors import InputError
from playbook.plumbing.paths import ROOT

NOTEBOOKS = sorted((ROOT / FOLDER).glob("*.ipynb"))
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(path: Path) -> list[Any]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


@every_notebook
def test_it_is_valid_and_small(path: Path) -> None:
    nbformat.validate(nbformat.read(path, as_version=4))
    assert path.stat().st_size <= LARGEST


@every_notebook
def test_it_was_executed_from_top_to_bottom_without_an_error(path: Path) -> None:
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert outputs
    assert [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"] == []


@every_notebook
def test_what_it_imports_is_there(path: Path) -> None:
    imported = 0
    for cell in code_cells(path):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Import):
                assert all(importlib.util.find_spec(name.name) for name in node.names)
            if isinstance(node, ast.ImportFrom):
                module = importlib.import_module(str(node.module))
                assert [name.name for name in node.names if not hasattr(module, name.name)] == []
                imported += str(node.module).startswith("playbook.")
    assert imported >= 3


@every_notebook
def test_it_names_no_folder_of_a_machine(path: Path) -> None:
    assert str(ROOT) not in path.read_text(encoding="utf-8")


def test_there_are_eight() -> None:
    assert [path.name[:2] for path in NOTEBOOKS] == ["01", "02", "03", "04", "05", "06", "07", "08"]


@pytest.mark.integration
def test_a_notebook_is_run_for_real_and_one_that_fails_is_left_as_it_was(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.ipynb", tmp_path / "bad.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("print(6 * 7)")]), good)
    nbformat.write(new_notebook(cells=[new_code_cell("1 / 0")]), bad)
    before = bad.read_bytes()
    assert execute(good) == good.stat().st_size - 1
    assert code_cells(good)[0].outputs[0].text == "42\n"
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        execute(bad)
    assert bad.read_bytes() == before


def test_no_notebooks_at_all_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.excepthook", None)
    with pytest.raises(InputError, match="notebooks"):
        main(tmp_path)
