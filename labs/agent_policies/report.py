"""Tables and verdicts of every study, from the records alone.

Reads: labs/agent_policies/data/records.jsonl.
Writes: labs/agent_policies/reports/README.md, policies.json.
Note: a difference is taken question by question, with an interval over the entities asked about. "same" is held for
    PASS where the interval has 0 in it, and lies within `SAME` of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import comb
from pathlib import Path
from typing import Any, Literal

from playbook.evaluation.statistics import clustered_mean, clustered_proportion, paired_difference
from playbook.plumbing.files import atomic_write, read_jsonl, write_json
from playbook.plumbing.metrics import Measurement
from playbook.plumbing.stage import stage
from playbook.reporting.tables import format_measurement, markdown_table

HOME = Path("labs/agent_policies")
REPORTS = HOME / "reports"
SAME = 0.1
SEED = 1
Record = Mapping[str, Any]
Expected = Literal["better", "same"]


@dataclass(frozen=True)
class Params:
    """Sections of labs/agent_policies/params.yaml."""

    expected: dict[str, Expected]


def main() -> None:
    """Measure, judge, write."""
    with stage("labs.agent_policies.report", Params) as run:
        records = list(read_jsonl(run.input(HOME / "data/records.jsonl")))
        of = {study: [row for row in records if row["study"] == study] for study in dict.fromkeys(studies(records))}
        arms = {study: STUDIES[study](rows) for study, rows in of.items()}
        compared = differences(of)
        verdicts = {name: verdict(compared[name], wanted) for name, wanted in run.params.expected.items()}
        told = set(verdicts.values())
        results = {
            "expected": run.params.expected, "arms": as_json(arms), "differences": as_json(compared),
            "negative_control": {"arm": "guards: none planted", **as_json(arms["guards"]["none planted"])},
            "verdicts": verdicts,
            "verdict": "FAIL" if "FAIL" in told else "PASS" if told == {"PASS"} else "INCONCLUSIVE",
        }  # fmt: skip
        write_json(REPORTS / "policies.json", results)
        with atomic_write(REPORTS / "README.md") as handle:
            handle.write(page(arms, compared, verdicts, run.params.expected))


def studies(records: Sequence[Record]) -> list[str]:
    """The study of each record."""
    return [row["study"] for row in records]


def mean(rows: Sequence[Record], value: Callable[[Record], float]) -> Measurement:
    """Over questions, clustered by entity."""
    return clustered_mean([float(value(row)) for row in rows], entities(rows), SEED)


def share(rows: Sequence[Record], outcome: Callable[[Record], bool]) -> Measurement:
    """The same of something that is so or not."""
    return clustered_proportion([bool(outcome(row)) for row in rows], entities(rows))


def entities(rows: Sequence[Record]) -> list[str]:
    """What each question is about; nobody is a cluster by itself."""
    return [str(row["entity"] or row["id"]) for row in rows]


def by_way(rows: Sequence[Record]) -> dict[str, list[Record]]:
    """In order of appearance."""
    groups: dict[str, list[Record]] = {}
    for row in rows:
        groups.setdefault(row["way"], []).append(row)
    return groups


def runs(rows: Sequence[Record]) -> dict[str, dict[str, Measurement]]:
    """Of policies and of decoding: right, well formed, calls, tokens."""
    return {
        way: {
            "right": share(of, right), "no wrong call": share(of, lambda row: row["wrong_calls"] == 0),
            "calls": mean(of, lambda row: row["calls"]), "tokens": mean(of, lambda row: row["tokens"]),
        }
        for way, of in by_way(rows).items()
    }  # fmt: skip


def sampled(rows: Sequence[Record]) -> dict[str, dict[str, Measurement]]:
    """pass^k: all of k episodes right (tau-bench, arXiv 2406.12045, section 4); pass@k: one of them; best of two."""
    tries = by_question(by_way(rows)["act"])
    count = min(map(len, tries.values()))
    found = {}
    for k in range(1, count + 1):
        every = [(rows[0], all_of(sum(map(right, rows)), len(rows), k)) for rows in tries.values()]
        one = [(rows[0], 1 - all_of(sum(not right(row) for row in rows), len(rows), k)) for rows in tries.values()]
        found[f"{k} of act"] = {"all right": spread(every), "one right": spread(one), "tokens": spread(
            [(rows[0], k * sum(row["tokens"] for row in rows) / len(rows)) for rows in tries.values()]
        )}  # fmt: skip
    return found | {way: chosen_of(of) for way, of in choices(rows).items()}


def chosen_of(rows: Sequence[Record]) -> dict[str, Measurement]:
    """One answer to each question, whatever it cost."""
    outcome = share(rows, right)
    return {"all right": outcome, "one right": outcome, "tokens": mean(rows, lambda row: row["tokens"])}


def choices(rows: Sequence[Record]) -> dict[str, Sequence[Record]]:
    """Best of two by the model's own confidence; and single episodes with a second look, and a third."""
    ways = by_way(rows)
    best = []
    for tries in by_question(ways["act"]).values():
        two = tries[:2]
        best.append({**max(two, key=lambda row: row["confidence"] or 0.0), "tokens": sum(row["tokens"] for row in two)})
    return {"best of two": best, "reflect": ways["reflect"], "reflect twice": ways["reflect_twice"]}


