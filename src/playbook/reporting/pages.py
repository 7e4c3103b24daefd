"""reports/README.md, with its tables and figures: everything on it is made from `Results`, nothing is typed.

It is written for whatever is there: plain text has no questions, a small run has bad numbers, a stage may not have run.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from playbook.evaluation.reward_card import certainties, reliability
from playbook.plumbing.files import atomic_write
from playbook.plumbing.metrics import Measurement, walk_measurements
from playbook.reporting import alignment, figures, takeaways
from playbook.reporting.agent_page import latest, lines, was_run, write_agent_page
from playbook.reporting.attention_text import attention_text
from playbook.reporting.headline import SKILL_LINES, headline_table
from playbook.reporting.pipeline import mermaid
from playbook.reporting.results import NOTHING_TO_ASK, Results
from playbook.reporting.samples import diary, question_samples, text_samples
from playbook.reporting.tables import NOTHING, format_fact, format_measurement, markdown_table

COMMAND = "python -m stages.report"
PANELS: dict[str, tuple[str, dict[str, str], dict[str, str], tuple[str, str]]] = {
    "reward": (
        "Reward model",
        {"loss": "loss"},
        {"accuracy": "accuracy (share of pairs)", "margin": "lead of the chosen (log-odds)"},
        ("nats a pair", "share, log-odds"),
    ),
    "dpo": (
        "DPO",
        {"rewards/chosen": "chosen", "rewards/rejected": "rejected"},
        {"logps/chosen": "chosen", "logps/rejected": "rejected"},
        ("implicit reward (nats)", "log-probability\n(nats an answer)"),
    ),
    "grpo": (
        "GRPO",
        {"reward": "gold reward (points an answer)", "frac_reward_zero_std": "groups that agree (share)"},
        {"kl_exact": "KL from DPO, exact", "kl": "its k3 estimate"},
        ("points, share", "nats a token"),
    ),
}
"""Stage -> title, the columns of the two panels of its curve, and the units of their axes."""
RUN_FACTS = {
    "seconds": "seconds, whole stage",
    "train_seconds": "seconds of training alone",
    "tokens": "tokens trained on",
    "tokens_per_second": "tokens a second",
    "mfu": "share of the machine's matrix-multiply rate (MFU)",
    "matmul_gflops": "that rate, GFLOP a second",
    "peak_rss_mb": "peak memory, MB",
    "threads": "threads",
    "precision": "precision",
    "device": "device",
    "cpu": "CPU instructions",
    "torch": "torch",
    "python": "Python",
    "params": "parameters",
    "weights_sha256": "SHA-256 of the weights",
}


def write_report(results: Results, folder: Path) -> None:
    """Write folder/README.md, agent.md, figures/ and tables/ in folder; what was left in those two goes."""
    for name in ("figures", "tables"):
        shutil.rmtree(folder / name, ignore_errors=True)
    drawn = draw(results, folder / "figures")
    tables = make_tables(results)
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        with atomic_write(folder / "tables" / f"{name}.md") as handle:
            handle.write(table + "\n")
    with atomic_write(folder / "README.md") as handle:
        handle.write(page(results, drawn, tables))
    write_agent_page(results, folder)


def draw(results: Results, folder: Path) -> list[str]:
    """Draw the figures that there are numbers for; returns their names."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {}
    for stage, title in (("pretrain", "Pretraining"), ("sft", "Fine-tuning")):
        if stage in results.curves and len(results.curves[stage]):
            curve, final = results.curves[stage], results.measurement(stage, "val_loss")
            made[f"{stage}_loss"] = figures.loss_curve(title, curve, final)
            made[f"{stage}_health"] = figures.training_health(curve)
    for checkpoint, title in (("base", "Questions from memory"), ("sft", "Questions from memory, after fine-tuning")):
        names = ("closed_book", "closed_book_seen_words", "closed_book_chance")
        groups = [results.group(f"evaluate/{checkpoint}", name) for name in names]
        if groups[0]:
            made[f"closed_book_{checkpoint}"] = figures.closed_book_bars(title, *groups)
    for stage, (title, above, below, units) in PANELS.items():
        if stage in results.curves and len(results.curves[stage]):
            made[f"{stage}_curve"] = figures.curves(title, results.curves[stage], above, below, units)
    if results.pairs:
        lead = np.array([row["reward_chosen"] - row["reward_rejected"] for row in results.pairs])
        made["reliability"] = figures.reliability_diagram(reliability(certainties(results.pairs), lead > 0))
    if results.attention:
        made["attention"] = attention_text(**results.attention)
    for name, figure in made.items():
        figures.save(figure, folder / name)
    return list(made)


