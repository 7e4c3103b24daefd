"""What the fine-tuned model can do with text that it has never seen: read, search hop by hop, admit not to know.

Reads: models/sft, data/corpus (its world and its closed-book questions).
Writes: data/records/recipe.jsonl, reports/metrics/recipe.json.
Note: contexts are handed to the model; no retriever is measured here. On plain text there is nothing to ask.
"""

from dataclasses import dataclass, field

from playbook.evaluation.closed_book import EvaluateConfig
from playbook.evaluation.skills import converse, model_answerer, read_bench, skill_metrics
from playbook.model.checkpoint import load_model, weights_sha256
from playbook.plumbing.files import write_jsonl
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
        corpus, records = run.input("data/corpus"), []
        if (corpus / "world.json").exists():  # of plain text nothing is known exactly, so nothing is asked
            world, tasks = read_bench(corpus)
            records = converse(tasks, world, model_answerer(model, load_tokenizer(folder / "tokenizer.json"), config))
        write_jsonl("data/records/recipe.jsonl", records)
        run.report(
            skill_metrics(records, config.seed) if records else {}, **runtime.facts(),
            weights_sha256=weights_sha256(model), peak_rss_mb=round(peak_rss_mb(), 1),
        )  # fmt: skip


if __name__ == "__main__":
    main()
