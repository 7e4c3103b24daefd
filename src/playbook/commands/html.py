"""`make html`: reports, notes and the labs' reports as HTML in .work/html; each page is one file and opens offline."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from playbook.plumbing.errors import tell
from playbook.plumbing.files import atomic_write
from playbook.plumbing.paths import ROOT
from playbook.reporting.html import page_html

OUT = Path(".work/html")
PAGES = (
    "reports/README.md",
    "reports/*.md",
    "notes/*.md",
    "labs/*/reports/README.md",
    "reports/tables/*.md",
    "README.md",
)


def main(root: Path = ROOT) -> int:
    """Write the pages; the first is reports/README.md as index.html."""
    sys.excepthook = tell
    found = dict.fromkeys(path.relative_to(root) for pattern in PAGES for path in sorted(root.glob(pattern)))
    names = {page: _name(page) for page in found}
    navigation = menu({page: name for page, name in names.items() if "tables" not in page.parts})
    for page in found:

        def link(target: str, page: Path = page) -> str:
            path, _, anchor = target.partition("#")
            wanted = Path(os.path.normpath(page.parent / path))
            if wanted in names:
                return names[wanted] + (f"#{anchor}" if anchor else "")
            return os.path.relpath(root / wanted, root / OUT)

        text = (root / page).read_text(encoding="utf-8")
        with atomic_write(root / OUT / names[page]) as handle:
            handle.write(page_html(text, _title(page), (root / page).parent, link, navigation))
    print(f"{len(found)} pages in {OUT}; begin with {OUT / 'index.html'}")
    return 0


def menu(names: Mapping[Path, str]) -> str:
    """Links to the pages, a line for each top-level folder; a lab's report goes by the lab's name."""
    lines: dict[str, list[str]] = {}
    for page, name in names.items():
        folder = page.parts[0] if len(page.parts) > 1 else "project"
        lab = page.parts[1] if folder == "labs" else page.stem
        called = {"index.html": "results", "README.html": "readme"}.get(name, lab.replace("_", " "))
        lines.setdefault(folder, []).append(f'<a href="{name}">{called}</a>')
    rows = (f"<div>{folder}: {' · '.join(links)}</div>" for folder, links in lines.items())
    return f"<nav>{''.join(rows)}</nav>\n"


def _name(page: Path) -> str:
    return "index.html" if page == Path("reports/README.md") else f"{'_'.join(page.with_suffix('').parts)}.html"


def _title(page: Path) -> str:
    return "results" if page == Path("reports/README.md") else page.with_suffix("").as_posix()


if __name__ == "__main__":
    sys.exit(main())