def make_tables(results: Results) -> dict[str, str]:
    """The tables by name, as Markdown; only those that there are numbers for."""
    tables = {"headline": headline_table(results)}
    for checkpoint in ("base", "sft"):
        if by_attribute := _attributes(results, f"evaluate/{checkpoint}"):
            tables[f"by_attribute_{checkpoint}"] = by_attribute
    if results.group("recipe", "known_facts"):
        tables["skills"] = headline_table(results, SKILL_LINES)
    made = {
        "stages": alignment.stages_table(results), "changes": alignment.changes_table(results),
        "reward_model": alignment.card_table(results), "gallery": alignment.gallery(results.records),
    }  # fmt: skip
    tables |= {name: table for name, table in made.items() if table}
    if facts := _run_facts(results):
        tables["run"] = facts
    for name in results.metrics:
        rows = [(key, format_measurement(m), m.n) for key, m in walk_measurements(results.metrics[name])]
        if rows:
            tables[name.replace("/", "_")] = markdown_table(rows, ("measured", "value and 95% interval", "n"))
    return tables


def page(results: Results, drawn: list[str], tables: Mapping[str, str]) -> str:
    """The text of README.md."""
    sections = [
        "# Results",
        f"Made by `dvc repro` (its last stage, `{COMMAND}`) from the files in [metrics](metrics), [curves](curves) and "
        "the records of every answer; nothing here is typed. Square brackets hold 95% intervals, n counts what was "
        "resampled (people, documents). Targets are those of the default parameters on two quiet CPU cores.",
        tables["headline"],
        *_bullets([*_learned(results), *takeaways.memory(results)]),
        *_pipeline(results),
        *_training(results, drawn, "## Pretraining", "pretrain", "base"),
        *(["### The runs", tables["run"]] if "run" in tables else []),
        *_memory(results, drawn, tables, "## What it knows by heart", "base"),
        *_training(results, drawn, "## Fine-tuning", "sft", "sft"),
        *_memory(results, drawn, tables, "## What it knows by heart after fine-tuning", "sft"),
        *_reading(results, drawn, tables),
        *_alignment(results, drawn, tables),
        *_agent(results),
        *_samples(results),
        *_data(results),
    ]
    return "\n\n".join(sections) + "\n"


def _learned(results: Results, stage: str = "pretrain") -> list[str]:
    return takeaways.learning(results.curves[stage]) if stage in results.curves else []


def _pipeline(results: Results) -> list[str]:
    if not results.stages:
        return []
    seconds: dict[str, float] = {}
    for name in results.metrics:
        if isinstance(took := results.fact(name, "seconds"), int | float):
            stage = name.partition("/")[0]  # of a matrix stage all members together
            seconds[stage] = seconds.get(stage, 0.0) + took
    drawing = mermaid(results.stages, seconds)
    return ["## Pipeline", drawing, f"*Drawn from [dvc.yaml](../dvc.yaml) by `{COMMAND}`; seconds as last run.*"]


def _training(results: Results, drawn: list[str], title: str, stage: str, checkpoint: str) -> list[str]:
    if stage not in results.metrics and stage not in results.curves:
        return [title, _absent(stage)]
    parts = [title]
    if f"{stage}_loss" in drawn:
        source = f"curves/{stage}.csv"
        parts += _figure(f"{stage}_loss", "Training and validation loss against tokens seen", source)
        parts += _figure(f"{stage}_health", "Learning rate and gradient norm against tokens seen", source)
        parts += _bullets(_learned(results, stage)) if stage != "pretrain" else []  # that one's stand at the top
    if samples := results.samples.get(checkpoint):
        parts += ["### What it wrote on the way", diary(samples)]
    return parts


def _memory(results: Results, drawn: list[str], tables: Mapping[str, str], title: str, checkpoint: str) -> list[str]:
    if f"evaluate/{checkpoint}" not in results.metrics:
        return [title, _absent(f"evaluate@{checkpoint}")]
    if (name := f"closed_book_{checkpoint}") not in drawn:
        return [title, NOTHING_TO_ASK]
    source = f"metrics/evaluate/{checkpoint}.json"
    parts = [title, *_figure(name, "Share of questions answered correctly", source)]
    if checkpoint != "base":
        parts += _bullets(takeaways.memory(results, f"evaluate/{checkpoint}"))
    if (name := f"by_attribute_{checkpoint}") in tables:
        parts += ["### By attribute, new wordings", tables[name]]
    return parts


def _reading(results: Results, drawn: list[str], tables: Mapping[str, str]) -> list[str]:
    title = "## What it does with passages before it"
    if "recipe" not in results.metrics:
        return [title, _absent("recipe")]
    if "skills" not in tables:
        return [title, NOTHING_TO_ASK]
    parts = [
        title,
        tables["skills"],
        "Where answers about three pages go wrong:",
        mistakes_table(results),
        "Every number of this stage: [tables/recipe.md](tables/recipe.md).",
    ]
    if "attention" in drawn:
        alt = "A prompt of three passages, three times, the tokens shaded by how much one head looks at them"
        parts += ["### How it chooses among passages", *_figure("attention", alt, "metrics/recipe.json")]
        parts += _bullets(takeaways.choosing(results))
    return parts


