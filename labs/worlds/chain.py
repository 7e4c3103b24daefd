"""The whole chain in another county. Run as `python -m labs.worlds.chain SEED`.

Reads: the checkout, with the parameters of the main chain.
Writes: labs/worlds/reports/chain/SEED.json: the measurements of the main chain's metrics files, by file.
Note: it runs in a copy below .work/, which a killed run takes up again and which is removed at the end.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from playbook.pipeline.chain_copy import make_copy, run_chain
from playbook.plumbing.config import read_yaml
from playbook.plumbing.errors import InputError
from playbook.plumbing.metrics import Measurement, is_measurement, read_metrics
from playbook.plumbing.paths import ROOT
from playbook.plumbing.stage import stage

FILES = ("pretrain", "sft", "recipe", "reward", "compare", "agent_eval/grpo")
"""Metrics files of the main chain that hold what a target is about, without `.json`."""


@dataclass(frozen=True)
class Params:
    """Sections of labs/worlds/params.yaml."""

    threads: int


def main(seed: str) -> None:
    """Run the chain, keep its figures."""
    with stage("labs.worlds.chain", Params, key=seed) as run:
        for source in ("params.yaml", "code.json"):
            run.input(source)
        make_copy(ROOT, run.work, other_world(read_yaml(ROOT / "params.yaml"), run.params.threads, int(seed)))
        if (status := run_chain(run.work)) != 0:
            raise InputError(f"the chain of world {seed}", "exit status 0", status, "dvc repro labs/worlds/dvc.yaml")
        found = {name: read_metrics(run.work / f"reports/metrics/{name}.json") for name in FILES}
        facts = {name: measured.pop("run") for name, measured in found.items()}
        run.report({name: as_measured(tree) for name, tree in found.items()}, chain=facts)


def other_world(params: Mapping[str, Any], threads: int, seed: int) -> dict[str, Any]:
    """What is laid over params.yaml. Real text has no other worlds: `InputError`."""
    if params["data"]["source"] != "world":
        raise InputError("data.source", "world: only a generated county has others", params["data"]["source"])
    return {"runtime": {"threads": threads}, "world": {"seed": seed}}


def as_measured(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON of a metrics file as measurements again."""
    return {
        name: Measurement.from_json(child, name) if is_measurement(child) else as_measured(child)
        for name, child in tree.items()
    }


if __name__ == "__main__":
    main(sys.argv[1])
