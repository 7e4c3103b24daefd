import json
from pathlib import Path

import pytest
from small_world import TINY

from playbook.data.world.conversations import conversation_rows
from playbook.data.world.facts import build_world
from playbook.data.world.generate import pretrain_rows
from playbook.data.world.preferences import preference_rows
from playbook.data.world.rl_prompts import rl_prompt_rows
from playbook.evaluation.harness import record
from playbook.evaluation.instructions import INSTRUCTION_FOLLOWING, VERIFIABLE, follows, metrics, trained

WORLD = build_world(TINY)
NAME = "Ada Bell"
GOOD = {
    "bare": ["Mill Lane"], "capitals": ["MILL LANE."], "sentence": ["The answer is Mill Lane."],
    "json": ['{"answer": "Mill Lane"}'], "lower_case": ["mill lane."], "exclamation": ["Mill Lane!"],
    "quoted": ['"Mill Lane"', '"Mill Lane".'], "twice": ["Mill Lane. Mill Lane.", "vet, vet"],
    "prefix": ["Answer: Mill Lane."], "brackets": ["[Mill Lane]"], "json_list": ['["Mill Lane"]'],
    "bullet": ["- Mill Lane."], "names_person": ["Ada Bell lives in Mill Lane."],
    "five_words": ["The street is called Mill Lane."],
}  # fmt: skip
BAD = {
    "bare": ["Mill Lane."], "capitals": ["Mill Lane."], "sentence": ["Mill Lane."], "json": ["Mill Lane."],
    "lower_case": ["Mill Lane.", "."], "exclamation": ["Mill Lane."], "quoted": ["Mill Lane.", '"Mill'],
    "twice": ["Mill Lane.", "Mill Lane. Mill."], "prefix": ["The answer is Mill Lane."],
    "brackets": ["Mill Lane.", "[]"], "json_list": ['{"answer": "Mill Lane"}', "[1]", '["a", "b"]'],
    "bullet": ["Mill Lane.", "-"], "names_person": ["She lives in Mill Lane."], "five_words": ["Mill Lane."],
}  # fmt: skip


def test_there_are_ten_kinds_and_three_that_training_never_saw() -> None:
    assert set(GOOD) == set(BAD) == set(VERIFIABLE)
    assert len(VERIFIABLE) >= 10
    new = [kind for kind in VERIFIABLE if not trained(kind)]
    assert len(new) >= 3
    assert any(trained(kind) for kind in VERIFIABLE)
    corpora = [*pretrain_rows(WORLD), conversation_rows(WORLD), preference_rows(WORLD), rl_prompt_rows(WORLD)]
    told = "\n".join(json.dumps(row) for rows in corpora for row in rows)
    assert [kind for kind in VERIFIABLE if VERIFIABLE[kind].wording in told] == []


@pytest.mark.parametrize("kind", VERIFIABLE)
def test_what_follows_and_what_does_not(kind: str) -> None:
    for text in GOOD[kind]:
        assert follows(kind, text, NAME), text
        assert follows(kind, text, NAME, loose=True), text
    for text in [*BAD[kind], "", "I don't know."]:
        assert not follows(kind, text, NAME), text


def test_loose_forgives_a_line_before_and_stars() -> None:
    text = "Here you are:\n**MILL LANE.**"
    assert not follows("capitals", text, NAME)
    assert follows("capitals", text, NAME, loose=True)
    assert not follows("capitals", "Here you are:\nMill Lane.", NAME, loose=True)


def test_shares_by_kind_and_by_whether_training_had_it(tmp_path: Path) -> None:
    samples = list(INSTRUCTION_FOLLOWING.samples(WORLD))
    shouted = [record(INSTRUCTION_FOLLOWING, sample, f"{sample['value']}.".upper()) for sample in samples]
    found = metrics(shouted, seed=1)
    assert found["by_kind"]["capitals"].value == 1
    assert found["by_kind"]["json"].value == found["by_kind"]["exclamation"].value == 0
    assert found["right"].value == 1
    assert found["loose"].value >= found["strict"].value > 0
    assert found["strict_and_right"].value == found["strict"].value
    assert found["trained"].value > found["never_trained"].value
