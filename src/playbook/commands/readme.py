"""`make readme`: write the generated blocks of README.md and the notes from metrics files: no number there is typed."""

import json
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from playbook.plumbing.config import read_yaml
from playbook.plumbing.errors import tell
from playbook.plumbing.files import atomic_write, read_json
from playbook.plumbing.metrics import Measurement, walk_measurements
from playbook.plumbing.paths import ROOT
from playbook.reporting import alignment
from playbook.reporting.agent_page import latest, lines
from playbook.reporting.headline import ALIGNMENT_LINES, LINES, SKILL_LINES, Line, headline_table
from playbook.reporting.pages import mistakes_table
from playbook.reporting.pipeline import mermaid
from playbook.reporting.readme import update_block
from playbook.reporting.results import AGENTS, Results, read_results
from playbook.reporting.tables import format_fact, format_measurement, markdown_table
from playbook.reporting.takeaways import choosing

REAL_TEXT = Path("labs/real_text/reports/real_text.json")
THROUGHPUT = Path("labs/throughput/reports/measure.json")
RECIPE = Path("labs/recipe/reports/recipe.json")
ABLATIONS = Path("labs/ablations/reports/ablations.json")
RETRIEVAL = Path("labs/retrieval/reports/locomo.json")
WORLDS = Path("labs/worlds/reports/worlds.json")
FAILURES = Path("labs/failure_modes/reports")
NOT_YET = "Not measured yet: run `dvc repro`, then `make readme`."


@cache
def told() -> Results:
    """All results, read once: they hold every answer."""
    return read_results()


PAGES: dict[str, dict[str, Callable[[], str]]] = {
    "README.md": {
        "takes": lambda: takes(),
        "headline": lambda: headline_table(told()),
        "agent": lambda: headline_table(told(), lines(latest(told()) or AGENTS[-1])),
        "worlds": lambda: worlds(),
        "pipeline": lambda: mermaid(told().stages, {}),
        "labs": lambda: labs(),
        "real-text": lambda: real_text(),
        "throughput": lambda: throughput(),
    },
    "notes/reading.md": {
        "skills": lambda: headline_table(told(), SKILL_LINES),
        "mistakes": lambda: mistakes_table(told()),
        "ladders": lambda: ladders(),
        "choosing": lambda: "\n".join(f"- {sentence}" for sentence in choosing(told())),
    },
    "notes/retrieval.md": {"retrieval": lambda: retrieval()},
    "notes/week01.md": {"pretraining": lambda: headline_table(told(), lines_of("pretrain", "evaluate/base"))},
    "notes/week02.md": {
        "real-text": lambda: real_text(),
        "throughput": lambda: throughput(),
        "fine-tuning": lambda: headline_table(told(), lines_of("sft", "evaluate/sft")),
    },
    "notes/week03.md": {
        "failures": lambda: failures(),
        "post-training": lambda: headline_table(told(), lines_of("evaluate/sft") + ALIGNMENT_LINES),
    },
    "notes/world.md": {"audit": lambda: audit()},
    "notes/tokenizer.md": {"tokens": lambda: tokens()},
    "notes/pretraining.md": {"pretraining": lambda: headline_table(told(), lines_of("pretrain", "evaluate/base"))},
    "notes/fine_tuning.md": {
        "fine-tuning": lambda: headline_table(told(), lines_of("sft", "evaluate/sft")),
        "skills": lambda: headline_table(told(), SKILL_LINES),
    },
    "notes/experiments.md": {"defaults": lambda: defaults()},
    "notes/evaluation.md": {"measured": lambda: measured()},
    "notes/week04.md": {"searching": lambda: headline_table(told(), SKILL_LINES)},
    "notes/post_training.md": {
        "stages": lambda: alignment.stages_table(told()) or NOT_YET,
        "changes": lambda: alignment.changes_table(told()) or NOT_YET,
        "reward-model": lambda: alignment.card_table(told()) or NOT_YET,
    },
}
"""Page -> its generated blocks, by name."""


