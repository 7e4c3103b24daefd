"""Samples are chosen by rule: other people, other attributes, right and wrong of each split."""

from typing import Any

from reporting.made_up import TEXTS, question

from playbook.reporting.samples import diary, question_samples, text_samples


def asked(entity: str, attribute: str, right: bool, split: str = "A", held_out: bool = True) -> dict[str, Any]:
    row = question(split, attribute, "vet." if right else "nurse.", "vet.")
    return {**row, "prompt": f"{entity} {attribute}", "entity": entity, "held_out": held_out}


def test_the_rule() -> None:
    records = [
        asked("ann", "job", True, held_out=False),
        asked("ann", "job", True),
        asked("ann", "town", True),
        asked("ben", "town", True),
        asked("cid", "hobby", True),
        asked("ann", "pet", False),
        asked("dora", "pet", False),
        asked("eve", "job", False, split="C"),
    ]
    rows = [line.split("|")[2].strip() for line in question_samples(records).splitlines()[2:]]
    assert rows == ["ann job", "ben town", "dora pet", "eve job"]


def test_a_refusal_is_named() -> None:
    row = {**asked("ann", "job", False), "answer": "I don't know.", "abstained": True}
    assert "does not know" in question_samples([row])


def test_where_no_words_are_held_out() -> None:
    assert "ann job" in question_samples([asked("ann", "job", True, held_out=False)])


def test_text() -> None:
    assert text_samples(TEXTS) == "> To be, or **not \\*to\\***"


def test_the_diary_follows_one_opening() -> None:
    samples = [
        {"val_loss": loss, "prompt": prompt, "answer": f"{prompt} {loss}|"}
        for loss in (2.5, 1.25)
        for prompt in ("<|document|> Ann", "<|document|> Ben")
    ]
    text = diary(samples)
    assert text.count("Ann 2.5\\|") == text.count("Ann 1.25\\|") == 1
    assert "Ben" not in text
    assert text.index("2.500") < text.index("1.250")
