"""What the fine-tuned model can do with text that it has never seen: read, search hop by hop, admit not to know.

Reads: models/sft, data/corpus (its world and its closed-book questions).
Writes: data/records/recipe.jsonl, data/records/attention.json (for a picture), reports/metrics/recipe.json.
Note: contexts are handed to the model; no retriever is measured here. On plain text there is nothing to ask.
"""

from dataclasses import dataclass, field
from typing import Any

from playbook.evaluation.attention_probe import probe
from playbook.evaluation.closed_book import EvaluateConfig
from playbook.evaluation.skills import Record, converse, model_answerer, read_bench, skill_metrics
from playbook.model.checkpoint import load_model, weights_sha256
from playbook.plumbing.files import write_json, write_jsonl
from playbook.plumbing.runtime import RuntimeConfig, peak_rss_mb, start
from playbook.plumbing.stage import stage
from playbook.text.tokenizer import load_tokenizer


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)


def main() -> None:
    """Make the tasks, let the model answer, judge."""
    with stage("stages.recipe", Params) as run:
        config, runtime = run.params.evaluate, start(run.params.runtime)
        folder = run.input("models/sft")
        model = load_model(folder, runtime.device, runtime.dtype)
        corpus = run.input("data/corpus")
        records, metrics, picture = list[Record](), dict[str, Any](), dict[str, Any]()
        if (corpus / "world.json").exists():  # of plain text nothing is known exactly, so nothing is asked
            world, tasks = read_bench(corpus)
            tokenizer = load_tokenizer(folder / "tokenizer.json")
            records = converse(tasks, world, model_answerer(model, tokenizer, config))
            choices = [task for task in tasks if task["kind"] == "read_3"]
            attention, picture = probe(choices, model, tokenizer, config.seed)
            metrics = {**skill_metrics(records), **attention}
        write_jsonl("data/records/recipe.jsonl", records)
        write_json("data/records/attention.json", picture)
        run.report(
            metrics, **runtime.facts(),
            weights_sha256=weights_sha256(model), peak_rss_mb=round(peak_rss_mb(), 1),
        )  # fmt: skip


if __name__ == "__main__":
    main()
