"""What may differ between two runs that gave the same result: how long it took, and what memory it held.

The results contract keeps such facts in the same files as the results. A comparison that is to say whether a result was
reproduced has to leave them out; this is the one place that tells which they are.
"""

import csv
import io
import json
import re
from collections.abc import Mapping
from typing import Any

VOLATILE = re.compile(
    r"(^|_)(seconds|milliseconds|latency)(_|$)|_per_second|(^|_)mfu(_|$)|^matmul_gflops$|^peak_rss_mb$|^started$"
)
"""Keys of JSON objects and columns of curves that hold time, speed or memory."""


def is_run_fact(name: str) -> bool:
    """Whether a key names time, speed or memory.

    >>> [is_run_fact(name) for name in ("train_seconds", "tokens_per_second", "tokens", "seconds_per_question")]
    [True, True, False, True]
    """
    return VOLATILE.search(name) is not None


def without_run_facts(value: Any) -> Any:
    """A JSON value with the keys that hold run facts left out, at any depth."""
    if isinstance(value, Mapping):
        return {key: without_run_facts(child) for key, child in value.items() if not is_run_fact(str(key))}
    return [without_run_facts(child) for child in value] if isinstance(value, list) else value


def same_results(one: bytes, other: bytes, name: str) -> bool:
    """Whether two versions of the file `name` (.json, .jsonl, .csv; else to the byte) differ in run facts at most.

    >>> same_results(b'{"loss": 1, "seconds": 2}', b'{"loss": 1, "seconds": 3}', "a.json")
    True
    >>> same_results(b'{"loss": 1, "seconds": 2}', b'{"loss": 2, "seconds": 2}', "a.json")
    False
    """
    return one == other or (_results(one, name) is not None and _results(one, name) == _results(other, name))


def _results(data: bytes, name: str) -> Any:
    """What a file says beside run facts; None where its form is not known."""
    try:
        if name.endswith(".json"):
            return without_run_facts(json.loads(data))
        if name.endswith(".jsonl"):
            return [without_run_facts(json.loads(line)) for line in data.splitlines()]
        if name.endswith(".csv"):
            rows = list(csv.reader(io.StringIO(data.decode())))
            kept = [i for i, column in enumerate(rows[0] if rows else []) if not is_run_fact(column)]
            return [[row[i] for i in kept if i < len(row)] for row in rows]
    except (ValueError, UnicodeDecodeError):
        return None
    return None
