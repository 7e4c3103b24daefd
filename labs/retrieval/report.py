"""What each way of finding passages gives, as a page, a figure, and verdicts computed from metrics files.

Reads: labs/retrieval/reports/cacm.json, locomo.json, notes.json, speed.json, dense.json; labs/retrieval/samples.
Writes: labs/retrieval/reports/README.md, figures/, retrieval.json.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from labs.retrieval.legs import TITLES
from playbook.plumbing.files import atomic_write, read_jsonl, write_json
from playbook.plumbing.metrics import Measurement, read_metrics
from playbook.plumbing.stage import stage
from playbook.reporting.figures import BLUE, GREEN, ORANGE, STYLE, save
from playbook.reporting.tables import escape, format_fact, format_measurement, markdown_table

REPORTS = Path("labs/retrieval/reports")
BUDGETS = (256, 512, 1024, 2048)
DEFAULT, BEST = "fts5", "bm25_rm3"
VARIANTS = {
    "bare_turn": "the turn alone: who said what",
    "no_window": "with date and captions, without the turns around it",
    "window_1": "one turn on either side",
    "fts5": "two turns on either side (chosen)",
    "window_3": "three turns on either side",
    "no_captions": "as chosen, without what pictures show",
    "no_date": "as chosen, without the date",
}


@dataclass(frozen=True)
class Expected:
    """Targets, written before the runs."""

    cacm_map: float
    cacm_precision_at_30: float
    session_recall_at_10: float
    turn_recall_at_10: float
    index_speed_ratio: float
    query_ms_p95_at_most: float


@dataclass(frozen=True)
class Published:
    """A published row of CACM."""

    map: float
    precision_at_30: float


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    expected: Expected
    published: dict[str, Published]


def main() -> None:
    """Judge and write."""
    with stage("labs.retrieval.report", Params) as run:
        cacm, locomo = (read_metrics(run.input(REPORTS / f"{name}.json")) for name in ("cacm", "locomo"))
        notes, speed = (read_metrics(run.input(REPORTS / f"{name}.json")) for name in ("notes", "speed"))
        dense = read_metrics(run.input(REPORTS / "dense.json"))
        missed = list(read_jsonl(run.input("labs/retrieval/samples/notes.jsonl")))
        verdicts = judge(run.params.expected, cacm, locomo, speed)
        results = {
            "expected": vars(run.params.expected),
            "arms": {"cacm": cacm, "locomo": locomo, "notes": notes, "speed": speed},
            "negative_control": None,  # a comparison of rankings has no arm in which nothing may be found
            "verdicts": verdicts,
            "verdict": "PASS" if all(row["verdict"] == "PASS" for row in verdicts) else "FAIL",
        }
        write_json(REPORTS / "retrieval.json", results)
        save(draw(locomo), REPORTS / "figures" / "budgets")
        sections = [
            head(verdicts), cacm_section(cacm, run.params.published), locomo_section(locomo),
            notes_section(notes, missed), speed_section(speed), dense_section(dense),
        ]  # fmt: skip
        with atomic_write(REPORTS / "README.md") as handle:
            handle.write("\n".join(sections))


def judge(
    expected: Expected, cacm: Mapping[str, Any], locomo: Mapping[str, Any], speed: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Each target beside what was measured: the default, for which nothing was chosen, and the best leg on CACM."""
    rows = []
    for arm, parts in ((DEFAULT, ["all"]), (BEST, ["all", "held_out"])):
        for part in parts:
            where = f"CACM, {TITLES[arm]}, {part.replace('_', ' ')} topics"
            rows.append(verdict(f"{where}: MAP", cacm[arm][part]["map"], expected.cacm_map))
            rows.append(verdict(f"{where}: P@30", cacm[arm][part]["P@30"], expected.cacm_precision_at_30))
        found = locomo["verbatim"][arm]["all"]
        where = f"LoCoMo, {TITLES[arm]}"
        rows.append(verdict(f"{where}: session recall@10", found["session_recall@10"], expected.session_recall_at_10))
        rows.append(verdict(f"{where}: turn recall@10", found["turn_recall@10"], expected.turn_recall_at_10))
    rows.append(verdict("indexing speed over that of bm25s", speed["fts5_over_bm25s"], expected.index_speed_ratio))
    p95 = "query, 95th percentile, milliseconds"
    rows.append(verdict(p95, speed["query_ms_p95"], expected.query_ms_p95_at_most, at_most=True))
    return rows


