"""Markdown pages as HTML files that need nothing else: pictures inside, the pipeline drawn, no script, no network.

GitHub draws Mermaid blocks by a script of its own; here they become SVG, in columns by the longest way to each box.
"""

import base64
import html
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

STYLE = """
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; color: #222; }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto; font-size: 0.9rem; }
th, td { border: 1px solid #ddd; padding: 0.25rem 0.6rem; text-align: left; } th { background: #f4f4f4; }
img, svg { max-width: 100%; height: auto; } pre { background: #f6f6f6; padding: 0.8rem; overflow-x: auto; }
code { font-size: 0.9em; } nav { font-size: 0.9rem; border-bottom: 1px solid #ddd; padding-bottom: 0.5rem; }
@media (prefers-color-scheme: dark) {
  body { background: #17191d; color: #ddd; } a { color: #8ab4f8; } th, td, nav { border-color: #444; }
  th, pre { background: #24272d; } img, svg { background: #fff; border-radius: 4px; }
}
"""
INTERVAL = re.compile(r"(-?[\d.]+ )?\[-?[\d.]+, -?[\d.]+\]")
"""With the value before it, if there is one: to stay on one line."""
TYPES = {".svg": "image/svg+xml", ".png": "image/png"}
BOX_WIDTH, LINE_HEIGHT, GAP_X, GAP_Y = 190, 17, 46, 22
"""Pixels."""
TIP = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0 8 4 0 8z"/></marker></defs>'
)


def page_html(text: str, title: str, folder: Path, link: Callable[[str], str], navigation: str = "") -> str:
    """A whole HTML page. Pictures are read relative to `folder`; `link` tells where a relative link is to lead."""
    parser = MarkdownIt("commonmark").enable("table")
    tokens = parser.parse(text)
    for token in tokens:
        for child in token.children or []:
            _mend(child, folder, link)
    blocks = []
    for token in tokens:
        if token.type == "fence" and token.info.strip() == "mermaid":
            token.type, token.content = "html_block", mermaid_svg(token.content)
        blocks.append(token)
    body = parser.renderer.render(blocks, parser.options, {})
    head = f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{html.escape(title)}</title>'
    return f"{head}\n<style>{STYLE}</style>\n{navigation}{body}</html>\n"


def _mend(token: Token, folder: Path, link: Callable[[str], str]) -> None:
    if token.type == "image":
        source = folder / str(token.attrs["src"])
        if source.is_file() and source.suffix in TYPES:
            data = base64.b64encode(source.read_bytes()).decode()
            token.attrs["src"] = f"data:{TYPES[source.suffix]};base64,{data}"
    elif token.type == "link_open":
        target = str(token.attrs["href"])
        if not re.match(r"[a-z]+:|#", target):
            token.attrs["href"] = link(target)
    elif token.type == "text":
        token.content = INTERVAL.sub(lambda found: found[0].replace(" ", "\N{NO-BREAK SPACE}"), token.content)


def mermaid_svg(block: str) -> str:
    """A flowchart of boxes `id["label"]` and arrows `a --> b` (also chained) as SVG."""
    found = re.findall(r'(\w+)\["(.*?)"\]', block)
    labels = {name: re.sub(r"</?[bi]>", "", label).split("<br/>") for name, label in found}
    edges: list[tuple[str, str]] = []
    for line in block.splitlines():
        names = re.findall(r"\w+", line) if "-->" in line else []
        edges += pairwise(names)
    for name in dict.fromkeys(name for edge in edges for name in edge):
        labels.setdefault(name, [name])
    columns: dict[int, list[str]] = {}
    depth = {name: _depth(name, edges, ()) for name in labels}
    for name in labels:
        columns.setdefault(depth[name], []).append(name)
    heights = {name: LINE_HEIGHT * len(lines) + 14 for name, lines in labels.items()}
    places: dict[str, tuple[int, int]] = {}
    for column, names in columns.items():
        y = 10
        for name in names:
            places[name] = (10 + column * (BOX_WIDTH + GAP_X), y)
            y += heights[name] + GAP_Y
    width = max(x for x, _ in places.values()) + BOX_WIDTH + 10 if places else 10
    height = max(y + heights[name] for name, (_, y) in places.items()) + 10 if places else 10
    arrows = [_arrow(places[a], heights[a], places[b], heights[b]) for a, b in edges]
    boxes = [_box(places[name], heights[name], lines) for name, lines in labels.items()]
    inner = "\n".join([TIP, *arrows, *boxes])
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">\n{inner}\n</svg>\n'


def _depth(name: str, edges: list[tuple[str, str]], seen: tuple[str, ...]) -> int:
    before = [a for a, b in edges if b == name and a not in seen]
    return 1 + max(_depth(a, edges, (*seen, name)) for a in before) if before else 0


def _arrow(start: tuple[int, int], start_height: int, end: tuple[int, int], end_height: int) -> str:
    x1, y1, x2, y2 = start[0] + BOX_WIDTH, start[1] + start_height // 2, end[0], end[1] + end_height // 2
    bend = max(20, (x2 - x1) // 2)
    curve = f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
    return f'<path d="{curve}" fill="none" stroke="#595959" marker-end="url(#tip)"/>'


def _box(place: tuple[int, int], height: int, lines: list[str]) -> str:
    x, y = place
    frame = f'<rect x="{x}" y="{y}" width="{BOX_WIDTH}" height="{height}" rx="5" fill="#eef5fb" stroke="#0072B2"/>'
    rows = []
    for i, line in enumerate(lines):
        style = 'font-size="13" font-weight="bold"' if i == 0 else 'font-size="11"'
        at = f'x="{x + 9}" y="{y + 19 + i * LINE_HEIGHT}" font-family="sans-serif"'
        rows.append(f"<text {at} {style}>{html.escape(html.unescape(line))}</text>")
    return "\n".join([frame, *rows])
