"""The picture of dvc.yaml: edges by files, reduced to those that say something."""

from typing import Any

from reporting.made_up import DVC_YAML
from ruamel.yaml import YAML

from playbook.reporting.pipeline import edges_of, mermaid, paths, reduced

STAGES: dict[str, Any] = YAML(typ="safe", pure=True).load(DVC_YAML)["stages"]


def test_edges_follow_files_folders_and_matrix_variables() -> None:
    edges = edges_of(STAGES)
    assert ("prepare", "pretrain") in edges  # data/corpus holds data/corpus/questions.jsonl
    assert ("pretrain", "evaluate") in edges  # models/base is a models/${item.checkpoint}
    assert ("pretrain", "report") in edges  # through a plot
    assert ("evaluate", "report") in edges  # through a metric
    assert ("tokenizer", "report") not in edges
    assert not any("code" in edge for edge in edges)


def test_reduction_keeps_what_can_be_reached() -> None:
    assert reduced(edges_of(STAGES)) == [
        ("prepare", "tokenizer"),
        ("tokenizer", "pretrain"),
        ("pretrain", "evaluate"),
        ("evaluate", "report"),
    ]
    diamond = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]
    assert reduced([*diamond, ("a", "d")]) == diamond


def test_similar_names_are_no_edge() -> None:
    stages = {"a": {"outs": ["data/token"]}, "b": {"deps": ["data/tokens"]}}
    assert edges_of(stages) == []


def test_foreach_and_options() -> None:
    stage = {"foreach": [1], "do": {"outs": [{"models/${item}/": {"cache": False}}]}}
    assert paths(stage, "outs") == ["models/*"]


def test_drawing() -> None:
    drawing = mermaid(STAGES, {"pretrain": 312.4})
    assert 'pretrain["<b>pretrain</b><br/><i>models/base</i><br/>312 s"]' in drawing
    assert "tokenizer --> pretrain" in drawing
    assert "code" not in drawing
    assert drawing.startswith("```mermaid\nflowchart LR\n")
    assert drawing.endswith("\n```")