def verdict(what: str, measured: Mapping[str, Any], target: float, at_most: bool = False) -> dict[str, Any]:
    """PASS where the value reaches the target; the row also tells whether the interval reaches to its other side."""
    found = Measurement.from_json(measured, what)
    met = found.value <= target if at_most else found.value >= target
    reaches_past = met and (found.ci95[1] > target if at_most else found.ci95[0] < target)
    row = {"what": what, "measured": found.to_json(), "target": f"{'at most' if at_most else 'at least'} {target:g}"}
    return {**row, "verdict": "PASS" if met else "FAIL", "interval_reaches_past_target": reaches_past}


def cells(row: Mapping[str, Any], names: Sequence[str], least: int = 3) -> list[str]:
    """Measurements as text; a dash for what an index cannot give."""
    return [format_measurement(Measurement.from_json(row[n]), least) if n in row else "–" for n in names]


def head(verdicts: Sequence[Mapping[str, Any]]) -> str:
    """What was asked for, and what came."""
    rows = [
        [row["what"], format_measurement(Measurement.from_json(row["measured"]), 3), row["measured"]["n"],
         row["target"], row["verdict"] + (", interval reaches past" if row["interval_reaches_past_target"] else "")]
        for row in verdicts
    ]  # fmt: skip
    return f"""# Finding passages

Every leg by itself and fused by reciprocal rank, on two public collections and on the playbook's own pages. Intervals
are 95%, resampled by topic (CACM), conversation (LoCoMo, five of them) or question (notes).

{markdown_table(rows, ["what", "measured [95%]", "n", "target", "verdict"])}
"""


def cacm_section(cacm: Mapping[str, Any], published: Mapping[str, Published]) -> str:
    """The two halves and all topics."""
    names = ("map", "P@30", "nDCG@10")
    rows = []
    for part in ("held_out", "chosen_on", "all"):
        for arm in TITLES:
            row = cacm[arm][part]
            ahead = cells(cacm[arm], ["map_ahead_of_fts5_held_out"]) if part == "held_out" and arm != DEFAULT else [""]
            rows.append([part.replace("_", " "), TITLES[arm], *cells(row, names), row["map"]["n"], *ahead])
    for name, row in published.items():
        rows.append(["all", f"published: Anserini, {name}", f"{row.map:g}", f"{row.precision_at_30:g}", "–", "", ""])
    chosen, default = cacm["run"]["chosen"], cacm["run"]["library_default"]
    flat = {**{k: v for k, v in chosen.items() if k != "feedback"}, **chosen["feedback"]}
    said = ", ".join(f"{key} {format_fact(value)}" for key, value in flat.items())
    same = "These are the library's defaults." if chosen == default else "The library's defaults are others."
    headers = ["topics", "arm", "MAP", "P@30", "nDCG@10", "n", "MAP ahead of FTS5"]
    return f"""## CACM

{cacm["run"]["documents"]:,} abstracts. BM25's constants, the title's weight and RM3's settings were chosen by MAP
on one half of the topics (drawn by a hash of their numbers): {said}. {same} FTS5 has no settings that were chosen. The
lists of cited numbers that end each document are left out.

{markdown_table(rows, headers)}
"""


def locomo_section(locomo: Mapping[str, Any]) -> str:
    """Ranks, budgets, and what a turn's text holds."""
    ranks = ("turn_recall@5", "turn_recall@10", "session_recall@5", "session_recall@10", "session_hit@10")
    arms = [(index, arm) for index in ("verbatim", "observation", "summary") for arm in TITLES if arm in locomo[index]]
    by_rank = [[index, TITLES[arm], *cells(locomo[index][arm]["all"], ranks)] for index, arm in arms]
    without = [
        [index, TITLES[arm], *cells(locomo[index][arm]["without_adversarial"], ranks)]
        for index, arm in arms if arm in (DEFAULT, BEST)
    ]  # fmt: skip
    budgets = [
        [index, TITLES[arm], kind, *cells(locomo[index][arm]["all"], [f"{kind}_recall_in_{b}" for b in BUDGETS])]
        for index, arm in arms if arm in (DEFAULT, BEST)
        for kind in ("turn", "session") if (index, kind) != ("summary", "turn")
    ]  # fmt: skip
    texts = [[said, *cells(locomo["verbatim"][arm]["all"], ranks)] for arm, said in VARIANTS.items()]
    asked = locomo["run"]["questions"]
    headers = [name.replace("_", " ") for name in ranks]
    return f"""## LoCoMo, conversations 0-4

{asked["all"]} questions with evidence, {asked["without_adversarial"]} of them about something that was said. An index
of observations or of summaries was written by an LLM and is there for comparison; the verbatim one holds what was said.
No leg uses a language model at search time. A session counts by its best passage.

{markdown_table(by_rank, ["index", "arm", *headers])}

Without the adversarial questions:

{markdown_table(without, ["index", "arm", *headers])}

Within a budget of tokens (words and marks of whole passages with their dates, in ranking order):

{markdown_table(budgets, ["index", "arm", "recall of", *map(str, BUDGETS)])}

![Share of the evidence shown against the budget, for each index](figures/budgets.svg)

What a turn is found by, FTS5. The window was chosen on these conversations, as one setting for all questions:

{markdown_table(texts, ["index text of a turn", *headers])}
"""


