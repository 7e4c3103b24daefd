"""Chunks know their lines and their headings, stay small, and lose no word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbook.agent.chunking import ChunkConfig, chunk_html, chunk_markdown, chunk_text, html_blocks
from playbook.plumbing.errors import InputError

MARKDOWN = """# Tea

Tea is hot.
It is brown.

## Water

- boil it
- pour it

```python
# no heading
```

| a | b |
|---|---|
| 1 | 2 |
"""


def test_markdown_keeps_headings_and_lines() -> None:
    chunks = chunk_markdown(MARKDOWN)
    assert [(c.title, c.first_line, c.last_line) for c in chunks] == [("Tea", 3, 4), ("Tea > Water", 8, 17)]
    assert chunks[0].text == "Tea is hot.\nIt is brown."
    assert "# no heading" in chunks[1].text
    assert "| 1 | 2 |" in chunks[1].text


def test_a_chunk_cites_the_lines_that_hold_it() -> None:
    lines = MARKDOWN.split("\n")
    for chunk in chunk_markdown(MARKDOWN, ChunkConfig(words=3)):
        source = " ".join(" ".join(lines[chunk.first_line - 1 : chunk.last_line]).split())
        for line in chunk.text.split("\n"):
            assert " ".join(line.split()) in source


def test_a_later_heading_ends_the_ones_below_it() -> None:
    titles = [c.title for c in chunk_markdown("# A\n\n### C\n\nx\n\n## B\n\ny\n\n# D\n\nz")]
    assert titles == ["A > C", "A > B", "D"]


def test_paragraphs_are_joined_while_they_are_small() -> None:
    assert [c.text for c in chunk_text("a b\n\nc d\n\ne f", ChunkConfig(words=4))] == ["a b\n\nc d", "e f"]
    assert [(c.first_line, c.last_line) for c in chunk_text("a b\n\nc d\n\ne f", ChunkConfig(words=4))] == [
        (1, 3),
        (5, 5),
    ]


def test_a_long_paragraph_is_cut_between_lines_then_sentences_then_words() -> None:
    lines = chunk_text("a b c\nd e f", ChunkConfig(words=4))
    assert [(c.text, c.first_line, c.last_line) for c in lines] == [("a b c", 1, 1), ("d e f", 2, 2)]
    assert [c.text for c in chunk_text("a b c. D e f.", ChunkConfig(words=4))] == ["a b c.", "D e f."]
    assert [c.text for c in chunk_text("a b c d e f g", ChunkConfig(words=3))] == ["a b c", "d e f", "g"]


HTML = """<html><head><title>No</title></head><body>
<h1>Tea</h1>
<p>Tea is
<b>hot</b>.</p>
<script>var x = 1;</script>
<div>Loose <ul><li>one</li><li>two</li></ul> after</div>
<h2>Milk</h2>
<table><tr><td>a</td><td>b</td></tr></table>
<pre>
 x
   y
</pre>
</body></html>"""


def test_html_loses_no_text_and_keeps_lines() -> None:
    blocks = [(b.text, b.first_line, b.title) for b in html_blocks(HTML)]
    assert blocks == [
        ("Tea is hot .", 3, "Tea"),
        ("Loose", 6, "Tea"),
        ("one", 6, "Tea"),
        ("two", 6, "Tea"),
        ("after", 6, "Tea"),
        ("a b", 8, "Tea > Milk"),
        (" x\n   y", 9, "Tea > Milk"),
    ]
    assert [c.title for c in chunk_html(HTML)] == ["Tea", "Tea > Milk"]


@pytest.mark.parametrize("text", ["", "\n\n", "<p>", "<p><<<", "&", "\0", "# ", "```", "<table><table>", "</p></body>"])
def test_no_text_breaks_a_chunker(text: str) -> None:
    for chunker in (chunk_text, chunk_markdown, chunk_html):
        for chunk in chunker(text):
            assert chunk.text.strip()


@given(st.text(alphabet="ab .\n#-|`>", max_size=200), st.integers(1, 5))
def test_plain_text_loses_no_word_and_no_chunk_is_too_long(text: str, words: int) -> None:
    chunks = chunk_text(text, ChunkConfig(words=words))
    assert [word for chunk in chunks for word in chunk.text.split()] == text.split()
    assert all(len(chunk.text.split()) <= words for chunk in chunks)
    total = text.count("\n") + 1
    assert all(1 <= chunk.first_line <= chunk.last_line <= total for chunk in chunks)


def test_a_chunk_of_no_words_is_refused() -> None:
    with pytest.raises(InputError, match="at least 1"):
        ChunkConfig(words=0)
