"""Fail on a leak of held-out facts, people or wordings into training text; describe the data.

Reads   data/corpus
Writes  data/audit_passed.json, reports/data_card.md, reports/metrics/audit.json
Note    A violation is an error, so every rate reported here is 0 of n rows; its interval says how much that proves.
        audit_passed.json depends on the corpus alone: training waits for it, and does not rerun when the card changes.
"""

import gc
from dataclasses import dataclass, field

from playbook.data.audit import audit, audit_text
from playbook.data.cards import text_card, world_card
from playbook.data.text_source import DataConfig
from playbook.evaluation.statistics import wilson
from playbook.plumbing.files import atomic_write, file_sha256, write_json
from playbook.plumbing.metrics import Measurement
from playbook.plumbing.runlog import say
from playbook.plumbing.stage import stage


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    data: DataConfig = field(default_factory=DataConfig)


def rate(found: int, rows: int) -> Measurement:
    """Violations per row, with the Wilson interval."""
    return Measurement(found / rows, wilson(found, rows), rows)


def main() -> None:
    """Check the corpus and write its card."""
    with stage("stages.audit", Params) as run:
        corpus = run.input("data/corpus")
        gc.disable()  # all rows are held until the end: to go through them for garbage is a quarter of the time
        if run.params.data.source == "text":
            violations, card = {"validation_copies": rate(*audit_text(corpus))}, text_card(corpus)
        else:
            violations, card = {name: rate(0, rows) for name, rows in audit(corpus).items()}, world_card(corpus)
        with atomic_write("reports/data_card.md") as handle:
            handle.write(card)
        write_json("data/audit_passed.json", {"corpus_sha256": file_sha256(corpus)})
        run.report({"violations": violations})
        say("audit", {name: f"{one.value:g} of {one.n}" for name, one in violations.items()})


if __name__ == "__main__":
    main()