def takes() -> str:
    """Minutes, memory and disk of the whole chain, and on what machine."""
    runs = {name: metrics["run"] for name, metrics in told().metrics.items() if "seconds" in metrics.get("run", {})}
    if "pretrain" not in runs:
        return NOT_YET
    lock = read_yaml(ROOT / "dvc.lock")["stages"]
    size = sum(out.get("size", 0) for stage in lock.values() for out in stage.get("outs", []))
    facts = runs["pretrain"]
    rows = [
        ["all stages, one after the other", _time(sum(run["seconds"] for run in runs.values()))],
        ["pretraining and fine-tuning", _time(facts["seconds"] + runs["sft"]["seconds"])],
        ["memory, at most", f"{max(run.get('peak_rss_mb', 0) for run in runs.values()) / 1000:.1f} GB"],
        ["what they leave on disk", f"{size / 1e6:.0f} MB, and a copy of it in DVC's cache"],
        ["with", f"{facts['threads']} threads, {facts['device']}, {facts['precision']}"],
    ]
    return markdown_table(rows, ("what", "takes"))


def _time(seconds: float) -> str:
    """As one would say it."""
    return f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds:.0f} seconds"


def lines_of(*files: str) -> tuple[Line, ...]:
    """The rows of the headline table that one of these metrics files holds."""
    return tuple(line for line in LINES if set(files) & set(line.files))


def audit() -> str:
    """Every check of the corpus: rows seen, what it found, and the largest share that this leaves open."""
    found = told().group("audit", "violations")
    rows = [
        (name.replace("_", " "), format_fact(m.n), round(m.value * m.n), f"{m.ci95[1]:.2g}")
        for name, m in found.items()
    ]
    headers = ("check", "rows or texts seen", "violations found", "share of them, at most [95%]")
    return markdown_table(rows, headers) if rows else NOT_YET


def tokens() -> str:
    """Size of the vocabulary, compression, and what each token file holds."""
    results = told()
    compression, sizes = results.measurement("tokenizer", "bytes_per_token"), results.fact("tokenizer", "tokens")
    if compression is None or not isinstance(sizes, dict):
        return NOT_YET
    rows = [
        ["tokens of the vocabulary", format_fact(results.fact("tokenizer", "vocab_size"))],
        [f"bytes per token, {compression.n} held-out texts", format_measurement(compression)],
        *([f"tokens of `{name}`", format_fact(count)] for name, count in sizes.items()),
    ]
    return markdown_table(rows, ("what", "value"))


def measured() -> str:
    """Every metrics file: how many figures it holds, and on how few units one of them stands."""
    rows = []
    for name, metrics in sorted(told().metrics.items()):
        if found := [m for _, m in walk_measurements(metrics)]:
            rows.append([f"`{name}.json`", len(found), min(m.n for m in found), max(m.n for m in found)])
    return markdown_table(rows, ("file", "figures", "smallest n", "largest n")) if rows else NOT_YET


def worlds() -> str:
    """Other counties: how many targets each meets, and which it misses."""
    if not WORLDS.exists():
        return "Not run yet: `dvc repro labs/worlds/dvc.yaml`."
    results = read_json(WORLDS)
    each = results["targets"] // len(results["missed"])
    rows = [
        [f"world {seed}", f"{each - len(missed)} of {each}", "; ".join(missed) or "none"]
        for seed, missed in results["missed"].items()
    ]
    return markdown_table(rows, ["county", "targets met", "missed"])


def labs() -> str:
    """Every study by the title of its page: its folder, and the minutes of what it has on record."""
    rows = []
    for lab in sorted(path.parent for path in (ROOT / "labs").glob("*/dvc.yaml")):
        page, here = lab / "reports" / "README.md", lab.relative_to(ROOT).as_posix()
        runs = {json.dumps(run): run for path in sorted((lab / "reports").rglob("*.json")) if (run := _run(path))}
        if not page.exists():
            rows.append([f"[{lab.name}]({here})", "not run yet", ""])
            continue
        title = page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        on = dict.fromkeys(f"{run['threads']} x {run['precision']}" for run in runs.values() if "precision" in run)
        minutes = sum(run["seconds"] for run in runs.values()) / 60
        took = f"{minutes:.0f}" if minutes >= 1 else "< 1"
        rows.append([f"[{title}]({here}/reports/README.md)", took, ", ".join(on)])
    return markdown_table(rows, ["study", "minutes", "threads and precision"])


def _run(path: Path) -> Mapping[str, Any]:
    """The run facts of a metrics file that says how long it took."""
    run = read_json(path).get("run", {})
    return run if "seconds" in run else {}


