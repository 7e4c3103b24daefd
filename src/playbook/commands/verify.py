"""`make verify`: dvc.lock, metrics, reports and the numbers of README and the notes agree; nothing is run.

Fails on a digit changed by hand, on results that do not belong to the code, and on a headline figure that has fallen
out of its interval since HEAD or since the last `make accept`. Labs that are out of date are listed, and are no
failure: they run on demand.
"""

import contextlib
import sys
from pathlib import Path

from dvc.repo import Repo

from playbook.commands.readme import PAGES, updated
from playbook.pipeline import agreement
from playbook.pipeline.baseline import BASELINE, read_baseline
from playbook.pipeline.comparison import read_column
from playbook.pipeline.revisions import HEAD, revisions
from playbook.plumbing.errors import tell
from playbook.plumbing.paths import ROOT


def problems(root: Path) -> tuple[list[str], list[str]]:
    """(what does not agree, stale labs)."""
    with contextlib.chdir(root), Repo(str(root)) as repo:
        found = revisions(root, Path(repo.cache.local.path))
        workspace, head = found[0], next((revision for revision in found if revision.name == HEAD), None)
        main, labs = agreement.stale(repo, root)
        torn, torn_labs = agreement.torn_lock(workspace)
        told, labs = [*agreement.changed_outputs(repo, root), *main, *torn], [*labs, *torn_labs]
        reports = [name for name in workspace.names("reports") if name != BASELINE.as_posix()]
        told += agreement.strays(repo, root, [*reports, *workspace.names("labs")])
        if head is not None:
            told += agreement.regressions(read_column(head), read_column(workspace))
        if (accepted := read_baseline(root / BASELINE)) is not None:
            told += agreement.regressions(accepted, read_column(workspace))
        texts = {page: (root / page).read_text(encoding="utf-8") for page in PAGES if (root / page).is_file()}
        told += agreement.pages(texts, {page: updated(page, text) for page, text in texts.items()})
    return list(dict.fromkeys(told)), labs


def main(root: Path = ROOT) -> int:
    """Print what does not agree; 1 if anything does not."""
    sys.excepthook = tell
    told, labs = problems(root)
    for problem in told:
        print(f"verify: {problem}", file=sys.stderr)
    if labs:
        print("labs that are out of date (`make labs` runs them):")
        print("\n".join(f"  {lab}" for lab in labs))
    print(f"{len(told)} contradictions" if told else "dvc.lock, metrics, reports, README and notes agree")
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
