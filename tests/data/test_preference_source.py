"""The user's own pairs: both forms of the field, and rows from which nothing can be learnt."""

from pathlib import Path
from typing import Any

import pytest

from playbook.data.preference_source import preference_source
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import write_jsonl

ASK, YES, NO = "\n\nHuman: May I?", "\n\nAssistant: Yes.", "\n\nAssistant: No."


def read(tmp_path: Path, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    write_jsonl(tmp_path / "pairs.jsonl", rows)
    return list(preference_source(tmp_path / "pairs.jsonl"))


def test_strings_become_messages_and_further_keys_stay(tmp_path: Path) -> None:
    (row,) = read(tmp_path, {"prompt": "May I?", "chosen": "Yes.", "rejected": "No.", "margin": 2.0})
    assert row["prompt"] == [{"role": "user", "content": "May I?"}]
    assert row["chosen"] == [{"role": "assistant", "content": "Yes."}]
    assert row["margin"] == 2.0


def test_two_dialogues_part_at_the_last_answer(tmp_path: Path) -> None:
    opening = ASK + YES + "\n\nHuman: Sure?"
    (row,) = read(tmp_path, {"chosen": opening + YES, "rejected": opening + NO})
    assert [turn["content"] for turn in row["prompt"]] == ["May I?", "Yes.", "Sure?"]
    assert [row[side][0]["content"] for side in ("chosen", "rejected")] == ["Yes.", "No."]


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({"prompt": "May I?", "chosen": "Yes.", "rejected": "Yes."}, "two answers that differ"),
        ({"prompt": "May I?", "chosen": "Yes.", "rejected": "  "}, "rejected(.|\n)*an answer(.|\n)*an empty one"),
        ({"prompt": "May I?", "chosen": "Yes."}, "rejected(.|\n)*a string, or a list"),
        ({"prompt": "", "chosen": [], "rejected": "No."}, "chosen"),
        ({"chosen": ASK + YES, "rejected": ASK + YES}, "two answers that differ"),
        ({"chosen": ASK + YES, "rejected": "\n\nHuman: Who?" + NO}, "the same up to the last answer"),
        ({"chosen": ASK, "rejected": ASK + NO}, "the last of Assistant"),
        ({"chosen": ASK + "\n\nAssistant:", "rejected": ASK + NO}, "an empty one"),
    ],
)
def test_a_pair_that_teaches_nothing_is_named(tmp_path: Path, row: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint) as error:
        read(tmp_path, {"prompt": "May I?", "chosen": "Yes.", "rejected": "No."}, row)
    assert "pairs.jsonl:2" in str(error.value)


def test_all_bad_rows_are_told_at_once(tmp_path: Path) -> None:
    good, bad = ({"prompt": "May I?", "chosen": "Yes.", "rejected": said} for said in ("No.", ""))
    with pytest.raises(InputError) as error:
        read(tmp_path, bad, good, good, bad, *[good, bad] * 30)
    assert "pairs.jsonl:1: rejected" in str(error.value)
    assert "an empty one; 32 rows of 64 are refused, the others in line 4, 6, 8, " in str(error.value)
    assert "44, ..." not in str(error.value)
    assert "42, ..." in str(error.value)


def test_no_pairs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one pair"):
        read(tmp_path)
