"""The results contract: a measured quantity is a value with its 95% interval and its n, never a bare number.

Knows how results are written, not how intervals are computed (`evaluation/statistics.py` does that).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playbook.plumbing.errors import InputError
from playbook.plumbing.files import read_json, write_json


@dataclass(frozen=True)
class Measurement:
    """A measured quantity: `value`, its 95% interval `ci95` (lower, upper), `n` independent units, `seeds` if repeated.

    `value` stands within `ci95`; n counts what was resampled or observed (questions, tokens, entities).
    """

    value: float
    ci95: tuple[float, float]
    n: int
    seeds: int | None = None

    def __post_init__(self) -> None:
        low, high = self.ci95
        if not low <= self.value <= high:
            raise ValueError(f"value {self.value} outside its interval [{low}, {high}]")
        if self.n < 1:
            raise ValueError(f"a measurement needs n >= 1, got {self.n}")

    def to_json(self) -> dict[str, Any]:
        """As the results contract writes it, rounded to 6 significant digits."""
        row: dict[str, Any] = {"value": _round(self.value), "ci95": [_round(x) for x in self.ci95], "n": self.n}
        return row if self.seeds is None else {**row, "seeds": self.seeds}

    @staticmethod
    def from_json(row: Mapping[str, Any], where: str = "metrics") -> "Measurement":
        """The inverse of `to_json`; a row of another form raises `InputError`."""
        if not is_measurement(row):
            raise InputError(where, '{"value": x, "ci95": [low, high], "n": n}', row, "dvc repro")
        low, high = row["ci95"]
        return Measurement(row["value"], (low, high), row["n"], row.get("seeds"))


def _round(x: float) -> float:
    return float(f"{x:.6g}")


def is_measurement(node: object) -> bool:
    """True for an object of the contract's form."""
    return isinstance(node, Mapping) and {"value", "ci95", "n"} <= set(node)


Metrics = Mapping[str, Any]
"""A tree: dotted names lead to `Measurement`s; run facts stand under "run"."""


def write_metrics(path: str | Path, metrics: Metrics, run: Mapping[str, Any]) -> None:
    """Write `reports/metrics/NAME.json`. A bare number outside "run" is an error of ours."""
    write_json(path, {**_encode(metrics, ""), "run": dict(run)})


def _encode(node: Any, name: str) -> Any:
    if isinstance(node, Measurement):
        return node.to_json()
    if isinstance(node, Mapping):
        return {key: _encode(child, f"{name}.{key}".lstrip(".")) for key, child in node.items()}
    raise TypeError(f"metric {name!r} must be a Measurement with its interval, got {type(node).__name__}")


def read_metrics(path: str | Path) -> dict[str, Any]:
    """Read a metrics file back as nested dictionaries (measurements stay in their JSON form)."""
    tree = read_json(path)
    if not isinstance(tree, dict):
        raise InputError(path, "a JSON object", type(tree).__name__, "dvc repro")
    return tree


def walk_measurements(tree: Metrics, prefix: str = "") -> Iterator[tuple[str, Measurement]]:
    """Yield (dotted name, measurement) for every measurement of a metrics file, in its order."""
    for key, child in tree.items():
        name = f"{prefix}.{key}" if prefix else key
        if is_measurement(child):
            yield name, Measurement.from_json(child, name)
        elif isinstance(child, Mapping) and key != "run":
            yield from walk_measurements(child, name)
