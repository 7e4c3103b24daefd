"""The tables of post-training say what the numbers say."""

from reporting.made_up import measured, to_json

from playbook.reporting.alignment import changes_table, gallery, stages_table, steps_told
from playbook.reporting.headline import ALIGNMENT_LINES, headline_table
from playbook.reporting.results import Results

COMPARED = Results(
    {
        "compare": {
            "dpo_minus_sft": to_json(
                {"gold_reward": measured(0.1, 0.05, 0.15), "hallucination_rate": measured(-0.02, -0.05, 0.01)}
            )
        },
        "evaluate/sft": to_json({"win_rate_vs_sft": measured(0.5, 0.5, 0.5)}),
        "evaluate/dpo": to_json({"win_rate_vs_sft": measured(0.6, 0.55, 0.65)}),
    }
)


def answer(name: str, said: str, number: int = 1) -> dict[str, object]:
    return {
        "id": f"q{number}", "entity": f"p{number}", "split": "A", "held_out": True, "prompt": "Who?", "answer": said,
        "gold": "vet.", "gold_reward": 1.0 if said == "vet." else -1.0, "kind": "question", "checkpoint": name,
    }  # fmt: skip


def test_a_rise_is_told_only_where_the_interval_shows_it() -> None:
    (sentence,) = steps_told(COMPARED)
    assert "the gold reward rose" in sentence
    assert "as if known did not change for certain" in sentence


def test_tables_have_the_checkpoints_that_there_are() -> None:
    table, changes = stages_table(COMPARED), changes_table(COMPARED)
    assert table is not None
    assert changes is not None
    assert "| sft" in table
    assert "grpo" not in table
    assert "0.60 [0.55, 0.65]" in table
    assert "sft → dpo" in changes
    assert stages_table(Results()) is changes_table(Results()) is None


def test_the_headline_judges_a_change_by_its_sign() -> None:
    rows = headline_table(COMPARED, ALIGNMENT_LINES).splitlines()
    assert len(rows) == 3
    assert rows[2].rstrip(" |").endswith("met")


def test_the_gallery_shows_what_changed_and_skips_what_did_not() -> None:
    records = {
        "sft": [answer("sft", "vet.", 1), answer("sft", "baker.", 2)],
        "dpo": [answer("dpo", "vet.", 1), answer("dpo", "vet.", 2)],
    }
    table = gallery(records)
    assert table is not None
    assert len(table.splitlines()) == 3
    assert "baker. (-1.00) | vet. (+1.00)" in " ".join(table.split())
    assert gallery({"sft": records["sft"]}) is None
