"""What a checkpoint makes of documents, tools and memory, arm by arm. Run as `python -m stages.agent_eval sft`.

Reads: models/KEY, data/corpus, data/index.
Writes: data/records/agent_eval/KEY.jsonl (a row an arm and task), data/records/trajectories/KEY.jsonl,
    reports/metrics/agent_eval/KEY.json.
Note: numbers are made from the records, and every trajectory can be replayed. On plain text there is nothing to ask.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playbook.agent.backends import GPTMiniBackend
from playbook.agent.trace import Trace, write_traces
from playbook.evaluation.agent_arms import AgentConfig
from playbook.evaluation.agent_bench import measure, open_bench
from playbook.evaluation.agent_metrics import agent_metrics
from playbook.model.checkpoint import load_model, weights_sha256
from playbook.pipeline.run_facts import without_run_facts
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import read_jsonl, write_jsonl
from playbook.plumbing.runtime import RuntimeConfig, peak_rss_mb, start
from playbook.plumbing.stage import stage
from playbook.text.tokenizer import load_tokenizer

CHECKPOINTS = ("base", "sft", "dpo", "grpo")


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
    agent: AgentConfig = field(default_factory=AgentConfig)


def main(key: str) -> None:
    """Measure the checkpoint models/`key`."""
    with stage("stages.agent_eval", Params, key) as run:
        config, runtime = run.params.agent, start(run.params.runtime)
        folder, corpus = run.input(Path("models") / key), run.input("data/corpus")
        index = run.input("data/index")
        model, tokenizer = load_model(folder, runtime.device, runtime.dtype), load_tokenizer(folder / "tokenizer.json")
        records, traces, metrics = list[dict[str, Any]](), list[Trace](), dict[str, Any]()
        if (corpus / "world.json").exists():  # of plain text nothing is known exactly, so nothing is asked
            few = key in config.briefly
            bench = open_bench(corpus, index, tokenizer, config, few)
            backend = GPTMiniBackend(
                model, tokenizer, config.max_new_tokens, config.batch_size, config.constrained, copying=config.copying
            )
            records, traces = measure(bench, list(read_jsonl(corpus / "sessions.jsonl")), backend, few)
            metrics = agent_metrics(records, config.seed)
        write_jsonl(f"data/records/agent_eval/{key}.jsonl", without_run_facts(records))  # the same bytes each time
        write_traces(f"data/records/trajectories/{key}.jsonl", traces)
        run.report(
            metrics, **runtime.facts(), weights_sha256=weights_sha256(model), peak_rss_mb=round(peak_rss_mb(), 1)
        )


if __name__ == "__main__":
    if sys.argv[1:] not in [[name] for name in CHECKPOINTS]:
        raise InputError("python -m stages.agent_eval", f"one checkpoint of {CHECKPOINTS}", sys.argv[1:])
    main(sys.argv[1])
