"""A fingerprint of the code that a module runs: its file and every first-party file that it imports, directly or not.

Comments, docstrings and layout do not count, so writing prose never retrains a model; everything else does, so a code
dependency cannot be forgotten. Data files, third-party packages and the Python version are not seen: they belong in
`deps`, in requirements.lock and under "run" of the metrics.

The syntax tree is walked here rather than dumped by `ast.dump` or `ast.unparse`: those write the same tree differently
under Python 3.11, 3.12 and 3.13, mostly by fields that are new and empty. Empty fields are left out.
"""

import ast
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any

from playbook.plumbing.errors import InputError

PACKAGES = {"playbook": "src", "stages": ".", "labs": "."}
"""First-party packages, and the folder of the checkout that each lies in."""

HEX_DIGITS = 16


Imports = dict[Path, list[str]]
"""What each file imports: where many modules are asked about at once, it is worked out once a file."""


def fingerprint(module: str, root: Path, imports: Imports | None = None) -> str:
    """16 hex digits that change exactly when code in `closure(module, root)` changes, or a file of it is renamed.

    Raises `InputError` for a missing module, a syntax error, a relative or a computed import.
    """
    digest = hashlib.sha256()
    for path in closure(module, root, imports):
        digest.update(f"{path.as_posix()} {_parse((root / path).read_bytes(), str(path))[0]}\n".encode())
    return digest.hexdigest()[:HEX_DIGITS]


def fingerprints(root: Path) -> dict[str, Any]:
    """The fingerprint of every script that DVC runs: `{"prepare": ..., "labs": {"real_text": {"compare": ...}}}`.

    A script is a file of stages/ or of a lab's folder that defines `main`; `stages.code`, which asks, is not one.
    """
    tree: dict[str, Any] = {}
    imports: Imports = {}
    for path in sorted([*root.glob("stages/*.py"), *root.glob("labs/*/*.py")]):
        where = path.relative_to(root).with_suffix("")
        if _has_main(path) and where.as_posix() != "stages/code":
            folder = tree if where.parts[0] == "stages" else tree.setdefault("labs", {}).setdefault(where.parts[1], {})
            folder[path.stem] = fingerprint(".".join(where.parts), root, imports)
    return tree


def _has_main(path: Path) -> bool:
    return re.search(r"^def main\(", path.read_text(encoding="utf-8"), re.MULTILINE) is not None


def closure(module: str, root: Path, imports: Imports | None = None) -> list[Path]:
    """The first-party files that importing `module` can reach, relative to `root`, in sorted order.

    An import counts wherever it stands in a file, as do the `__init__` files of the packages on the way.
    For `stages.pretrain` that is stages/__init__.py, stages/pretrain.py, src/playbook/__init__.py and so on.
    """
    imports = {} if imports is None else imports
    found: dict[str, Path | None] = {}  # None: a folder without an __init__ file, a namespace with no code of its own
    waiting = [(module, f"the module {module}")]
    while waiting:
        name, importer = waiting.pop()
        if name in found:
            continue
        if not _exists(name, root):
            raise InputError(importer, f"first-party modules that exist below {root}", f"no module {name}")
        found[name] = path = _file(name, root)
        if parent := name.rpartition(".")[0]:
            waiting.append((parent, importer))
        if path is not None:
            if path not in imports:
                imports[path] = _targets(path, root)
            waiting += [(target, str(path)) for target in imports[path]]
    return sorted(path for path in found.values() if path is not None)


def _targets(path: Path, root: Path) -> list[str]:
    """The first-party modules that a file imports. `from playbook.model import gpt` may name a module or a symbol."""
    targets = []
    for name, symbol in _parse((root / path).read_bytes(), str(path))[1]:
        if name.partition(".")[0] in PACKAGES:
            targets.append(name)
            if symbol and _exists(f"{name}.{symbol}", root):
                targets.append(f"{name}.{symbol}")
    return targets


def _exists(name: str, root: Path) -> bool:
    return _file(name, root) is not None or (name.partition(".")[0] in PACKAGES and _base(name, root).is_dir())


def _file(name: str, root: Path) -> Path | None:
    """The file of a module relative to `root`; a package wins over a module of the same name, as in Python."""
    if name.partition(".")[0] not in PACKAGES:
        return None
    base = _base(name, root)
    candidates = (base / "__init__.py", base.with_name(f"{base.name}.py"))
    return next((path.relative_to(root) for path in candidates if path.is_file()), None)


def _base(name: str, root: Path) -> Path:
    return root / PACKAGES[name.partition(".")[0]] / name.replace(".", "/")


@cache
def _parse(source: bytes, where: str) -> tuple[str, tuple[tuple[str, str | None], ...]]:
    """A digest of one file's code, and its imports as (module, symbol or None). Cached by content: stages ask twice."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:  # ValueError: null bytes
        raise InputError(where, "Python code", error) from None
    written: list[str] = []
    _write(tree, written)
    imports = tuple(found for node in ast.walk(tree) for found in _imports(node, where))
    return hashlib.sha256("".join(written).encode("utf-8", "surrogatepass")).hexdigest(), imports


def _imports(node: ast.AST, where: str) -> list[tuple[str, str | None]]:
    if isinstance(node, ast.Import):
        return [(alias.name, None) for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        if node.level or node.module is None:
            raise InputError(
                f"{where}:{node.lineno}", "absolute imports", "a relative import", "write from playbook.… import …"
            )
        return [(node.module, alias.name) for alias in node.names]
    if isinstance(node, ast.Call):
        called = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if called in ("import_module", "__import__"):
            raise InputError(
                f"{where}:{node.lineno}", "import statements, whose targets can be read off the code", called
            )
    return []


def _write(node: Any, written: list[str]) -> None:
    """Append an unambiguous text of a syntax tree, the same under every Python that we support."""
    if type(node) is list:
        written.append("[")
        for item in node:
            _write(item, written)
        written.append("]")
    elif type(node) is ast.Constant:
        written.append(f"({_constant(node.value)})")  # not `kind`: the u of u"..." has no meaning
    elif isinstance(node, ast.AST):
        written.append(f"({type(node).__name__}")
        for field in node._fields:
            value = getattr(node, field, None)
            if type(value) is list:
                value = _join_literals(value) if type(node) is ast.JoinedStr else _without_docstrings(value)
            if value is not None and value != []:
                written.append(f" {field}=")
                _write(value, written)
        written.append(")")
    else:
        written.append(_constant(node))


def _without_docstrings(items: list[Any]) -> list[Any]:
    """Drop the docstrings of a module, class, function or attribute: strings that stand as statements of their own."""
    return [
        x for x in items if not (type(x) is ast.Expr and type(x.value) is ast.Constant and type(x.value.value) is str)
    ]


def _join_literals(parts: list[ast.expr]) -> list[ast.expr]:
    """The parts of an f-string, with neighbouring literals joined: Python 3.12 cuts them at other places than 3.11."""
    joined: list[ast.expr] = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(part, ast.Constant) and isinstance(last, ast.Constant):
            joined[-1] = ast.Constant("".join(str(literal.value) for literal in (last, part)))
        elif not (isinstance(part, ast.Constant) and part.value == ""):
            joined.append(part)
    return joined


def _constant(value: Any) -> str:
    """Type and value. A string carries its length, not its `repr`, which depends on Python's Unicode tables."""
    return f"<str {len(value)} {value}>" if type(value) is str else f"<{type(value).__name__} {value!r}>"
