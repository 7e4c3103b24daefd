"""Studies beside the main chain, each with its own dvc.yaml, params.yaml and reports; `make labs` runs them.

A lab imports the library, never a stage or another lab; its scripts run as `python -m labs.LAB.NAME` from the root.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
