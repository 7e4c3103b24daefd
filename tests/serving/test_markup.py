"""What models and users write stands on the page letter by letter, and never as markup."""

import re

from playbook.agent.memory import Note
from playbook.agent.tools import Source
from playbook.serving import markup
from playbook.serving.inspector import Reading, Token

EVIL = "<img src=x onerror=alert(1)>"
READING = Reading(
    (1, 2, 3), 1,
    (Token("<|user|>", True, None, ()), Token(EVIL, False, 0.25, ((EVIL, 0.25), ("b", 0.2))),
     Token("\n", False, 1.0, (("\n", 1.0),))), ended=False,
)  # fmt: skip


def test_nothing_that_was_written_becomes_markup() -> None:
    note = Note("fact", f'"{EVIL}', EVIL, "s1", "2024-03-04")
    source = Source("d", EVIL, EVIL, "a.md", 3, 4)
    pages = [
        markup.answer(READING), markup.rivals(READING.tokens[1]), markup.attention(READING, [0.2, 0.8]),
        markup.passages([source]), markup.notes([note], [note], EVIL),
    ]  # fmt: skip
    for page in pages:
        assert "<img" not in page
        assert "&lt;img" in page
    assert 'data-pick="&quot;&lt;img' in pages[-1]


def test_an_answer_shows_its_doubt_and_only_what_the_model_wrote() -> None:
    page = markup.answer(READING)
    assert re.findall(r'data-pick="(\d+)"', page) == ["1", "2"]
    assert "--doubt:0.750" in page
    assert "25% likely; most likely here" in page
    assert "It was cut there." in page


def test_attention_frames_the_one_that_looks_and_shades_by_the_most() -> None:
    page = markup.attention(READING, [0.2, 0.8])
    assert page.count("<span") == 2
    assert "--look:0.250" in page
    assert re.findall(r'class="(.*?)"', page)[1:3] == ["mark", "query"]


def test_notes_tell_what_held_before() -> None:
    old, new = (Note("fact", "drink", value, "s", "2024-03-04") for value in ("tea", "cocoa"))
    page = markup.notes([new], [old, new], "kept here")
    assert "before: tea" in page
    assert "Nothing is remembered" in markup.notes([], [], "kept here")


def test_no_probability_is_rounded_to_certainty() -> None:
    assert [markup.percent(share) for share in (0, 0.00002, 0.5, 0.9999, 1)] == ["0%", "<0.1%", "50%", ">99.9%", "100%"]
