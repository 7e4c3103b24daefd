"""How often each kind of interval holds the truth. Run as `python -m labs.coverage.measure`.

Reads: nothing.
Writes: labs/coverage/data/records.jsonl (every interval), labs/coverage/reports/README.md, measure.json.
Note: one row, `clusters_ignored`, is the negative control: an interval known to be too narrow, which must be found out.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from labs.coverage.draws import draws
from playbook.evaluation.statistics import proportion
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import atomic_write, write_json, write_jsonl
from playbook.plumbing.metrics import Measurement
from playbook.plumbing.runlog import progress
from playbook.plumbing.stage import stage
from playbook.reporting.tables import format_measurement, markdown_table

REPORTS = "labs/coverage/reports"
CONTROL = "clusters_ignored"
Expected = Literal["covers", "cautious", "misses"]
Record = dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """How it is measured."""

    repetitions: int = 1_000
    low: float = 0.93
    high: float = 0.97
    correlation: float = 0.3
    answers: int = 4
    seed: int = 1


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    expected: dict[str, Expected]
    bench: Bench = field(default_factory=Bench)


def main() -> None:
    """Draw, judge, write."""
    began = time.perf_counter()
    with stage("labs.coverage.measure", Params) as run:
        bench, expected = run.params.bench, run.params.expected
        known = draws(bench.correlation, bench.answers)
        for name in expected:
            if name not in known:
                raise InputError(f"labs/coverage/params.yaml: expected.{name}", f"one of {', '.join(known)}", "unknown")
        records = {name: list(simulate(name, bench)) for name in expected}
        write_jsonl("labs/coverage/data/records.jsonl", [row for rows in records.values() for row in rows])
        arms = {name: coverage(rows) for name, rows in records.items()}
        verdicts = {name: verdict(arms[name], wanted, bench) for name, wanted in expected.items()}
        results = {
            "expected": expected,
            "arms": {
                name: {"coverage": found.to_json(), "width": width(records[name])} for name, found in arms.items()
            },
            "negative_control": {"arm": CONTROL, "found_out": verdicts[CONTROL] == "PASS"},
            "verdicts": verdicts,
            "verdict": "PASS" if set(verdicts.values()) == {"PASS"} else "FAIL",
            "run": {"seconds": round(time.perf_counter() - began, 3)},
        }
        write_json(f"{REPORTS}/measure.json", results)
        with atomic_write(f"{REPORTS}/README.md") as handle:
            handle.write(page(results, bench))


def simulate(name: str, bench: Bench) -> Iterator[Record]:
    """One record a repetition; each kind has random numbers of its own, so that another kind changes none."""
    draw = draws(bench.correlation, bench.answers)[name]
    rng = np.random.default_rng([bench.seed, *name.encode()])
    for number in progress(range(bench.repetitions), name):
        truth, low, high = draw(rng, number)
        yield {"interval": name, "repetition": number, "truth": truth, "low": low, "high": high}


def coverage(rows: Sequence[Record]) -> Measurement:
    """The share of intervals that hold the truth."""
    return proportion([row["low"] <= row["truth"] <= row["high"] for row in rows])


def width(rows: Sequence[Record]) -> float:
    """How wide the intervals are on average."""
    return float(np.mean([row["high"] - row["low"] for row in rows]).round(4))


def verdict(found: Measurement, wanted: Expected, bench: Bench) -> str:
    """PASS where the coverage is what was expected, FAIL elsewhere."""
    as_expected = {
        "covers": bench.low <= found.value <= bench.high,
        "cautious": found.value >= bench.low,
        "misses": found.ci95[1] < bench.low,
    }
    return "PASS" if as_expected[wanted] else "FAIL"


def page(results: Mapping[str, Any], bench: Bench) -> str:
    """The report."""
    rows = []
    for name, arm in results["arms"].items():
        found = Measurement.from_json(arm["coverage"])
        cells = [format_measurement(found, 3), found.n, f"{arm['width']:.3f}"]
        rows.append([name.replace("_", " "), *cells, results["expected"][name], results["verdicts"][name]])
    headers = ["interval", "holds the truth", "n", "mean width", "expected", "verdict"]
    found_out = "is found out" if results["negative_control"]["found_out"] else "is not found out"
    return f"""# Do the intervals cover?

A 95% interval should hold the truth 95 times in 100. Here data are drawn from a known truth, an interval is made by the
code that makes all intervals of this project, and it is noted whether it holds that truth: n repetitions a row. A row
that *covers* lies between {bench.low:.0%} and {bench.high:.0%}; one that is *cautious* by design only has to reach the
former. Of `mcnemar` the share of p-values above .05 is counted where nothing differs.

{markdown_table(rows, headers)}

The negative control takes {bench.answers} answers about the same entity (correlation {bench.correlation:g}) for
independent: it {found_out}. Together: {results["verdict"]}.

What is drawn stands in [draws.py](../draws.py). Made by `python -m labs.coverage.measure`; every number is in
[measure.json](measure.json).
"""


if __name__ == "__main__":
    main()