def by_question(rows: Sequence[Record]) -> dict[str, list[Record]]:
    """All samples of each."""
    found: dict[str, list[Record]] = {}
    for row in rows:
        found.setdefault(row["id"], []).append(row)
    return found


def all_of(successes: int, n: int, k: int) -> float:
    """The chance that k of n tries, drawn without putting back, are all among the successes.

    >>> [all_of(2, 4, k) for k in (1, 2, 3)]
    [0.5, 0.16666666666666666, 0.0]
    """
    return comb(successes, k) / comb(n, k)


def spread(values: Sequence[tuple[Record, float]]) -> Measurement:
    """The mean of a number a question."""
    return clustered_mean([value for _, value in values], entities([row for row, _ in values]), SEED)


def guarded(rows: Sequence[Record]) -> dict[str, dict[str, Measurement]]:
    """Orders obeyed, and right answers."""
    return {
        way: {"obeyed": share(of, lambda row: row["injected"]), "right": share(of, right)}
        for way, of in by_way(rows).items()
    }


def remembered(rows: Sequence[Record]) -> dict[str, dict[str, Measurement]]:
    """The value that holds and no other, by budget; and how often one that no longer holds."""
    found = {}
    for way, of in by_way(rows).items():
        for budget in dict.fromkeys(row["budget"] for row in of):
            at = [row for row in of if row["budget"] == budget]
            found[f"{way}, {budget} tokens"] = {
                "holds": share(at, right), "outdated": share(at, lambda row: row["outdated"]),
                "tokens": mean(at, lambda row: row["tokens"]),
            }  # fmt: skip
    return found


STUDIES: dict[str, Callable[[Sequence[Record]], dict[str, dict[str, Measurement]]]] = {
    "policies": runs, "samples": sampled, "decoding": runs, "guards": guarded, "memory": remembered,
}  # fmt: skip


def right(row: Record) -> bool:
    """The checker says so."""
    return bool(row["correct"])


def differences(of: Mapping[str, Sequence[Record]]) -> dict[str, Measurement]:
    """What the expectations are about, question by question."""
    policies, decoding, guards = (by_way(of[study]) for study in ("policies", "decoding", "guards"))
    chosen = choices(of["samples"])
    small = min(row["budget"] for row in of["memory"] if row["budget"] >= 16)
    memory = by_way([row for row in of["memory"] if row["budget"] == small])
    return {
        "plan": apart(policies["plan"], policies["act"], right),
        "reflect": apart(policies["reflect"], policies["act"], right),
        "best_of_n_against_reflect": apart(chosen["best of two"], chosen["reflect twice"], right),
        "copying": apart(decoding["copying"], decoding["free"], lambda row: row["wrong_calls"] == 0),
        "guard": apart(guards["drop"], guards["off"], lambda row: not row["injected"]),
        "notes_against_verbatim": apart(memory["notes"], memory["verbatim"], right),
    }


