"""Write the corpora: the generated world, or the user's own text.

Reads   data/sources (only for data.source: text and for data.preferences)
Writes  data/corpus
Note    The world follows from its section of params.yaml alone; the same parameters give the same bytes.
"""

from dataclasses import dataclass, field
from pathlib import Path

from playbook.data.preference_source import preference_source
from playbook.data.text_source import DataConfig, prepare_text
from playbook.data.world.config import WorldConfig
from playbook.data.world.generate import write_world
from playbook.plumbing.files import write_jsonl
from playbook.plumbing.runlog import say
from playbook.plumbing.stage import stage

CORPUS = Path("data/corpus")


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    data: DataConfig = field(default_factory=DataConfig)
    world: WorldConfig = field(default_factory=WorldConfig)


def main() -> None:
    """Write data/corpus."""
    with stage("stages.prepare", Params) as run:
        params = run.params
        if params.data.source == "text":
            run.input("data/sources")
            train, validation = prepare_text(params.data, CORPUS)
            for name in ("questions", "preferences", "rl_prompts"):  # of plain text nothing is known exactly
                write_jsonl(CORPUS / f"{name}.jsonl", [])
            say("prepare", {"train characters": train, "validation characters": validation})
        else:
            say("prepare", write_world(params.world, CORPUS))
        if params.data.preferences:
            run.input("data/sources")
            count = write_jsonl(CORPUS / "preferences.jsonl", preference_source(params.data.preferences))
            say("prepare", {"pairs of preferences": count})


if __name__ == "__main__":
    main()
