"""Tables, figures and reports/README.md.

Reads: metrics, curves and records of the stages before it (those that are there), dvc.yaml for the picture of them.
Writes: reports/README.md, reports/figures/, reports/tables/.
Note: it measures nothing and has no metrics file; with the same files it writes the same bytes.
"""

from dataclasses import dataclass
from pathlib import Path

from playbook.plumbing.stage import stage
from playbook.reporting.pages import write_report
from playbook.reporting.results import read_results, sources


@dataclass(frozen=True)
class Params:
    """No section of params.yaml."""


def main() -> None:
    """Write the report."""
    with stage("stages.report", Params) as run:
        for path in sources():
            run.input(path)
        write_report(read_results(), Path("reports"))


if __name__ == "__main__":
    main()
