"""Which code each stage runs, as one fingerprint a stage: the reason why a comment never retrains a model.

Reads: the first-party Python files.
Writes: code.json (tracked in git, so that a fresh clone knows what it would rerun).
Note: every other stage takes its own key of code.json as a DVC parameter, instead of code files as dependencies.
"""

from playbook.plumbing.files import write_json
from playbook.plumbing.fingerprint import fingerprints
from playbook.plumbing.paths import ROOT


def main() -> None:
    """Write the fingerprints of this checkout."""
    write_json("code.json", fingerprints(ROOT))


if __name__ == "__main__":
    main()
