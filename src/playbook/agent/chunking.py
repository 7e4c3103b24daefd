"""Documents cut into chunks that know their lines, so that an answer can cite file and line.

Cuts fall between blocks (paragraphs, list items, tables, code); a block that is too long is cut between lines, a line
that is too long between sentences, and in the last resort between words. Every chunk carries the headings above it.
Markdown is read by markdown-it-py (CommonMark), HTML by Beautiful Soup over Python's own parser, which keeps lines.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString
from markdown_it import MarkdownIt

from playbook.agent.passages import Chunk
from playbook.plumbing.errors import InputError

SENTENCE_END = re.compile(r"(?<=[.!?;])\s+")
MARKDOWN_LEAVES = ("paragraph_open", "fence", "code_block", "table_open", "html_block")
HTML_BLOCKS = ("p", "li", "blockquote", "dt", "dd", "figcaption", "div", "section", "article", "body")
HTML_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
HTML_SILENT = ("script", "style", "template", "svg", "nav", "head")


@dataclass(frozen=True)
class ChunkConfig:
    """How large a chunk is."""

    words: int = 120
    """At most, where there is any place to cut; neighbouring blocks under the same headings are joined up to it."""

    def __post_init__(self) -> None:
        if self.words < 1:
            raise InputError("words", "at least 1", self.words)


@dataclass(frozen=True)
class Block:
    """What is not cut without need: some whole lines of the source under some headings."""

    text: str
    first_line: int
    last_line: int
    title: str = ""


def chunk_text(text: str, config: ChunkConfig = ChunkConfig()) -> list[Chunk]:
    """Plain text: blocks are paragraphs, ended by an empty line."""
    return join(text_blocks(text), config)


def chunk_markdown(text: str, config: ChunkConfig = ChunkConfig()) -> list[Chunk]:
    """Markdown: blocks are those of CommonMark, titles the headings above them."""
    return join(markdown_blocks(text), config)


def chunk_html(text: str, config: ChunkConfig = ChunkConfig()) -> list[Chunk]:
    """HTML: blocks are paragraphs, list items and the like; scripts, styles and navigation are left out."""
    return join(html_blocks(text), config)


def text_blocks(text: str) -> Iterator[Block]:
    """Paragraphs."""
    kept: list[str] = []
    lines = text.split("\n")
    for number, line in enumerate([*lines, ""], start=1):
        if line.strip():
            kept.append(line.rstrip("\r"))
        elif kept:
            yield Block("\n".join(kept), number - len(kept), number - 1)
            kept = []


def markdown_blocks(text: str) -> Iterator[Block]:
    """The leaves of the CommonMark tree as they stand in the source, and the headings over them."""
    lines = text.split("\n")
    over: list[str] = []
    tokens = MarkdownIt("commonmark").enable("table").parse(text.replace("\0", " "))
    for position, token in enumerate(tokens):
        if token.type == "heading_open":
            over = _under(over, int(token.tag[1]), tokens[position + 1].content)
        elif token.map and token.type in MARKDOWN_LEAVES:
            first, last = token.map
            while last > first and not lines[last - 1].strip():
                last -= 1
            if block := "\n".join(lines[first:last]):
                yield Block(block, first + 1, last, " > ".join(filter(None, over)))


def _under(over: list[str], level: int, heading: str) -> list[str]:
    """The headings above what follows a heading of `level`; a level that was skipped stays empty."""
    return [*over[: level - 1], *[""] * (level - 1 - len(over)), heading]


def html_blocks(text: str) -> Iterator[Block]:
    """The text that stands directly in each block element, at the line where it begins; no text is lost.

    Python's parser tells lines of elements and not of text: what stands loose after a block inside another counts as
    beginning where that block ended.
    """
    soup = BeautifulSoup(text.replace("\0", " "), "html.parser")
    for silent in soup(HTML_SILENT):
        silent.decompose()
    over: list[str] = []
    line, seen = 1, set[int]()
    strings = [string for string in soup.find_all(string=True) if type(string) is NavigableString]
    for _, run in groupby(strings, key=lambda string: id(_owner(string, soup))):
        found = list(run)
        owner = _owner(found[0], soup)
        if id(owner) not in seen and isinstance(owner.sourceline, int):
            line = owner.sourceline
        seen.add(id(owner))
        raw = "".join(found)
        content = raw.strip("\n") if owner.name == "pre" else " ".join(" ".join(found).split())
        last = line + raw.rstrip("\n").count("\n")
        if owner.name in HTML_HEADINGS:
            over = _under(over, int(owner.name[1]), content)
        elif content.strip():
            yield Block(content, line, last, " > ".join(filter(None, over)))
        line = last


def _owner(string: NavigableString, soup: BeautifulSoup) -> Tag:
    """The block that a text belongs to: a whole table or listing, or else the innermost block around it."""
    whole = [tag for tag in string.parents if tag.name in ("pre", "table")]
    inner = (tag for tag in string.parents if tag.name in (*HTML_BLOCKS, *HTML_HEADINGS))
    return whole[-1] if whole else next(inner, soup)


def join(blocks: Iterable[Block], config: ChunkConfig) -> list[Chunk]:
    """Neighbouring blocks under the same headings, joined as long as they stay small; long ones cut."""
    chunks: list[Chunk] = []
    held: list[Block] = []

    def flush() -> None:
        if held:
            text = "\n\n".join(block.text for block in held)
            chunks.append(Chunk(text, held[0].first_line, held[-1].last_line, held[0].title))
            held.clear()

    for block in (part for whole in blocks for part in cut(whole, config.words)):
        size = sum(len(b.text.split()) for b in held) + len(block.text.split())
        if held and (size > config.words or block.title != held[0].title):
            flush()
        held.append(block)
    flush()
    return chunks


def cut(block: Block, most: int) -> Iterator[Block]:
    """The block itself, or parts of at most `most` words that keep the lines that they stand on."""
    if len(block.text.split()) <= most:
        yield block
        return
    lines = block.text.split("\n")
    whole = len(lines) == block.last_line - block.first_line + 1  # else its line breaks are not those of the source
    held: list[str] = []
    count, first = 0, 0
    pieces = [(number, piece) for number, line in enumerate(lines) for piece in _pieces(line, most)]
    last = 0
    for number, piece in pieces:
        size = len(piece.split())
        if held and count + size > most:
            yield _part(block, held, first, last, whole)
            held, count = [], 0
        if not held:
            first = number
        held.append(piece)
        count, last = count + size, number
    if held:
        yield _part(block, held, first, last, whole)


def _part(block: Block, held: list[str], first: int, last: int, whole: bool) -> Block:
    span = (block.first_line + first, block.first_line + last) if whole else (block.first_line, block.last_line)
    return Block("\n".join(held), *span, block.title)


def _pieces(line: str, most: int) -> Iterator[str]:
    """A line, its sentences, or so many words at a time."""
    if len(line.split()) <= most:
        yield line
        return
    for sentence in SENTENCE_END.split(line):
        found = sentence.split()
        for start in range(0, len(found), most):
            yield " ".join(found[start : start + most])
