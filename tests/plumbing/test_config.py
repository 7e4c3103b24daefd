from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from playbook.plumbing.config import build, overlay, read_params, read_yaml
from playbook.plumbing.errors import InputError


@dataclass(frozen=True)
class Optimizer:
    kind: Literal["adamw", "muon"] = "muon"
    learning_rate: float = 1e-3
    betas: tuple[float, ...] = (0.9, 0.95)


@dataclass(frozen=True)
class Train:
    tokens: int
    compile: bool = False
    name: str = "base"
    window: int | None = None
    weights: dict[str, float] = field(default_factory=dict)
    optimizer: Optimizer = field(default_factory=Optimizer)

    def __post_init__(self) -> None:
        if self.tokens < 1:
            raise InputError("tokens", "at least 1", self.tokens)


@dataclass(frozen=True)
class Params:
    train: Train


def test_every_kind_of_value() -> None:
    given = {
        "tokens": 5, "compile": True, "name": "x", "window": None, "weights": {"a": 1},
        "optimizer": {"kind": "adamw", "learning_rate": 1, "betas": [0, 0.5]},
    }  # fmt: skip
    built = build(Train, given, "test")
    assert built == Train(5, True, "x", None, {"a": 1.0}, Optimizer("adamw", 1.0, (0.0, 0.5)))
    assert type(built.optimizer.learning_rate) is float
    assert build(Train, {"tokens": 5, "window": 7}, "test").window == 7
    assert build(Train, {"tokens": 5}, "test") == Train(5)


@pytest.mark.parametrize(
    ("given", "where", "told"),
    [
        ({"tokens": 5, "optimiser": {}}, "test: optimiser", "rename it to 'optimizer'"),
        ({"tokens": 5, "zzz": 1}, "test: zzz", "remove it"),
        ({"tokens": 5, "optimizer": {"lr": 1}}, "test: optimizer: lr", "one of kind, learning_rate, betas"),
        ({"tokens": "5"}, "test: tokens", "an integer"),
        ({"tokens": 5.0}, "test: tokens", "an integer"),
        ({"tokens": True}, "test: tokens", "an integer"),
        ({"tokens": None}, "test: tokens", "an integer"),
        ({"tokens": 0}, "test: tokens", "at least 1"),
        ({}, "test: tokens", "missing"),
        ({"tokens": 5, "compile": 1}, "test: compile", "true or false"),
        ({"tokens": 5, "name": 1}, "test: name", "a string"),
        ({"tokens": 5, "window": "7"}, "test: window", "an integer"),
        ({"tokens": 5, "weights": [1]}, "test: weights", "a mapping"),
        ({"tokens": 5, "weights": {"a": "b"}}, "test: weights.a", "a number"),
        ({"tokens": 5, "optimizer": 3}, "test: optimizer", "a mapping with the keys kind"),
        ({"tokens": 5, "optimizer": None}, "test: optimizer", "a mapping"),
        ({"tokens": 5, "optimizer": {"kind": "sgd"}}, "test: optimizer: kind", "one of 'adamw', 'muon'"),
        ({"tokens": 5, "optimizer": {"learning_rate": "3e-05"}}, "test: optimizer: learning_rate", "a number"),
        ({"tokens": 5, "optimizer": {"learning_rate": True}}, "test: optimizer: learning_rate", "a number"),
        ({"tokens": 5, "optimizer": {"learning_rate": float("nan")}}, "test: optimizer: learning_rate", "finite"),
        ({"tokens": 5, "optimizer": {"betas": 0.9}}, "test: optimizer: betas", "a list"),
        ({"tokens": 5, "optimizer": {"betas": [0.9, "x"]}}, "test: optimizer: betas[1]", "a number"),
        ([1], "test", "a mapping with the keys tokens"),
    ],
)
def test_a_bad_value_is_an_error_that_names_its_key(given: Any, where: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        build(Train, given, "test")
    assert caught.value.where == where
    assert told in str(caught.value)


def test_params_are_the_sections_that_the_fields_name(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("train: {tokens: 4_000, optimizer: {learning_rate: 3e-05}}\nother: {whatever: [1]}\n")
    assert read_params(Params, path) == Params(Train(4000, optimizer=Optimizer(learning_rate=3e-05)))
    path.write_text("trian: {tokens: 4}\n")
    with pytest.raises(InputError, match=r"params\.yaml: train\n.*\n.*the key is missing"):
        read_params(Params, path)


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "a: [1\n", "a: 1\na: 2\n", "a: \tb: c: d"])
def test_what_is_no_mapping_of_sections(tmp_path: Path, text: str) -> None:
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(InputError, match=r"params\.yaml"):
        read_yaml(tmp_path / "params.yaml")


def test_no_file_and_a_binary_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_yaml(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"params\.yaml"):
        read_yaml(tmp_path / "params.yaml")


def test_overlay_changes_leaves_and_keeps_its_arguments() -> None:
    base = {"a": {"b": {"c": 1, "d": 2}}, "e": [1, 2]}
    assert overlay(base, {"a": {"b": {"c": 9}}, "e": [3]}) == {"a": {"b": {"c": 9, "d": 2}}, "e": [3]}
    assert base == {"a": {"b": {"c": 1, "d": 2}}, "e": [1, 2]}
    assert overlay(base, {}) == base
    with pytest.raises(InputError, match=r"profile: a\.b\.x"):
        overlay(base, {"a": {"b": {"x": 1}}})
