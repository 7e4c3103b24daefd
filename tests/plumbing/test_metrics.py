from pathlib import Path
from typing import Any

import pytest

from playbook.plumbing.errors import InputError
from playbook.plumbing.metrics import Measurement, is_measurement, read_metrics, walk_measurements, write_metrics

HALF = Measurement(0.5, (0.4, 0.6), 100)


def test_a_file_comes_back_with_its_names_in_order(tmp_path: Path) -> None:
    seeds = Measurement(1 / 3, (0.3, 0.35), 7, seeds=3)
    write_metrics(tmp_path / "m.json", {"loss": HALF, "closed_book": {"B": seeds, "A": HALF}}, {"seconds": 1.5})
    tree = read_metrics(tmp_path / "m.json")
    assert tree["run"] == {"seconds": 1.5}
    assert tree["loss"] == {"value": 0.5, "ci95": [0.4, 0.6], "n": 100}
    assert tree["closed_book"]["B"] == {"value": 0.333333, "ci95": [0.3, 0.35], "n": 7, "seeds": 3}
    assert [name for name, _ in walk_measurements(tree)] == ["loss", "closed_book.B", "closed_book.A"]
    assert dict(walk_measurements(tree))["loss"] == HALF


@pytest.mark.parametrize("metrics", [{"loss": 0.5}, {"a": {"loss": 1}}, {"a": None}, {"a": [HALF]}, {"a": "x"}])
def test_a_bare_number_is_refused(tmp_path: Path, metrics: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="must be a Measurement"):
        write_metrics(tmp_path / "m.json", metrics, {})
    assert not (tmp_path / "m.json").exists()


@pytest.mark.parametrize(
    ("value", "ci95", "n"),
    [
        (0.5, (0.6, 0.7), 1),
        (0.5, (0.1, 0.4), 1),
        (0.5, (0.6, 0.4), 1),
        (float("nan"), (0.0, 1.0), 1),
        (0.5, (0.0, 1.0), 0),
    ],
)
def test_an_impossible_measurement_is_refused(value: float, ci95: tuple[float, float], n: int) -> None:
    with pytest.raises(ValueError, match=r"interval|n >= 1"):
        Measurement(value, ci95, n)


def test_an_interval_may_be_a_point() -> None:
    assert Measurement(0.0, (0.0, 0.0), 1).to_json() == {"value": 0.0, "ci95": [0.0, 0.0], "n": 1}


def test_only_the_form_of_the_contract_is_a_measurement(tmp_path: Path) -> None:
    assert is_measurement(HALF.to_json())
    assert not is_measurement({"value": 1, "n": 2})
    assert not is_measurement(0.5)
    with pytest.raises(InputError, match="ci95"):
        Measurement.from_json({"value": 1})
    (tmp_path / "m.json").write_text("[1]")
    with pytest.raises(InputError, match="a JSON object"):
        read_metrics(tmp_path / "m.json")


def test_rounding_keeps_the_value_in_its_interval() -> None:
    row = Measurement(0.12345649, (0.12345649, 0.1234565), 3).to_json()
    assert row["ci95"][0] <= row["value"] <= row["ci95"][1]
    assert Measurement.from_json(row).n == 3
