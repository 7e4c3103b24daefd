"""The playground over made-up parts, as a process of its own: `python served.py FOLDER [no-models]`.

Prints its address, and writes every address beside this machine's own that it connects to into FOLDER/reached.txt.
"""

import sys
from pathlib import Path
from typing import Any

from serving.made_up import LOCAL, lab, untrained
from serving.scripted import assistant

from playbook.serving.desk import Desk
from playbook.serving.page import Parts, build, serve


def main(folder: Path, trained: bool) -> None:
    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1][0] not in LOCAL:
            with (folder / "reached.txt").open("a") as handle:
                handle.write(f"{arguments[1]}\n")

    sys.addaudithook(audit)
    if trained and not (folder / "models").exists():
        untrained(folder / "models")
    results = lab(folder / "lab") if trained else folder / "no lab"
    parts = Parts(
        Desk(lambda: assistant(folder)), folder / "memory.sqlite", "ada", folder / "models", results,
        ["Who are you?"], ["Which river is in Elm Ferry?"],
    )  # fmt: skip
    serve(build(parts), None)


if __name__ == "__main__":
    main(Path(sys.argv[1]), "no-models" not in sys.argv)
