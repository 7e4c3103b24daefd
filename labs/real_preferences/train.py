"""A model that reads the dialogues of the training pairs, then a reward model and DPO on them, judged on the others.

Reads: labs/real_preferences/data/pairs.jsonl.
Writes: labs/real_preferences/data/records.jsonl (a row a held-out pair), reports/train.json (facts of the run).
Note: the tokenizer and the model see the training pairs alone. The control is the reward model on labels by a coin.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from labs.real_preferences.pairs import Row, coin, fitted, length, split
from playbook.data.batches import Batch
from playbook.data.preference_source import preference_source
from playbook.evaluation.statistics import clustered_mean
from playbook.model.gpt import GPTMini, ModelConfig
from playbook.plumbing.files import write_jsonl
from playbook.plumbing.runlog import say
from playbook.plumbing.runtime import RuntimeConfig, peak_rss_mb, start
from playbook.plumbing.stage import stage
from playbook.posttraining.pairs import Pair, PairBatches
from playbook.posttraining.preference_training import (
    DPOConfig,
    DPOObjective,
    RewardConfig,
    RewardObjective,
    answer_logps,
    refer,
    train_on_pairs,
)
from playbook.posttraining.reward_model import reward_model_from, score_pairs
from playbook.text.chat import message_texts, spaced
from playbook.text.tokenizer import Tokenizer, TokenizerConfig, train_tokenizer
from playbook.training.trainer import TrainConfig, Trainer, language_modelling

DATA = Path("labs/real_preferences/data")
AT_ONCE = 16
"""Pairs that are scored together."""


@dataclass(frozen=True)
class SplitConfig:
    """Which pairs are trained on."""

    trained: int = 2000
    vocab_size: int = 1024
    """Of the tokenizer."""


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    split: SplitConfig
    model: ModelConfig
    pretrain: TrainConfig
    reward: RewardConfig
    dpo: DPOConfig
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


class Dialogues:
    """Whole dialogues of pairs as an endless, resumable stream: every token of both answers is to be foretold."""

    def __init__(self, pairs: Sequence[Pair], batch: int, seed: int) -> None:
        self.stream = PairBatches(pairs, batch // 2, seed)

    def __next__(self) -> Batch:
        batch = next(self.stream)
        return replace(batch, weights=(torch.arange(batch.inputs.size(1))[None] < batch.ends[:, None]).float())

    def state(self) -> dict[str, Any]:
        """The cursor."""
        return self.stream.state()

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.stream.load_state(state)


def main() -> None:
    """Train everything, score the held-out pairs."""
    with stage("labs.real_preferences.train", Params) as run:
        params, runtime = run.params, start(run.params.runtime)
        rows = list(preference_source(run.input(DATA / "pairs.jsonl")))
        trained, held_out = split(rows, params.split.trained)
        tokenizer = tokenizer_of(trained, params.split.vocab_size)
        context = params.model.context
        pairs = [pair for row in trained if (pair := fitted(row, tokenizer, context)) is not None]
        kept = [(row, pair) for row in held_out if (pair := fitted(row, tokenizer, context)) is not None]
        say("pairs", {"trained": len(pairs), "held out": len(kept), "too long": len(rows) - len(pairs) - len(kept)})
        tests = [pair for _, pair in kept]
        base = GPTMini(params.model, tokenizer.vocab_size, runtime.dtype).to(runtime.device)
        batches = Dialogues(pairs, params.pretrain.batch, runtime.seed)
        result = Trainer(base, batches, params.pretrain, run.work / "base", language_modelling()).run()
        scores = {
            name: rewarded(base, labels, tests, params.reward, run.work / name, runtime.seed)
            for name, labels in (("reward_model", pairs), ("control", coin(pairs, runtime.seed)))
        }
        scores["dpo"] = preferred(base, pairs, tests, params.dpo, run.work / "dpo", runtime.seed)
        scores["before"] = (answer_logps(base, tests, AT_ONCE).view(-1, 2) / tokens(tests)).tolist()
        write_jsonl(DATA / "records.jsonl", records([row for row, _ in kept], scores))
        nats = [row["loss"] for row in result.curve.rows[-20:]]
        run.report(
            {"last_training_loss": clustered_mean(nats, range(len(nats)), runtime.seed)},
            trained=len(pairs), held_out=len(kept), too_long=len(rows) - len(pairs) - len(kept), tokens=result.tokens,
            params=base.parameter_count(), peak_rss_mb=peak_rss_mb(), **runtime.facts(),
        )  # fmt: skip


def tokenizer_of(rows: Sequence[Row], vocab_size: int) -> Tokenizer:
    """A BPE of what is said in the training pairs."""
    turns = [turn for row in rows for side in ("prompt", "chosen", "rejected") for turn in row[side]]
    return train_tokenizer(
        TokenizerConfig("bpe", vocab_size), [spaced(text) for turn in turns for text in message_texts(turn)]
    )


def rewarded(
    base: GPTMini, pairs: Sequence[Pair], tests: Sequence[Pair], config: RewardConfig, work: Path, seed: int
) -> list[list[float]]:  # fmt: skip
    """Rewards of both answers of each test pair by a reward model trained on `pairs`."""
    torch.manual_seed(seed)
    model = reward_model_from(base)
    train_on_pairs(model, pairs, config, RewardObjective(config), work, seed)
    found: list[list[float]] = score_pairs(model, tests, AT_ONCE).tolist()
    return found


def preferred(
    base: GPTMini, pairs: Sequence[Pair], tests: Sequence[Pair], config: DPOConfig, work: Path, seed: int
) -> list[list[float]]:  # fmt: skip
    """The implicit rewards of both answers after DPO."""
    model = reward_free(base)
    train_on_pairs(model, refer(pairs, base, model, AT_ONCE), config, DPOObjective(config), work, seed)
    change = answer_logps(model, tests, AT_ONCE) - answer_logps(base, tests, AT_ONCE)
    found: list[list[float]] = (config.beta * change).view(-1, 2).tolist()
    return found


def reward_free(base: GPTMini) -> GPTMini:
    """A copy of a language model."""
    model = GPTMini(base.config, base.vocab_size, base.dtype).to(base.token_embedding.weight.device)
    model.load_state_dict(base.state_dict())
    return model


def tokens(pairs: Sequence[Pair]) -> torch.Tensor:
    """(pairs, 2): the tokens of both answers."""
    return torch.tensor([[sum(side.counts) for side in (pair.chosen, pair.rejected)] for pair in pairs])


def records(rows: Sequence[Row], scores: dict[str, list[list[float]]]) -> list[dict[str, Any]]:
    """A row a held-out pair: the lengths of both answers, and what each judge thinks of both."""
    return [
        {
            "id": row["id"], "topic": row["prompt"][0]["content"][:80],
            "characters": [length(row, "chosen"), length(row, "rejected")],
            **{name: found[number] for name, found in scores.items()},
        }
        for number, row in enumerate(rows)
    ]  # fmt: skip


if __name__ == "__main__":
    main()