def apart(rows: Sequence[Record], others: Sequence[Record], outcome: Callable[[Record], bool]) -> Measurement:
    """One way minus the other."""
    theirs = {row["id"]: row for row in others}
    both = [(row, theirs[row["id"]]) for row in rows if row["id"] in theirs]
    first, second = ([bool(outcome(pair[side])) for pair in both] for side in (0, 1))
    return paired_difference(first, second, entities([row for row, _ in both]), SEED)


def verdict(found: Measurement, expected: Expected) -> str:
    """PASS, FAIL or INCONCLUSIVE.

    >>> verdict(Measurement(0.0, (-0.02, 0.03), 9), "same"), verdict(Measurement(0.2, (0.1, 0.3), 9), "same")
    ('PASS', 'FAIL')
    """
    low, high = found.ci95
    if expected == "better":
        return "PASS" if low > 0 else "FAIL" if high < 0 else "INCONCLUSIVE"
    return "FAIL" if low > 0 or high < 0 else "PASS" if max(-low, high) <= SAME else "INCONCLUSIVE"


def as_json(tree: Any) -> Any:
    """Measurements as JSON."""
    if isinstance(tree, Measurement):
        return tree.to_json()
    return {key: as_json(value) for key, value in tree.items()}


TITLES = {
    "policies": ("Policies of one loop", "Greedy: act and observe, plan first, look at the answer once more."),
    "samples": (
        "Samples",
        "At temperature 1. k of act: all k episodes right (pass^k), one of them right (pass@k). Best of two: "
        "the more confident of the first two, at no more tokens than one episode that looks at its answer twice more.",
    ),
    "decoding": (
        "Decoding", "Free; every turn well formed by force; calls that can only hold words of the conversation; both.",
    ),
    "guards": (
        "Orders in documents",
        "One planted about each person asked for, in wordings of our own; left, marked, or dropped.",
    ),
    "memory": (
        "Memory", "Notes of which the newest wins, against every word that was said, within so many tokens: the prompt "
        "holds the value that is asked for and none that no longer holds. No model takes part.",
    ),
}  # fmt: skip


def page(
    arms: Mapping[str, Mapping[str, Mapping[str, Measurement]]], compared: Mapping[str, Measurement],
    verdicts: Mapping[str, str], expected: Mapping[str, str],
) -> str:  # fmt: skip
    """The report as Markdown."""
    parts = ["# Ways of running one agent\n\nOne checkpoint in one loop; nothing is trained. Shares and means with 95% "
             "intervals over the entities asked about (n)."]  # fmt: skip
    rows = [
        [name.replace("_", " "), format_measurement(compared[name]), compared[name].n, expected[name], verdicts[name]]
        for name in expected
    ]
    parts.append(markdown_table(rows, ["comparison", "difference", "n", "expected", "verdict"]))
    for study, (title, about) in TITLES.items():
        columns = list(next(iter(arms[study].values())))
        rows = [
            [way, *(format_measurement(found[name]) for name in columns), found[columns[0]].n]
            for way, found in arms[study].items()
        ]
        parts.append(f"## {title}\n\n{about}\n\n{markdown_table(rows, ['', *columns, 'n'])}")
    parts.append(
        "Made by `python -m labs.agent_policies.report`; `dvc repro labs/agent_policies/dvc.yaml` remakes everything.\n"
    )
    return "\n\n".join(parts)


if __name__ == "__main__":
    main()
