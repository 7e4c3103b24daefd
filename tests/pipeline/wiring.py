"""dvc.yaml and the stages' code, read side by side for the tests of this folder."""

import ast
import importlib
import re
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from playbook.plumbing.config import build, read_yaml
from playbook.plumbing.fingerprint import closure
from playbook.plumbing.paths import ROOT


@dataclass(frozen=True)
class Wired:
    """A stage of a dvc.yaml, for each of its matrix keys."""

    module: str
    key: str | None
    entry: dict[str, Any]

    @property
    def id(self) -> str:
        return self.module if self.key is None else f"{self.module}@{self.key}"

    def paths(self, kind: str) -> list[str]:
        """The paths of `deps`, `outs`, `metrics` or `plots`, with the matrix key filled in."""
        return [self._fill(item if isinstance(item, str) else next(iter(item))) for item in self.entry.get(kind, [])]

    def uncached(self) -> set[str]:
        rows = [row for kind in ("outs", "metrics", "plots") for row in self.entry.get(kind, [])]
        found = (next(iter(row.items())) for row in rows if isinstance(row, dict))
        return {self._fill(path) for path, options in found if options.get("cache") is False}

    def params(self) -> dict[str, list[str]]:
        """By file, the keys that the stage names; a plain name is a section of params.yaml."""
        found: dict[str, list[str]] = {}
        for item in self.entry.get("params", []):
            for file, keys in ({"params.yaml": [item]} if isinstance(item, str) else item).items():
                found.setdefault(file, []).extend(keys)
        return found

    def sections(self) -> list[str]:
        """What the stage's `Params` reads."""
        return [field.name for field in fields(importlib.import_module(self.module).Params)]

    def literals(self, whole_closure: bool = False) -> set[str]:
        """The strings in its code that look like paths, docstrings left out; plumbing knows no stage's files.

        Of what the main chain makes, a lab may use the data and the models; pages of the project it names
        by a path that begins with a dot.
        """
        files = imported(self.module) if whole_closure else [Path(f"{self.module.replace('.', '/')}.py")]
        code = (path for path in files if "plumbing" not in path.parts)
        found = {text for path in code for text in strings(ROOT / path)}
        of_a_lab = r"labs|data/corpus|data/tokens|data/tokenizer\.json|data/index|models/\w+|\.(?=/)"
        folders = of_a_lab if self.module.startswith("labs.") else "data|models|reports"
        return {
            text.strip("/").removeprefix("./") for text in found if re.fullmatch(rf"({folders})(/[\w./*-]*)?", text)
        }

    def _fill(self, path: str) -> str:
        return re.sub(r"\$\{item\.\w+\}", self.key or "", path)


@cache
def imported(module: str) -> list[Path]:
    """Its `closure`, worked out once for all members of a matrix."""
    return closure(module, ROOT)


def check_params(values: dict[str, Any]) -> None:
    """Whether every stage of the main chain takes these contents of params.yaml; else it raises `InputError`."""
    for module in sorted({stage.module for stage in wired_stages() if stage.module.startswith("stages.")}):
        params = importlib.import_module(module).Params
        own = {field.name: values[field.name] for field in fields(params) if field.name in values}
        build(params, own, "params.yaml")


@cache
def strings(path: Path) -> frozenset[str]:
    """The string constants of a file that are no docstrings."""
    tree = ast.parse(path.read_bytes())
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docstrings]
    return frozenset(node.value for node in constants if isinstance(node.value, str))


def touches(path: str, other: str) -> bool:
    """One is the other, or holds it."""
    return path == other or path.startswith(f"{other}/") or other.startswith(f"{path}/")


@cache
def wired_stages() -> list[Wired]:
    """Every stage of every dvc.yaml but `code`."""
    found = []
    for path in [ROOT / "dvc.yaml", *sorted(ROOT.glob("labs/*/dvc.yaml"))]:
        for name, entry in read_yaml(path)["stages"].items():
            members = [str(key) for values in entry.get("matrix", {}).values() for key in values]
            keys: list[str | None] = [*members] if members else [None]
            package = "stages" if path.parent == ROOT else f"labs.{path.parent.name}"
            found += [Wired(f"{package}.{name}", key, entry) for key in keys if name != "code"]
    return found