def _alignment(results: Results, drawn: list[str], tables: Mapping[str, str]) -> list[str]:
    title = "## Post-training"
    if absent := [name for name in ("reward", "dpo", "grpo", "compare") if name not in results.metrics]:
        return [title, _absent(absent[0])]
    if "stages" not in tables:
        return [title, NOTHING_TO_ASK]
    parts = [
        title, "The same prompts, in words that no training used, at each checkpoint:", tables["stages"],
        "### What each step changed", "New minus old on the same prompts, paired:",
        *([tables["changes"]] if "changes" in tables else []), *_bullets(alignment.steps_told(results)),
    ]  # fmt: skip
    if "reward_model" in tables:
        parts += ["### The reward model", tables["reward_model"]]
    if "reliability" in drawn:
        parts += _figure(
            "reliability", "How often the reward model is right against how sure it is", "metrics/reward.json"
        )
    for stage, (name, *_) in PANELS.items():
        if f"{stage}_curve" in drawn:
            parts += _figure(f"{stage}_curve", f"{name}: what was logged at each step", f"curves/{stage}.csv")
    if "gallery" in tables:
        rule = "The first prompts of each kind and split that not all answered alike; in brackets the gold reward."
        parts += ["### The same prompts through the checkpoints", rule, tables["gallery"]]
    return parts


MISTAKES = {
    "name": "whom it is about",
    "noun": "what is asked of them",
    "passage": "whose passage it read",
    "refused": "whether it is told at all",
    "value": "the value itself",
}


def mistakes_table(results: Results) -> str:
    """What the reasoning got wrong first, of all questions about three pages."""
    found = results.group("recipe", "read_3_mistakes")
    rows = [
        (label, format_measurement(found[kind]), found[kind].n) for kind, label in MISTAKES.items() if kind in found
    ]
    return markdown_table(rows, ("what went wrong first", "share of all answers", "n"))


def _agent(results: Results) -> list[str]:
    title = "## What it does with documents, tools and memory"
    if (checkpoint := latest(results)) is None:
        return [title, NOTHING_TO_ASK if was_run(results) else _absent("agent_eval")]
    return [
        title,
        headline_table(results, lines(checkpoint)),
        "Arms, errors, curves, trajectories: [agent.md](agent.md).",
    ]


def _samples(results: Results) -> list[str]:
    parts = []
    for checkpoint in ("base", "sft"):
        records = results.records.get(checkpoint, [])
        if records and "correct" in records[0]:
            rule = "The first right and the first wrong answers of each split, not a selection by taste."
            parts += [f"## Samples, {checkpoint}", rule, question_samples(records)]
        elif records:
            rule = "Held-out text, and how the model goes on (bold)."
            parts += [f"## Samples, {checkpoint}", rule, text_samples(records)]
    return parts


def _data(results: Results) -> list[str]:
    if "audit" not in results.metrics:
        return ["## Data", _absent("audit")]
    return ["## Data", "What the model was trained on, and what was kept from it: [data card](data_card.md)."]


def _absent(stage: str) -> str:
    return f"The stage `{stage}` has left no results here: run `dvc repro {stage}`."


def _figure(name: str, alt: str, source: str) -> list[str]:
    drawn_by = f"*[{name}.png](figures/{name}.png), drawn by `{COMMAND}` from [{source}]({source}).*"
    return [f"![{alt}](figures/{name}.svg)", drawn_by]


def _bullets(sentences: list[str]) -> list[str]:
    return ["\n".join(f"- {sentence}" for sentence in sentences)] if sentences else []


def _attributes(results: Results, file: str) -> str | None:
    by_split = {
        split: results.group(file, f"closed_book_by_attribute.{split}") for split in results.group(file, "closed_book")
    }
    names = sorted({name for group in by_split.values() for name in group})
    if not names:
        return None
    rows = [[name, *(_cell(group.get(name)) for group in by_split.values())] for name in names]
    return markdown_table(rows, ["attribute", *by_split])


def _cell(measured: Measurement | None) -> str:
    return NOTHING if measured is None else format_measurement(measured)


def _run_facts(results: Results) -> str | None:
    stages = ("pretrain", "sft", "reward", "dpo", "grpo", "evaluate/base", "evaluate/sft")
    columns = [name for name in stages if name in results.metrics]
    rows = []
    for key, label in RUN_FACTS.items():
        facts = [results.fact(name, key) for name in columns]
        if any(fact is not None for fact in facts):
            rows.append([label, *(NOTHING if fact is None else _short(key, fact) for fact in facts)])
    return markdown_table(rows, ["", *columns]) if rows else None


def _short(key: str, fact: object) -> str:
    return f"`{str(fact)[:16]}…`" if key == "weights_sha256" else format_fact(fact)
