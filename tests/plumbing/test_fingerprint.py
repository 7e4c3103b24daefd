import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from playbook.plumbing import fingerprint as module
from playbook.plumbing.errors import InputError
from playbook.plumbing.fingerprint import closure, fingerprint, fingerprints
from playbook.plumbing.paths import ROOT

MODEL = '''"""A model."""
import math


class GPT:
    """Docstring."""

    width: int = 8
    """Of what."""

    def forward(self, x: float) -> str:
        """More."""
        return f"{math.sin(x)!r:>{self.width}} {{literal}}"
'''


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    files = {
        "src/playbook/__init__.py": "",
        "src/playbook/model/__init__.py": '"""Models."""\n',
        "src/playbook/model/gpt.py": MODEL,
        "src/playbook/model/unused.py": "x = 1\n",
        "src/playbook/text.py": "def encode(s): return list(s)\n",
        "stages/__init__.py": "import sys\n",
        "stages/pretrain.py": "from playbook.model.gpt import GPT\n\ndef main():\n    from playbook import text\n",
        "stages/prepare.py": "import json\n\ndef main():\n    pass\n",
        "stages/code.py": "def main():\n    pass\n",
        "labs/__init__.py": "",
        "labs/tiny/compare.py": "import playbook.text\nfrom labs.tiny import helper\n\ndef main():\n    pass\n",
        "labs/tiny/helper.py": "y = 2\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_closure_follows_imports_inside_functions_and_packages_on_the_way(checkout: Path) -> None:
    assert [path.as_posix() for path in closure("stages.pretrain", checkout)] == [
        "src/playbook/__init__.py",
        "src/playbook/model/__init__.py",
        "src/playbook/model/gpt.py",
        "src/playbook/text.py",
        "stages/__init__.py",
        "stages/pretrain.py",
    ]


def test_a_folder_without_init_and_import_of_a_dotted_name(checkout: Path) -> None:
    names = [path.as_posix() for path in closure("labs.tiny.compare", checkout)]
    assert names == [
        "labs/__init__.py", "labs/tiny/compare.py", "labs/tiny/helper.py",
        "src/playbook/__init__.py", "src/playbook/text.py",
    ]  # fmt: skip


def test_circular_imports_end(checkout: Path) -> None:
    (checkout / "src/playbook/text.py").write_text("import playbook.model.gpt\n")
    (checkout / "src/playbook/model/gpt.py").write_text("import playbook.text\n")
    assert len(closure("stages.pretrain", checkout)) == 6


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("src/playbook/model/gpt.py", "import math\n", "import math  # the sine\n"),
        ("src/playbook/model/gpt.py", '"""Docstring."""', '"""Another."""'),
        ("src/playbook/model/gpt.py", '"""Of what."""', "# of what"),
        ("src/playbook/model/gpt.py", "x: float) ->", "x: float,\n    ) ->"),
        ("src/playbook/model/__init__.py", '"""Models."""', ""),
        ("src/playbook/__init__.py", "", '"""New."""\n'),
        ("src/playbook/model/unused.py", "x = 1", "x = 2"),
        ("stages/prepare.py", "import json", "import csv"),
    ],
)
def test_prose_layout_and_foreign_code_do_not_count(checkout: Path, file: str, old: str, new: str) -> None:
    before = fingerprint("stages.pretrain", checkout)
    edit(checkout / file, old, new)
    assert fingerprint("stages.pretrain", checkout) == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("src/playbook/model/gpt.py", "width: int = 8", "width: int = 9"),
        ("src/playbook/model/gpt.py", "width: int = 8", "width: int = 8.0"),
        ("src/playbook/model/gpt.py", "width: int = 8", "width: int = True"),
        ("src/playbook/model/gpt.py", "sin", "cos"),
        ("src/playbook/model/gpt.py", "{{literal}}", "{{other}}"),
        ("src/playbook/model/gpt.py", "!r:>", "!s:>"),
        ("src/playbook/text.py", "return list(s)", "return list(s or None)"),
        ("src/playbook/model/__init__.py", '"""Models."""', "from playbook.model import unused"),
        ("stages/__init__.py", "import sys", "import os"),
    ],
)
def test_code_anywhere_in_the_closure_counts(checkout: Path, file: str, old: str, new: str) -> None:
    before = fingerprint("stages.pretrain", checkout)
    edit(checkout / file, old, new)
    assert fingerprint("stages.pretrain", checkout) != before


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_neighbouring_strings_cannot_be_confused() -> None:
    assert digest("f('a', 'b')") != digest("f('a b')")
    assert digest("f(['a'], [])") != digest("f([], ['a'])")
    assert digest("x = None") != digest("x = 'None'")
    assert digest("def f(a, *, b=None): pass") != digest("def f(a, *, b): pass")
    assert digest("x = u'a'") == digest("x = 'a'") == digest("x = '''a'''")
    assert digest("'lonely'") == digest("")
    digest(r"x = '\ud800'")  # a lone surrogate can be hashed


def digest(source: str) -> str:
    return module._parse(source.encode(), "test")[0]


def test_it_is_the_same_under_every_python() -> None:
    """Made with Python 3.11, and found again with 3.12 and 3.13."""
    assert digest(MODEL) == "a93fbf05ac06cf125e1a200fdeab322a81a4fd75668a0aebdf58a724678ee39d"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("from . import gpt\n", "relative import"),
        ("from .model import gpt\n", "relative import"),
        ("def broken(:\n", "Python code"),
        ("x = '\0'\n", "Python code"),
        ("import playbook.missing\n", "no module playbook.missing"),
        ("from playbook.missing import x\n", "no module playbook.missing"),
        ("import importlib\nimportlib.import_module('playbook.text')\n", "import_module"),
        ("__import__('playbook.text')\n", "__import__"),
    ],
)
def test_what_cannot_be_followed_is_an_error_that_names_the_file(checkout: Path, text: str, told: str) -> None:
    (checkout / "src/playbook/model/gpt.py").write_text(text)
    with pytest.raises(InputError, match=told) as caught:
        fingerprint("stages.pretrain", checkout)
    assert "src/playbook/model/gpt.py" in caught.value.where


@pytest.mark.parametrize("name", ["stages.missing", "numpy", "stages.code.main", ""])
def test_a_module_that_does_not_exist(checkout: Path, name: str) -> None:
    with pytest.raises(InputError, match="no module"):
        fingerprint(name, checkout)


def test_fingerprints_has_a_key_for_each_script(checkout: Path) -> None:
    tree = fingerprints(checkout)
    assert set(tree) == {"prepare", "pretrain", "labs"}  # not code, not __init__, not a helper
    assert tree["labs"] == {"tiny": {"compare": fingerprint("labs.tiny.compare", checkout)}}
    assert tree["pretrain"] == fingerprint("stages.pretrain", checkout)


def test_nothing_that_it_reads_is_imported() -> None:
    code = f"""if True:
        import sys
        from pathlib import Path
        from playbook.plumbing.fingerprint import fingerprints
        fingerprints(Path({str(ROOT)!r}))
        print(*[name for name in ("torch", "numpy", "stages", "labs") if name in sys.modules])
    """
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not told.strip()


def test_a_changed_file_is_seen_by_the_same_process(checkout: Path) -> None:
    seen: set[Any] = set()
    for value in (1, 2, 1):
        (checkout / "src/playbook/text.py").write_text(f"x = {value}\n")
        seen.add(fingerprint("stages.pretrain", checkout))
    assert len(seen) == 2
