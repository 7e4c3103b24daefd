"""Docstrings whose examples pytest does not run must hold none."""

from playbook.plumbing.paths import ROOT


def test_no_example_stands_where_none_is_run() -> None:
    ignored = [
        path for name in ("tracking", "commands", "serving") for path in (ROOT / "src/playbook" / name).glob("*.py")
    ]
    assert ignored
    assert not [path.name for path in ignored if ">>> " in path.read_text(encoding="utf-8")]
