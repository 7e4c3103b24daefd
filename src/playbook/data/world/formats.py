"""The forms in which an answer can be asked for, and whether a text has one. Knows nothing of right and wrong.

plain     baker.                  (when nothing is asked for)
bare      baker
capitals  BAKER.
sentence  The answer is baker.
json      {"answer": "baker"}
"""

import json
import re

FORMATS = ("plain", "bare", "capitals", "sentence", "json")
LONGEST_VALUE = 4
"""Words."""
INSTRUCTIONS: dict[str, tuple[str, ...]] = {
    "bare": (
        "Leave out the full stop.", "Write no full stop.", "No full stop, please.", "Use no full stop.",
        "Give the answer with no full stop.",
    ),
    "capitals": (
        "Answer in capitals.", "Use capitals only.", "Write the answer in capitals.", "Capitals, please.",
        "Give the answer in capitals.",
    ),
    "sentence": (
        "Answer in a sentence.", "Use a whole sentence.", "Write a sentence.", "A whole sentence, please.",
        "Give the answer in a sentence.",
    ),
    "json": ("Answer in JSON.", "Use JSON.", "Write the answer as JSON.", "JSON, please.", "Give the answer as JSON."),
}  # fmt: skip
"""Verbs alone do not tell forms apart: each goes with several of them."""
HELD_OUT_INSTRUCTIONS: dict[str, tuple[str, ...]] = {
    "bare": ("Answer with no full stop.",),
    "capitals": ("Write in capitals.",),
    "sentence": ("Write the answer in a sentence.",),
    "json": ("Write JSON.",),
}
STYLE_NOTES = {"capitals": "answer style: capitals", "sentence": "answer style: sentence", "json": "answer style: JSON"}
"""What is remembered of a user who always wants one of them."""


def style_note(form: str) -> str:
    """What the assistant writes for itself, right before the answer, of the form that was asked for.

    >>> style_note("json"), style_note("bare")
    ('answer style: JSON', 'answer style: bare')
    """
    return STYLE_NOTES.get(form, f"answer style: {form}")


def render(value: str, form: str) -> str:
    """The value in a form.

    >>> [render("vet", form) for form in FORMATS]
    ['vet.', 'vet', 'VET.', 'The answer is vet.', '{"answer": "vet"}']
    """
    texts = {
        "plain": f"{value}.", "bare": value, "capitals": f"{value.upper()}.",
        "sentence": f"The answer is {value}.", "json": json.dumps({"answer": value}, ensure_ascii=False),
    }  # fmt: skip
    return texts[form]


def has_form(text: str, form: str) -> bool:
    """True if the text is one value in that form and nothing else.

    >>> has_form("vet.", "plain"), has_form("It is a vet, I think.", "plain"), has_form("vet.", "json")
    (True, False, False)
    """
    value = _value(text, form)
    return (
        value is not None
        and re.fullmatch(r"[\w'-]+( [\w'-]+)*", value) is not None
        and len(value.split()) <= LONGEST_VALUE
    )


def _value(text: str, form: str) -> str | None:
    """What stands where the value belongs, or None if the frame is not there."""
    if form == "bare":
        return text
    if form == "json":
        return _json_value(text)
    if not text.endswith(".") or (form == "capitals" and text != text.upper()):
        return None
    if form == "sentence":
        return text[:-1].removeprefix("The answer is ") if text.startswith("The answer is ") else None
    return text[:-1]


def _json_value(text: str) -> str | None:
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):  # what a model writes need not be JSON: that is what we are asked
        return None
    return (
        row["answer"] if isinstance(row, dict) and list(row) == ["answer"] and isinstance(row["answer"], str) else None
    )
