"""Sweeps: a grid of parameter values, each point of it one named DVC experiment."""

import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playbook.plumbing.config import read_yaml
from playbook.plumbing.errors import InputError


@dataclass(frozen=True)
class Experiment:
    """One point of a sweep."""

    name: str
    """A git ref can hold it: letters, digits, dots, dashes."""
    settings: tuple[str, ...]
    """`key=value`, as `dvc exp run -S` takes them."""
    stages: tuple[str, ...] = ()
    """How far to go: these and what leads to them; none for all of the main chain."""


def read_sweep(name: str, path: Path, params: Mapping[str, Any]) -> list[Experiment]:
    """The experiments of a sweep. Unknown sweeps and keys that `params` does not have raise `InputError`."""
    sweeps = read_yaml(path)
    if name not in sweeps:
        raise InputError(f"{path}: {name!r}", f"one of {', '.join(sweeps)}", "no such sweep", "make exp NAME=...")
    sweep = sweeps[name]
    keys = set(sweep) - {"stages"} if isinstance(sweep, Mapping) else set()
    if keys != {"about", "vary"} or not isinstance(sweep["vary"], Mapping):
        raise InputError(
            f"{path}: {name}", "the keys about and vary (key: list of values), at most stages besides", sweep
        )
    if not isinstance(sweep.get("stages", []), list):
        raise InputError(f"{path}: {name}: stages", "a list of stages of dvc.yaml", sweep["stages"])
    for key, values in sweep["vary"].items():
        if not isinstance(values, list) or not values:
            raise InputError(f"{path}: {name}: {key}", "a list of values", values)
        section = key.partition(".")[0]
        if section not in params:
            raise InputError(f"{path}: {name}: {key}", f"a section of params.yaml: {', '.join(params)}", section)
    return grid(name, sweep["vary"], tuple(sweep.get("stages", [])))


def grid(name: str, vary: Mapping[str, list[Any]], stages: tuple[str, ...] = ()) -> list[Experiment]:
    """Every combination of the values.

    >>> [one.name for one in grid("sft_rate", {"sft.rate": [0.01, 2e-05]})]
    ['sft-rate-0.01', 'sft-rate-2e-05']
    """
    points = itertools.product(*([(key, value) for value in values] for key, values in vary.items()))
    return [
        Experiment(
            re.sub(r"[^\w.-]+", "-", "-".join([name, *(str(value) for _, value in point)])).replace("_", "-"),
            tuple(f"{key}={_written(value)}" for key, value in point),
            stages,
        )
        for point in points
    ]


def _written(value: Any) -> str:
    """As YAML 1.2 reads it back."""
    return json.dumps(value) if isinstance(value, bool | None) else str(value)
