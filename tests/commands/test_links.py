"""README, notes and notebooks name files, symbols and tests: each of them is there, or is made by a stage."""

import ast
import json
import re
from functools import cache
from pathlib import Path

import pytest

from playbook.plumbing.config import read_yaml
from playbook.plumbing.paths import ROOT

PAGES = ["README.md", "CONTRIBUTING.md", *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("notes/*.md"))]
NOTEBOOKS = sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("notebooks/*.ipynb"))
LINK = re.compile(r"\]\(([^)\s]+)\)")
NAMED = re.compile(r"\]\(([^)\s]+\.py)\)(?::|,|\s)? ?\(?((?:`\w+`(?:, | and )?)+)")
HEADINGS = ["Question", "Idea", "In the code", "What we measured", "What went wrong", "Exercises"]


def text_of(page: str) -> str:
    """The prose of a page; of a notebook its Markdown cells."""
    text = (ROOT / page).read_text(encoding="utf-8")
    if not page.endswith(".ipynb"):
        return text
    return "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown")


@cache
def made_by_stages() -> set[Path]:
    """Every output that a dvc.yaml declares: a fresh clone may not have it yet."""
    made: set[Path] = set()
    for file in [ROOT / "dvc.yaml", *ROOT.glob("labs/*/dvc.yaml")]:
        for stage in read_yaml(file)["stages"].values():
            folder = file.parent / stage.get("wdir", stage.get("do", {}).get("wdir", "."))
            for kind in ("outs", "metrics", "plots"):
                for out in stage.get("do", stage).get(kind, []):
                    made.add((folder / (out if isinstance(out, str) else next(iter(out)))).resolve())
    return made


def missing(page: str, text: str) -> list[str]:
    """Links of a page that lead nowhere."""
    made, found = made_by_stages(), []
    for link in LINK.findall(text):
        target = (ROOT / page).parent / link.partition("#")[0]
        if not re.match(r"https?://|#", link) and not target.exists() and target.resolve() not in made:
            found.append(link)
    return found


def defined(path: Path) -> set[str]:
    """Functions, classes, methods and module-level names of a Python file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def unknown_symbols(page: str, text: str) -> list[str]:
    """Symbols named right after the link to a file that does not define them."""
    return [
        f"{name} of {link}"
        for link, names in NAMED.findall(text)
        for name in re.findall(r"\w+", names.replace(" and ", " "))
        if name not in defined((ROOT / page).parent / link)
    ]


@pytest.mark.parametrize("page", PAGES + NOTEBOOKS)
def test_every_link_leads_somewhere_and_every_symbol_is_there(page: str) -> None:
    assert missing(page, text_of(page)) == []
    assert unknown_symbols(page, text_of(page)) == []


@pytest.mark.parametrize("page", PAGES + NOTEBOOKS)
def test_every_test_that_is_named_exists(page: str) -> None:
    tests = {
        name for file in ROOT.glob("tests/**/test_*.py") for name in re.findall(r"def (test_\w+)", file.read_text())
    }
    files = {file.stem for file in ROOT.glob("tests/**/test_*.py")}
    assert set(re.findall(r"\btest_\w+", text_of(page))) <= tests | files


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("notes/") and page != "notes/log.md"])
def test_a_note_has_the_six_headings(page: str) -> None:
    assert re.findall(r"^## (.*)$", text_of(page), re.MULTILINE) == HEADINGS


def test_every_stage_has_its_note() -> None:
    line = next(line for line in text_of("README.md").split("\n\n") if line.startswith("A note for each stage:"))
    named = {stage for link in re.findall(r"\[([^]]+)\]\(notes/", line) for stage in re.findall(r"\w+", link)}
    assert set(read_yaml(ROOT / "dvc.yaml")["stages"]) <= named


def test_a_broken_link_and_a_made_up_symbol_are_noticed() -> None:
    assert missing("notes/week01.md", "[a](../src/playbook/no_such.py) [b](log.md)") == ["../src/playbook/no_such.py"]
    line = "[`dpo.py`](../src/playbook/posttraining/dpo.py): `dpo_loss`, `no_such`"
    assert unknown_symbols("notes/week03.md", line) == ["no_such of ../src/playbook/posttraining/dpo.py"]
