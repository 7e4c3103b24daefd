"""A few records to read, chosen by rule and not by taste: the first right and the first wrong answers of each split."""

from collections.abc import Sequence
from typing import Any

from playbook.reporting.tables import escape, markdown_table
from playbook.text.special_tokens import DOC

Record = dict[str, Any]
EACH = 2
"""Right answers of a split, and wrong ones."""


def question_samples(records: Sequence[Record]) -> str:
    """Right and wrong answers to questions in new wordings, as a Markdown table: other people, other attributes."""
    asked = [row for row in records if row["held_out"]] or list(records)
    chosen: list[Record] = []
    for split in sorted({row["split"] for row in asked}):
        for right in (True, False):
            fits = [row for row in asked if row["split"] == split and row["correct"] == right]
            for attribute in list(dict.fromkeys(row["attribute"] for row in fits))[:EACH]:
                taken = [row["entity"] for row in chosen]
                of_others = [row for row in fits if row["attribute"] == attribute and row["entity"] not in taken]
                chosen += of_others[:1]
    headers = ("split", "question", "the model", "the truth", "verdict")
    return markdown_table(map(_cells, chosen), headers)


def text_samples(records: Sequence[Record]) -> str:
    """The first continuations of held-out text, as Markdown quotations."""
    return "\n\n".join(
        f"> {escape(row['prompt'], 400)} **{escape(row['answer'], 400)}**" for row in records[: 2 * EACH]
    )


def diary(samples: Sequence[Record]) -> str:
    """What was written at each validation after the same opening (the first), as a Markdown table."""
    opening = samples[0]["prompt"]
    rows = [row for row in samples if row["prompt"] == opening]
    told = f"The same opening each time, from a held-out text: {escape(_plain(opening))}"
    cells = [(f"{row['val_loss']:.3f}", escape(_plain(row["answer"])) or "*(nothing)*") for row in rows]
    return f"{told}\n\n{markdown_table(cells, ('validation loss', 'it went on'))}"


def _plain(text: str) -> str:
    return text.removeprefix(DOC).strip()


def _cells(row: Record) -> tuple[str, ...]:
    verdict = "right" if row["correct"] else "does not know" if row["abstained"] else "wrong"
    return row["split"], escape(row["prompt"]), escape(row["answer"]) or "*(nothing)*", escape(row["gold"]), verdict