def draw(locomo: Mapping[str, Any]) -> Figure:
    """Recall of turns and of sessions against the budget, for each index, with 95% intervals; the default arm."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9, 4.2), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        for axes, kind in zip(panels, ("turn", "session"), strict=True):
            for index, colour in (("verbatim", BLUE), ("observation", ORANGE), ("summary", GREEN)):
                row = locomo[index][DEFAULT]["all"]
                found = [row.get(f"{kind}_recall_in_{budget}") for budget in BUDGETS]
                if None not in found:
                    measured = [Measurement.from_json(one) for one in found]
                    values = [one.value for one in measured]
                    axes.plot(BUDGETS, values, "o-", color=colour, label=index)
                    low, high = zip(*(one.ci95 for one in measured), strict=True)
                    axes.fill_between(BUDGETS, low, high, color=colour, alpha=0.15, linewidth=0)
            axes.set_xscale("log", base=2)
            axes.set(xticks=BUDGETS, xticklabels=BUDGETS, xlabel="budget, tokens", title=f"Evidence by {kind}s")
        panels[0].set(ylabel="share of the evidence shown", ylim=(0, 1.02))
        panels[1].legend(loc="lower right", title="index")
        return figure


def notes_section(notes: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """The playbook's own pages."""
    names = ("recall@1", "recall@5", "recall@10", "nDCG@10")
    table = [[TITLES[arm], *cells(notes[arm], names), notes[arm]["recall@1"]["n"]] for arm in TITLES if arm in notes]
    lost = [row for row in rows if row["arm"] == DEFAULT and row["recall@5"] == 0]
    said = "\n".join(f"- {escape(row['text'])} (wanted {row['gold'][0]}, first came {row['first']})" for row in lost)
    return f"""## The playbook's own pages

Questions written by hand, in words that are mostly not those of the page; {notes["run"]["chunks"]} passages.

{markdown_table(table, ["arm", *names, "n"])}

Not among the first five of the default:

{said or "- none"}
"""


def speed_section(speed: Mapping[str, Any]) -> str:
    """Beside bm25s."""
    names = [name for name in speed if name != "run"]
    rows = [[name.replace("_", " "), *cells(speed, [name])] for name in names]
    memory = ", ".join(f"{int(count):,} documents {mb:g} MB" for count, mb in speed["run"]["index_memory_mb"].items())
    return f"""## Speed

{speed["run"]["documents"]:,} documents of {speed["run"]["words"]} words. The store writes to disk and commits; `bm25s`
builds in memory; they take turns.

{markdown_table(rows, ["what", "measured [95%]"])}

Memory by which the indexing process grows: {memory}.
"""


def dense_section(dense: Mapping[str, Any]) -> str:
    """How the encoder was trained."""
    first, last = (cells(dense, [name])[0] for name in ("loss_first_steps", "loss_last_steps"))
    run = dense["run"]
    return f"""## The dense leg

The base model of the main chain, trained for {run["steps"]} steps on spans of the documents of CACM and LoCoMo;
questions were never seen. Loss over the first twenty steps {first}, over the last twenty {last}; guessing gives
{run["log_of_batch"]:.2f}.

Made by `python -m labs.retrieval.report`; `dvc repro labs/retrieval/dvc.yaml` remakes everything.
"""


if __name__ == "__main__":
    main()
