from pathlib import Path

import pytest

from playbook.plumbing.errors import InputError
from playbook.plumbing.files import read_json
from stages import audit, prepare

WORLD = """
data: {source: world}
world: {people_a: 6, people_b: 4, people_c: 4, towns: 3, employers: 3, towns_c: 2, employers_c: 2, biographies: 2,
        drills: 10, conversations: 60, preferences: 20, rl_prompts: 10, agent_tasks: 16, sessions: 1}
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_world_is_written_and_passes_its_audit(root: Path) -> None:
    (root / "params.yaml").write_text(WORLD)
    prepare.main()
    audit.main()
    violations = read_json("reports/metrics/audit.json")["violations"]
    assert {"held_out_entities", "b_questions", "held_out_wordings", "answers"} <= set(violations)
    for measured in violations.values():
        assert measured["value"] == measured["ci95"][0] == 0
        assert 0 < measured["ci95"][1] < 1
    passed = (root / "data/audit_passed.json").read_bytes()
    assert "the seed 1;" in (root / "reports/data_card.md").read_text()
    prepare.main()
    audit.main()
    assert (root / "data/audit_passed.json").read_bytes() == passed


def test_a_leak_leaves_no_passed_audit(root: Path) -> None:
    (root / "params.yaml").write_text(WORLD)
    prepare.main()
    corpus = root / "data/corpus/pretrain.jsonl"
    corpus.write_text(corpus.read_text() + '{"id": "x", "text": ""}\n')
    with pytest.raises(InputError, match=r"pretrain.jsonl"):
        audit.main()
    assert not (root / "data/audit_passed.json").exists()
    assert not (root / "reports").exists()


def test_plain_text_is_split_and_audited(root: Path) -> None:
    (root / "params.yaml").write_text("data: {source: text, validation_fraction: 0.25}\n")
    (root / "data/sources").mkdir(parents=True)
    (root / "data/sources/a.txt").write_text("".join(f"line {number * number}\n" for number in range(900)))
    prepare.main()
    audit.main()
    assert read_json("reports/metrics/audit.json")["violations"]["validation_copies"]["value"] == 0
    assert "plain text" in (root / "reports/data_card.md").read_text()


def test_text_that_is_not_there_is_told(root: Path) -> None:
    (root / "params.yaml").write_text("data: {source: text}\n")
    with pytest.raises(InputError, match=r"data/sources"):
        prepare.main()
