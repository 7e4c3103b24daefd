"""A checkout with a chain of one stage, for whatever copies a checkout and runs it."""

from pathlib import Path

CHAIN = """stages:
  train:
    cmd: python train.py
    params: [train]
    outs:
      - models
      - reports/README.md: {cache: false}
"""
TRAIN = """
from pathlib import Path
steps = next(line for line in Path("params.yaml").read_text().splitlines() if "steps" in line)
Path("models").mkdir()
Path("reports").mkdir(exist_ok=True)
Path("models/m").write_text(steps)
Path("reports/README.md").write_text(f"# Report\\n\\n| what | is |\\n|--|--|\\n| steps | {steps.strip()} |\\n\\nEnd\\n")
"""


def one_stage_checkout(root: Path) -> Path:
    files = {
        "dvc.yaml": CHAIN,
        "train.py": TRAIN,
        "params.yaml": "train: {steps: 1000, rate: 3e-05}\n",
        "profiles/smoke.yaml": "train: {steps: 2}\n",
        "dvc.lock": "schema: '2.0'\n",
        "data/sources/own.txt": "text",
        "data/corpus/big.txt": "built",
        "models/m": "built",
        ".venv/bin/python": "",
        ".dvc/config": "[core]\n    analytics = false\n",
        ".dvc/cache/files/x": "",
        ".gitignore": "/data/corpus\n/models\n/.venv\n/.dvc/cache\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root
