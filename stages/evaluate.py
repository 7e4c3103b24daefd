"""What a checkpoint knows and how it writes, with a record of every answer. Run as `python -m stages.evaluate base`.

Reads: models/KEY, models/sft (to compare with), data/tokens/validation.tokens, data/corpus.
Writes: data/records/evaluate/KEY.jsonl, data/records/behaviour/KEY.jsonl, reports/metrics/evaluate/KEY.json.
Note: every number comes from the held-out loss or from the records; to score anew is not to generate anew.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playbook.data.batches import open_validation
from playbook.data.token_file import TokenFile
from playbook.evaluation.alignment import alignment_metrics, alignment_prompts, answer_prompts, kl_to_reference
from playbook.evaluation.behaviour import BEHAVIOUR
from playbook.evaluation.closed_book import EvaluateConfig, closed_book_metrics, read_questions
from playbook.evaluation.diversity import distinct_2
from playbook.evaluation.harness import Record, checkpoint_solver, read_world, solve
from playbook.evaluation.instructions import INSTRUCTION_FOLLOWING
from playbook.evaluation.language import language_metrics
from playbook.evaluation.samples import continue_texts
from playbook.model.checkpoint import load_model, weights_sha256
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import write_jsonl
from playbook.plumbing.runtime import RuntimeConfig, peak_rss_mb, start
from playbook.plumbing.stage import stage
from playbook.text.tokenizer import load_tokenizer
from playbook.training.validation import validate

CHECKPOINTS = ("base", "sft", "dpo", "grpo")


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)


def main(key: str) -> None:
    """Evaluate the checkpoint models/`key`."""
    with stage("stages.evaluate", Params, key) as run:
        config, runtime = run.params.evaluate, start(run.params.runtime)
        folder = run.input(Path("models") / key)
        model = load_model(folder, runtime.device, runtime.dtype)
        tokenizer = load_tokenizer(folder / "tokenizer.json")
        file = TokenFile.open(run.input("data/tokens/validation.tokens"))
        batches = open_validation(file, model.config.context, config.batch_size)
        held_out = validate(model, batches, file.header.text_bytes)
        metrics: dict[str, Any] = dict(language_metrics(held_out.nats, held_out.tokens, held_out.bytes, config.seed))
        corpus, before = run.input("data/corpus"), run.input("models/sft")
        checked: list[Record] = []
        if (corpus / "questions.jsonl").stat().st_size:  # plain text has none
            asked, others = read_questions(corpus / "questions.jsonl"), alignment_prompts(corpus)
            told, answered = (answer_prompts(prompts, model, tokenizer, config) for prompts in (asked, others))
            records, sft = [*told, *answered], load_model(before, runtime.device, runtime.dtype)
            compared = [row for row in [*asked, *others] if row["held_out"]]
            known = records if key == "sft" else answer_prompts(compared, sft, tokenizer, config)
            worth = {row["id"]: row["gold_reward"] for row in known}
            metrics |= closed_book_metrics(told, config.seed) | alignment_metrics(records, worth, config.seed)
            solver, world = checkpoint_solver(model, tokenizer, config), read_world(corpus)
            for task in (BEHAVIOUR, INSTRUCTION_FOLLOWING):
                rows = solve(task, list(task.samples(world)), solver)
                checked, metrics = [*checked, *rows], metrics | {task.name: task.metrics(rows, config.seed)}
            metrics["kl_to_sft"] = kl_to_reference(compared, model, sft, tokenizer, config)
        else:
            records = continue_texts(model, tokenizer, file, config.samples, config.seed)
            metrics |= {"distinct_2": distinct_2([row["answer"] for row in records])}
        write_jsonl(f"data/records/evaluate/{key}.jsonl", records)
        write_jsonl(f"data/records/behaviour/{key}.jsonl", checked)
        run.report(
            metrics, **runtime.facts(), params=model.parameter_count(), weights_sha256=weights_sha256(model),
            peak_rss_mb=round(peak_rss_mb(), 1),
        )  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:] not in [[name] for name in CHECKPOINTS]:
        raise InputError("python -m stages.evaluate", f"one checkpoint of {CHECKPOINTS}", sys.argv[1:])
    main(sys.argv[1])
