"""The documents of the world as stores that an agent can search: one as it is, one without the planted instructions.

Reads: data/corpus/documents.jsonl (not there where the data is plain text).
Writes: data/index/attacked.sqlite, data/index/clean.sqlite (empty stores for plain text), reports/metrics/index.json.
Note: a document is one passage, titled by whom it is about, as the model was trained to read it.
"""

from dataclasses import dataclass
from pathlib import Path

from playbook.data.text_source import DataConfig
from playbook.evaluation.agent_store import fill
from playbook.plumbing.files import read_jsonl
from playbook.plumbing.stage import stage

OUT = Path("data/index")


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    data: DataConfig


def main() -> None:
    """Index everything twice."""
    with stage("stages.index", Params) as run:
        corpus = run.input("data/corpus")
        rows = [] if run.params.data.source == "text" else list(read_jsonl(corpus / "documents.jsonl"))
        harmless = [row for row in rows if row["kind"] != "injection"]
        facts = {
            "documents": fill(OUT / "attacked.sqlite", rows),
            "without_planted": fill(OUT / "clean.sqlite", harmless),
        }
        run.report({}, **facts)


if __name__ == "__main__":
    main()
