"""Parameters: params.yaml -> frozen dataclasses, strictly. An unknown key or a wrong type is an error that names it.

Each dataclass stands beside the code that it configures; this file knows none of them.
YAML is read as version 1.2, as DVC reads it: `3e-05` is a number (PyYAML would give a string).
"""

import dataclasses
import difflib
import math
import types
import typing
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from playbook.plumbing.errors import InputError

Config = TypeVar("Config")


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML 1.2 mapping; anything else raises `InputError`."""
    path = Path(path)
    try:
        value = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(path, "a YAML file", "no such file") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise InputError(path, "a YAML mapping", error) from None
    if not isinstance(value, dict):
        raise InputError(path, "a YAML mapping of sections", type(value).__name__)
    return value


def read_params(cls: type[Config], path: str | Path = "params.yaml") -> Config:
    """Build `cls` from the sections of params.yaml that its fields name; other sections are not looked at.

    A stage's dependence on parameters is thus visible in one place: the fields of its `Params`.
    """
    sections = read_yaml(path)
    wanted = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
    return build(cls, {name: sections[name] for name in wanted if name in sections}, str(path))


def build(cls: type[Config], values: object, where: str) -> Config:
    """Build the dataclass `cls` from a mapping. Errors carry `where`, extended by the key's path.

    >>> @dataclasses.dataclass(frozen=True)
    ... class Optimizer:
    ...     learning_rate: float = 1e-3
    >>> build(Optimizer, {"learning_rate": 1}, "params.yaml: optimizer")
    Optimizer(learning_rate=1.0)
    """
    if not isinstance(values, dict):
        raise InputError(where, f"a mapping with the keys {_names(cls)}", values)
    hints = typing.get_type_hints(cls)
    for key in values:
        if key not in hints:
            close = difflib.get_close_matches(str(key), hints, n=1)
            hint = f"rename it to {close[0]!r}" if close else "remove it"
            raise InputError(f"{where}: {key}", f"one of {_names(cls)}", f"unknown key {key!r}", hint)
    given = {key: _convert(hints[key], value, f"{where}: {key}") for key, value in values.items()}
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and field.name not in given:
            raise InputError(f"{where}: {field.name}", f"a value of type {hints[field.name]}", "the key is missing")
    try:
        return cls(**given)
    except InputError as error:  # a dataclass that refuses a value names its own key; we add where it stands
        raise InputError(f"{where}: {error.where}", error.expected, error.got, error.run) from None


def _names(cls: Any) -> str:
    return ", ".join(field.name for field in dataclasses.fields(cls))


def _convert(hint: Any, value: Any, where: str) -> Any:
    """Check `value` against the type `hint`; only int -> float and list -> tuple are converted."""
    origin, args = get_origin(hint), get_args(hint)
    if dataclasses.is_dataclass(hint):
        return build(typing.cast(type, hint), value, where)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in args:
            return None
        return _convert(next(arg for arg in args if arg is not type(None)), value, where)
    if origin is Literal:
        if value in args and type(value) in {type(arg) for arg in args}:
            return value
        raise InputError(where, f"one of {', '.join(map(repr, args))}", repr(value))
    if origin is tuple:
        if isinstance(value, list):
            return tuple(_convert(args[0], item, f"{where}[{i}]") for i, item in enumerate(value))
        raise InputError(where, "a list", repr(value))
    if origin is dict:
        if isinstance(value, dict):
            return {_convert(args[0], k, where): _convert(args[1], v, f"{where}.{k}") for k, v in value.items()}
        raise InputError(where, "a mapping", repr(value))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if hint is float and isinstance(value, float) and not math.isfinite(value):
        raise InputError(where, "a finite number", value)
    if hint in (int, float, str, bool):
        if type(value) is hint:
            return value
        raise InputError(
            where, {int: "an integer", float: "a number", str: "a string", bool: "true or false"}[hint], repr(value)
        )
    raise TypeError(f"{where}: params cannot hold the type {hint}")


def overlay(base: dict[str, Any], over: dict[str, Any], where: str = "") -> dict[str, Any]:
    """Lay a profile over a parameter tree. Keys of the profile must exist in the base.

    >>> overlay({"pretrain": {"tokens": 6, "batch": 2}}, {"pretrain": {"tokens": 1}})
    {'pretrain': {'tokens': 1, 'batch': 2}}
    """
    merged = dict(base)
    for key, value in over.items():
        name = f"{where}.{key}".lstrip(".")
        if key not in base:
            raise InputError(f"profile: {name}", "a key that params.yaml has", "unknown key")
        merged[key] = (
            overlay(base[key], value, name) if isinstance(value, dict) and isinstance(base[key], dict) else value
        )
    return merged
