"""One DAG, two engines: DVC's stages as rules of Snakemake, which runs them side by side, or on a cluster.

The Snakefile loops over `rules()` and says nothing itself. DVC stays the one that knows what is out of date and what a
result is: Snakemake goes by the age of files and forgets what they held.
"""

import contextlib
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dvc.repo import Repo

from playbook.pipeline.dag import Node, ancestors, read_dag
from playbook.plumbing.errors import InputError
from playbook.plumbing.fingerprint import fingerprints

THREAD_VARIABLES = ("OMP", "GOTO", "OPENBLAS", "MKL", "VECLIB_MAXIMUM", "NUMEXPR")
"""Snakemake sets `..._NUM_THREADS` to a rule's threads: other sums, other bits. A stage sets its own threads."""
SHARING = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Environment of stages that run beside others, with more threads than cores: one that waits for its siblings shall
sleep. If it spins, as is the default, two at once take many times as long as one after the other. Sums stay equal."""


@dataclass(frozen=True)
class Rule:
    """A stage, as Snakemake wants it."""

    name: str
    inputs: list[str]
    ordered: list[str]
    """Inputs that must be there, though their age says nothing (Snakemake's `ancient`)."""
    files: list[str]
    folders: list[str]
    """Outputs; Snakemake has to be told which of them are folders."""
    params: dict[str, Any]
    threads: int
    resources: dict[str, int]
    command: str
    is_default: bool
    """The one that waits for the most others: what `snakemake` without a target makes."""


def rules(root: Path) -> list[Rule]:
    """One rule for each stage of every dvc.yaml below `root`; those of the main chain come first."""
    with contextlib.chdir(root), Repo() as repo:  # DVC addresses stages as seen from the working folder
        nodes = read_dag(repo, fingerprints(root))
    nodes.sort(key=lambda node: not node.in_main_chain)
    last = max(reversed([n for n in nodes if n.in_main_chain]), key=lambda node: len(list(ancestors(nodes, node.name))))
    made = [_rule(node, root, node is last) for node in nodes]
    if len(names := {rule.name for rule in made}) < len(made):
        raise InputError("dvc.yaml", "stage names that stay apart as rule names", sorted(names))
    return made


def rule_name(stage: str) -> str:
    """DVC's address as a name that Snakemake takes.

    >>> rule_name("evaluate@base"), rule_name("labs/real_text/dvc.yaml:train@third")
    ('evaluate_base', 'labs_real_text_train_third')
    """
    return re.sub(r"\W", "_", stage.replace("/dvc.yaml:", "/"))


def _rule(node: Node, root: Path, is_default: bool) -> Rule:
    threads, *resources = [_whole(node, key, node.meta.get(key, 1)) for key in ("threads", *_resources(node))]
    folders = [path for path in node.outputs if _is_folder(root / path)]
    unset = " ".join(f"-u {name}{'' if name.endswith('MAXIMUM') else '_NUM'}_THREADS" for name in THREAD_VARIABLES)
    sharing = "".join(f" {name}={value}" for name, value in SHARING.items())
    inside = "" if node.folder == "." else f"cd {shlex.quote(node.folder)} && "
    return Rule(
        rule_name(node.name), [*node.sources, *node.made], list(node.ordered),
        [path for path in node.outputs if path not in folders], folders, dict(node.params),
        threads, dict(zip(_resources(node), resources, strict=True)),
        f"{inside}env {unset}{'' if threads > 1 else sharing} {node.command}", is_default,
    )  # fmt: skip


def _resources(node: Node) -> list[str]:
    return [key for key in node.meta if key != "threads"]


def _whole(node: Node, key: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"dvc.yaml: {node.name}: meta.{key}", "a whole number, at least 1", value)
    return value


def _is_folder(path: Path) -> bool:
    """As it lies there, or, before the first run, by its name: every file that a stage makes has a suffix."""
    return path.is_dir() if path.exists() else not path.suffix
