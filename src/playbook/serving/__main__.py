"""`make demo`: the playground in a browser. Takes the options of `playbook chat`, and the port.

python -m playbook.serving --port 7860 --user ada
"""

import argparse
import os
import sys

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported
os.environ["HF_HUB_OFFLINE"] = "1"

from playbook.commands.assistant import add_arguments
from playbook.commands.assistant import build as build_assistant
from playbook.plumbing.errors import tell
from playbook.plumbing.paths import ROOT
from playbook.serving.desk import Desk
from playbook.serving.examples import questions, tasks
from playbook.serving.page import Parts, build, serve


def main() -> int:
    """Serve until it is stopped."""
    sys.excepthook = tell
    parser = argparse.ArgumentParser("playbook.serving", description="The playground, on this machine alone.")
    add_arguments(parser)
    parser.add_argument("--port", type=int, help="default: the first free one from 7860 on")
    options = parser.parse_args()
    corpus = ROOT / "data/corpus"
    ours = options.backend == "gptmini" and options.docs is None
    parts = Parts(
        Desk(lambda: build_assistant(options)), options.memory, options.user,
        questions=questions(corpus), tasks=tasks(corpus) if ours else [],
    )  # fmt: skip
    serve(build(parts), options.port)
    return 0


if __name__ == "__main__":
    sys.exit(main())