def real_text() -> str:
    """Tinyshakespeare: loss and time of every budget beside the clock."""
    results = read_json(REAL_TEXT, "dvc repro labs/real_text/dvc.yaml")
    rows = []
    for arm, judged in results["verdicts"].items():
        target, loss = results["expected"][arm], Measurement.from_json(results["arms"][arm]["val_loss"])
        expected = f"at most {target['loss']:g} in {target['time']:.2g} x"
        rows.append(
            [arm, format_measurement(loss, 3), loss.n, f"{judged['time_ratio']:.2f} x", expected, judged["verdict"]]
        )
    clock = Measurement.from_json(results["arms"]["baseline"]["val_loss"])
    rows.insert(0, ["nanoGPT's CPU recipe, by transformers", format_measurement(clock, 3), clock.n, "1 x", "", ""])
    return markdown_table(rows, ["run", "validation loss [95%]", "n", "training time", "target", "verdict"])


def throughput() -> str:
    """Training steps against bare matrix products and against transformers."""
    results = read_json(THROUGHPUT, "dvc repro labs/throughput/dvc.yaml")
    names = ["tokens_per_second_modern", "mfu_modern", "hfu_modern"]
    names += ["modern_over_transformers", "gpt2_over_transformers"]
    rows = []
    for arm, row in results.items():
        if arm != "run":
            rows.append([arm, *(format_measurement(Measurement.from_json(row[name])) for name in names)])
    return markdown_table(rows, ["shape, precision", *(name.replace("_", " ") for name in names)])


def ladders() -> str:
    """The ladder of drills beside the ladder without one of its ingredients, in a smaller model."""
    if not RECIPE.exists():
        return "Not run yet: `dvc repro labs/recipe/dvc.yaml`."
    results = read_json(RECIPE)
    rows = []
    for arm, metrics in results["arms"].items():
        found = [Measurement.from_json(metrics[kind]) for kind in ("short_1", "short_3", "read_3")]
        judged = results["verdicts"].get(arm, "")
        rows.append([f"`{arm}`", *map(format_measurement, found), found[0].n, metrics["run"]["seeds"], judged])
    headers = ("arm", "one sentence", "the right one of three", "of three pages", "n", "seeds", "the ladder is better")
    return markdown_table(rows, headers)


def defaults() -> str:
    """What the study of choices says of each default that it puts in question."""
    if not ABLATIONS.exists():
        return "Not run yet: `dvc repro labs/ablations/dvc.yaml`."
    rows = [[f"`{key}`", told] for key, told in read_json(ABLATIONS)["defaults"].items()]
    return markdown_table(rows, ["default", "verdict"])


def failures() -> str:
    """Every failure made on purpose: whether what was expected of it came, and whether its control kept quiet."""
    rows = []
    for path in sorted(FAILURES.glob("*.json")):
        results = read_json(path, "dvc repro labs/failure_modes/dvc.yaml")
        claims = [claim["verdict"] for claim in results["claims"]]
        seeds = max(measured["seeds"] for arm in results["arms"].values() for measured in arm.values())
        quiet = "quiet" if results["negative_control"]["quiet"] else "not quiet"
        held = f"{claims.count('PASS')} of {len(claims)}"
        rows.append([f"`{path.stem}`", results["verdict"], held, quiet, seeds, f"{results['run']['seconds']:.0f}"])
    headers = ("experiment", "verdict", "claims that hold", "negative control", "seeds", "seconds")
    return markdown_table(rows, headers) if rows else "Not run yet: `dvc repro labs/failure_modes/dvc.yaml`."


def retrieval() -> str:
    """Every leg on LoCoMo, and the default with other index texts."""
    arms = read_json(RETRIEVAL, "dvc repro labs/retrieval/dvc.yaml")["verbatim"]
    names = ("turn_recall@5", "turn_recall@10", "session_recall@5", "session_recall@10")
    rows = [
        [arm.replace("_", " "), *(format_measurement(Measurement.from_json(row["all"][name]), 3) for name in names)]
        for arm, row in arms.items()
    ]
    return markdown_table(rows, ["LoCoMo, verbatim index", *(name.replace("_", " ") for name in names)])


def updated(page: str, text: str) -> str:
    """The text of a page with every block as the metrics files have it."""
    for name, content in PAGES[page].items():
        text = update_block(text, name, content())
    return text


def main(root: Path = ROOT) -> int:
    """Rewrite the pages that differ."""
    sys.excepthook = tell
    for page in PAGES:
        before = (root / page).read_text(encoding="utf-8")
        if (after := updated(page, before)) != before:
            with atomic_write(root / page) as handle:
                handle.write(after)
    print(f"{', '.join(PAGES)}: in agreement with the metrics files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
