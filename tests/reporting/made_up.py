"""Made-up results in a folder, as the stages would leave them: reports/, data/records/, dvc.yaml."""

import csv
from pathlib import Path
from typing import Any

from playbook.plumbing.files import atomic_write, write_json, write_jsonl
from playbook.plumbing.metrics import Measurement, write_metrics

DVC_YAML = """
stages:
  code:
    cmd: python -m stages.code
    outs: [code.json]
  prepare:
    cmd: python -m stages.prepare
    outs: [data/corpus]
  tokenizer:
    cmd: python -m stages.tokenizer
    deps: [data/corpus]
    outs: [data/tokens]
  pretrain:
    cmd: python -m stages.pretrain
    deps: [data/tokens, data/corpus/questions.jsonl]
    outs: [models/base]
    plots:
      - reports/curves/pretrain.csv:
          x: num_tokens
  evaluate:
    matrix:
      checkpoint: [base, sft]
    cmd: python -m stages.evaluate ${item.checkpoint}
    deps: ["models/${item.checkpoint}", data/corpus]
    metrics:
      - reports/metrics/evaluate/${item.checkpoint}.json:
          cache: false
  report:
    cmd: python -m stages.report
    deps: [reports/metrics/evaluate/base.json, reports/curves/pretrain.csv]
"""
KNOWN = {"A": (0.993, 0.985, 0.998), "B": (0.962, 0.94, 0.98), "C": (0.071, 0.05, 0.1)}
CHANCE = {"A": (0.07, 0.06, 0.08), "B": (0.068, 0.06, 0.08), "C": (0.074, 0.06, 0.09)}
ABOVE = {"A": (0.923, 0.91, 0.94), "B": (0.894, 0.87, 0.92), "C": (-0.003, -0.02, 0.02)}


COLUMNS = ("step", "num_tokens", "seconds", "loss", "val_loss", "val_bits_per_byte", "learning_rate", "grad_norm")


def measured(value: float, low: float, high: float, n: int = 140) -> Measurement:
    return Measurement(value, (low, high), n)


def group(values: dict[str, tuple[float, float, float]]) -> dict[str, Measurement]:
    return {key: measured(*value) for key, value in values.items()}


def language() -> dict[str, Any]:
    return {"val_loss": measured(0.441, 0.42, 0.46, 300), "val_bits_per_byte": measured(0.212, 0.2, 0.22, 300)}


def closed_book() -> dict[str, Any]:
    return {
        "closed_book": group(KNOWN),
        "closed_book_chance": group(CHANCE),
        "closed_book_above_chance": group(ABOVE),
        "closed_book_seen_words": group(KNOWN),
        "closed_book_by_attribute": {split: {"job": measured(*KNOWN[split])} for split in KNOWN},
        "abstention_rate": {split: measured(0.0, 0.0, 0.03) for split in KNOWN},
        "hallucination_rate": measured(0.24, 0.2, 0.28, 360),
    }


def skills() -> dict[str, Any]:
    return {
        "read_1": measured(0.876, 0.85, 0.9),
        "known_facts": {split: measured(*KNOWN[split]) for split in "AB"},
        "read_3_mistakes": {"name": measured(0.01, 0.0, 0.02), "passage": measured(0.22, 0.2, 0.24)},
        "attention": {
            "copy_name": {"right": measured(0.9, 0.85, 0.95), "wrong": measured(0.05, 0.01, 0.1)},
            "read_value": {"right": measured(0.5, 0.3, 0.7), "wrong": measured(0.4, 0.2, 0.6)},
        },
    }


ATTENTION = {
    "pieces": ["<|tool|>", " Ada", ":", " vet"],
    "panels": [
        {"step": "read_value", "layer": 4, "head": 1, "query": 3, "right": [1], "weights": [0.0, 0.7, 0.3, 0.0]}
    ],
}


def to_json(tree: dict[str, Any]) -> dict[str, Any]:
    """Measurements as a metrics file holds them."""
    return {key: to_json(node) if isinstance(node, dict) else node.to_json() for key, node in tree.items()}


def question(split: str, attribute: str, answer: str, gold: str) -> dict[str, Any]:
    return {
        "id": f"{split}-{attribute}-{answer}",
        "entity": f"{split}-{answer}",
        "split": split,
        "attribute": attribute,
        "held_out": True,
        "prompt": f"What is the {attribute} of Ada | Reed?",
        "answer": answer,
        "gold": gold,
        "correct": answer == gold,
        "abstained": False,
    }


QUESTIONS = [
    question("A", "job", "vet.", "vet."),
    question("A", "job", "vet.", "vet."),
    question("C", "job", "", "vet."),
]
TEXTS = [{"id": "text-000", "prompt": "To be, or", "answer": " not *to*", "gold": " not to be", "tokens": 3}]


def write_curve(path: Path, steps: int = 60) -> None:
    with atomic_write(path) as handle:
        writer = csv.writer(handle)
        writer.writerow(COLUMNS)
        for step in range(1, steps + 1):
            loss = 0.4 + 6 / step
            held_out = (loss + 0.1, loss / 2) if step % 10 == 0 else ("", "")
            writer.writerow([step, 8192 * step, step / 2, loss, *held_out, 0.01, 1 + 1 / step])


def write_world(root: Path) -> None:
    """What a run on the generated world leaves."""
    facts = {"seconds": 312.5, "tokens": 491520, "tokens_per_second": 15000.0, "mfu": 0.61, "params": 1_900_000}
    metrics = root / "reports/metrics"
    write_metrics(metrics / "audit.json", {}, {"seconds": 1.0})
    write_metrics(metrics / "pretrain.json", language() | closed_book(), facts | {"weights_sha256": "ab" * 32})
    write_metrics(metrics / "sft.json", language() | closed_book(), {"seconds": 99.0})
    write_metrics(metrics / "recipe.json", skills(), {"seconds": 9.0})
    write_json(root / "data/records/attention.json", ATTENTION)
    for stage, checkpoint in (("pretrain", "base"), ("sft", "sft")):
        facts = {"seconds": 9.0, "threads": 2}
        write_metrics(metrics / f"evaluate/{checkpoint}.json", language() | closed_book(), facts)
        write_curve(root / f"reports/curves/{stage}.csv")
        write_jsonl(root / f"data/records/evaluate/{checkpoint}.jsonl", QUESTIONS)
    (root / "dvc.yaml").write_text(DVC_YAML)


def write_text_source(root: Path) -> None:
    """What a run on plain text leaves: no questions anywhere."""
    metrics = root / "reports/metrics"
    write_metrics(metrics / "pretrain.json", language(), {"seconds": 100.0})
    write_metrics(metrics / "evaluate/base.json", language(), {"seconds": 9.0})
    write_metrics(metrics / "agent_eval/grpo.json", {}, {"seconds": 1.0})
    write_curve(root / "reports/curves/pretrain.csv", steps=3)
    write_jsonl(root / "data/records/evaluate/base.jsonl", TEXTS)
