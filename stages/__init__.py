"""One script a DAG node. Stages import the library, never each other; run them as `python -m stages.NAME`.

The checkout's own `src` goes first on the path: `dvc exp run --temp` works in a copy, where an installed
package would still be the main tree's.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
