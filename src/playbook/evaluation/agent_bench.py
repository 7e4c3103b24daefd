"""Everything that the agent is measured by, for one checkpoint: the arms, the sessions, the curves.

Reads the world's corpus and the two stores; a checkpoint that was not taught to search gets fewer tasks and no curves.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playbook.agent.backends import Backend
from playbook.agent.retriever import DocumentStore
from playbook.agent.trace import Trace
from playbook.evaluation.agent_arms import ARMS, AgentConfig, Bench, run_arm
from playbook.evaluation.agent_curves import curves
from playbook.evaluation.agent_sessions import play
from playbook.plumbing.files import read_jsonl
from playbook.plumbing.runlog import say
from playbook.text.tokenizer import Tokenizer

Record = dict[str, Any]


def open_bench(corpus: Path, index: Path, tokenizer: Tokenizer, config: AgentConfig, few: bool) -> Bench:
    """Tasks, documents and stores."""
    tasks = list(read_jsonl(corpus / "agent_tasks.jsonl"))[: config.few if few else config.tasks]
    documents = {row["id"]: row for row in read_jsonl(corpus / "documents.jsonl")}
    clean, attacked = (DocumentStore(index / f"{name}.sqlite") for name in ("clean", "attacked"))
    return Bench(tasks, documents, clean, attacked, tokenizer, config)


def measure(
    bench: Bench, sessions: Sequence[dict[str, Any]], backend: Backend, few: bool
) -> tuple[list[Record], list[Trace]]:
    """Records of all arms, sessions and curves; traces of the episodes that use tools."""
    records, traces = list[Record](), list[Trace]()
    attacked = [task for task in bench.tasks if task["kind"] == "injection"]
    for arm in (*ARMS, "no_attack"):
        found, ran = run_arm(arm, bench, attacked if arm == "no_attack" else bench.tasks, backend)
        records += found
        traces += [trace for trace in ran if trace.tools]
        say(f"agent_eval: {arm}", {"seconds": sum(row["seconds"] for row in found), "tasks": len(found)})
    found, ran = play(sessions[: bench.config.few // 8 if few else bench.config.sessions], bench, backend)
    records, traces = records + found, traces + ran
    return (records if few else records + curves(bench, backend)), traces
