"""Train the dense leg's encoder on the documents of CACM and LoCoMo, never on their questions.

Reads: the main chain's models/base and data/tokenizer.json; labs/retrieval/data/collections.
Writes: labs/retrieval/models/dense; labs/retrieval/reports/dense.json.
"""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from labs.retrieval.collections import TurnText, read_cacm, read_locomo
from playbook.agent.dense import DenseConfig, train_encoder
from playbook.agent.passages import Document
from playbook.evaluation.statistics import median_of
from playbook.model.checkpoint import load_model, save_model, weights_sha256
from playbook.plumbing.runtime import RuntimeConfig, start
from playbook.plumbing.stage import stage
from playbook.text.tokenizer import load_tokenizer

OUT = Path("labs/retrieval/models/dense")


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    dense: DenseConfig
    turn: TurnText
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def main() -> None:
    """Train, save, report the loss at both ends."""
    with stage("labs.retrieval.dense", Params) as run:
        params, runtime = run.params, start(run.params.runtime)
        folder = run.input("labs/retrieval/data/collections")
        documents, _ = read_cacm(folder)
        for conversation in read_locomo(folder / "locomo.json", params.turn):
            documents += conversation.sessions
        tokenizer = load_tokenizer(run.input("data/tokenizer.json"))
        model = load_model(run.input("models/base"), runtime.device, runtime.dtype)
        encoder, losses = train_encoder(model, tokenizer, texts(documents), params.dense, runtime.seed)
        save_model(encoder.model, OUT)
        shutil.copyfile("data/tokenizer.json", OUT / "tokenizer.json")
        ends = {"loss_first_steps": median_of(losses[:20]), "loss_last_steps": median_of(losses[-20:])}
        facts = {"log_of_batch": float(np.log(params.dense.batch)), "weights_sha256": weights_sha256(encoder.model)}
        run.report(ends, steps=params.dense.steps, **facts, **runtime.facts())


def texts(documents: list[Document]) -> list[str]:
    """Every chunk as it is encoded later."""
    chunks = [(document.title, chunk) for document in documents for chunk in document.chunks or ()]
    return [" ".join(filter(None, (title, chunk.text, chunk.context))) for title, chunk in chunks]


if __name__ == "__main__":
    main()
