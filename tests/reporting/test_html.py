import re
from pathlib import Path

import pytest

from playbook.commands import html as command
from playbook.plumbing.paths import ROOT
from playbook.reporting.html import mermaid_svg, page_html


def test_a_page_holds_its_pictures_and_needs_no_network(tmp_path: Path) -> None:
    (tmp_path / "x.svg").write_text("<svg/>")
    text = (
        "# A <b>\n\n| a | b |\n|---|---|\n| 1 | `2` |\n| .5 [.4, .6] of 2 | |\n\n"
        "![alt](x.svg) [card](card.md) [paper](https://example.org)\n"
    )
    page = page_html(text, "T & t", tmp_path, lambda target: target.replace(".md", ".html"))
    assert "<td>1</td>" in page
    assert "<td>.5\N{NO-BREAK SPACE}[.4,\N{NO-BREAK SPACE}.6] of 2</td>" in page
    assert '<img src="data:image/svg+xml;base64,PHN2Zy8+" alt="alt"' in page
    assert 'href="card.html"' in page
    assert 'href="https://example.org"' in page
    assert "<title>T &amp; t</title>" in page
    assert "<script" not in page


def test_a_pipeline_is_drawn_in_columns_by_the_longest_way() -> None:
    svg = mermaid_svg('flowchart LR\n    a["<b>a</b><br/>1 s"]\n    a --> b --> c\n    a --> c\n')
    assert svg.count("<rect") == 3
    assert svg.count("<path d=") == 4  # three arrows and their tip
    places = [int(x) for x in re.findall(r'<rect x="(\d+)"', svg)]
    assert len(set(places)) == 3
    assert ">1 s</text>" in svg


def test_the_reports_of_this_checkout_become_pages_without_dead_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.excepthook", None)
    monkeypatch.setattr(command, "OUT", tmp_path / "html")
    assert command.main(ROOT) == 0
    index = (tmp_path / "html/index.html").read_text()
    assert re.findall(r'src="(?!data:)[^"]*"', index) == []
    for target in re.findall(r'href="([^"#:]+)"', index):
        assert (tmp_path / "html" / target).exists(), target
