"""What the stages reward, dpo and grpo share: open the model before, the pairs or prompts, train, save, report.

Where the data has no preferences (plain text without any) there is nothing to learn, and the model is handed on.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from playbook.data.batches import open_stream
from playbook.data.token_file import TokenFile
from playbook.data.world.gold import gold_reward
from playbook.evaluation.reward_card import reward_metrics, reward_records
from playbook.evaluation.statistics import clustered_mean, clustered_proportion
from playbook.model.checkpoint import load_model, save_model, weights_sha256
from playbook.model.gpt import GPTMini
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import read_jsonl, write_jsonl
from playbook.plumbing.runlog import Curve
from playbook.plumbing.runtime import Runtime, peak_rss_mb
from playbook.plumbing.stage import Stage
from playbook.posttraining.grpo_loop import GRPO_COLUMNS, GRPOConfig, GRPOLoop
from playbook.posttraining.pairs import Pair, Row, encode_pair, split_rows, topic, without_reasoning
from playbook.posttraining.preference_training import (
    DPO_COLUMNS,
    REWARD_COLUMNS,
    DPOConfig,
    DPOObjective,
    RewardConfig,
    RewardObjective,
    answer_logps,
    curve_facts,
    refer,
    refer_used,
    train_on_pairs,
)
from playbook.posttraining.reference_answers import with_reference_answers
from playbook.posttraining.reward_model import reward_model_from, score_pairs
from playbook.posttraining.rollouts import Record
from playbook.text.tokenizer import Tokenizer, load_tokenizer
from playbook.training.trainer import COLUMNS

SCORED_AT_ONCE = 128
"""Pairs."""
REPLAY_ROWS, REPLAY_CONTEXT = 16, 128
"""Of older text beside each step of GRPO: as many tokens as a step of pretraining."""
CLOSED_BOOK_KINDS = ("fact", "unknown_entity", "missing_attribute")
"""Prompts that can be answered without tools."""


def open_model(folder: Path, runtime: Runtime) -> tuple[GPTMini, Tokenizer]:
    """A checkpoint with its tokenizer; sizes that disagree raise `InputError`."""
    model, tokenizer = load_model(folder, runtime.device, runtime.dtype), load_tokenizer(folder / "tokenizer.json")
    if model.vocab_size != tokenizer.vocab_size:
        raise InputError(folder, f"the {tokenizer.vocab_size} tokens of its tokenizer", model.vocab_size, "dvc repro")
    return model, tokenizer


def train_reward_model(
    run: Stage[Any], rows: Sequence[Row], model: GPTMini, tokenizer: Tokenizer, config: RewardConfig, runtime: Runtime,
    out: Path, curve: str, records: str,
) -> None:  # fmt: skip
    """Bradley-Terry on the training pairs, and the card of the reward model on the others."""
    torch.manual_seed(runtime.seed)
    rewarder = reward_model_from(model)
    trained, held_out = split_rows(rows, config.held_out)
    if trained and held_out:
        spoken = ([without_reasoning(row) for row in part] for part in (trained, held_out))
        seen = [with_reference_answers(part, model, tokenizer) if config.guided else part for part in spoken]
        learnt, pairs = (encoded(part, tokenizer, model) for part in seen)
        result = train_on_pairs(rewarder, learnt, config, RewardObjective(config), run.work, runtime.seed)
        found = reward_records(held_out, score_pairs(rewarder, pairs, SCORED_AT_ONCE).tolist(), config.flips)
        _finish(run, rewarder, tokenizer, out, runtime, reward_metrics(found, runtime.seed), curve_facts(result))
        result.curve.write(curve)
    else:
        found = []
        _hand_on(run, rewarder, tokenizer, out, curve, runtime, (*COLUMNS, *REWARD_COLUMNS))
    write_jsonl(records, found)


def train_dpo(
    run: Stage[Any], rows: Sequence[Row], model: GPTMini, tokenizer: Tokenizer, config: DPOConfig, runtime: Runtime,
    out: Path, curve: str,
) -> None:  # fmt: skip
    """DPO away from `model` as it comes, which is the reference; accuracy and margins on the held-out pairs."""
    trained, held_out = split_rows(rows, config.held_out)
    if not (trained and held_out):
        return _hand_on(run, model, tokenizer, out, curve, runtime, (*COLUMNS, *DPO_COLUMNS))
    pairs = refer_used(encoded(trained, tokenizer, model), model, model, config, runtime.seed, SCORED_AT_ONCE)
    others = refer(encoded(held_out, tokenizer, model), model, model, SCORED_AT_ONCE)
    result = train_on_pairs(model, pairs, config, DPOObjective(config), run.work, runtime.seed)
    logps = answer_logps(model, others, SCORED_AT_ONCE).view(-1, 2)
    change = logps - torch.tensor([pair.reference for pair in others])
    topics = [topic(row) for row in held_out]
    margins = (config.beta * (change[:, 0] - change[:, 1])).tolist()
    metrics = {
        "accuracy": clustered_proportion([margin > 0 for margin in margins], topics),
        "margin": clustered_mean(margins, topics, runtime.seed),
        "chosen_logp_change": clustered_mean(change[:, 0].tolist(), topics, runtime.seed),
        "rejected_logp_change": clustered_mean(change[:, 1].tolist(), topics, runtime.seed),
    }
    _finish(run, model, tokenizer, out, runtime, metrics, curve_facts(result))
    result.curve.write(curve)


def train_grpo(
    run: Stage[Any], prompts: Path, model: GPTMini, reference: GPTMini, tokenizer: Tokenizer, config: GRPOConfig,
    runtime: Runtime, out: Path, curve: str, older: Path | None = None,
) -> None:  # fmt: skip
    """GRPO on the closed-book prompts, scored by the fact checker, near `reference`; `older`: tokens to replay."""
    records = [row for row in read_prompts(prompts) if row["kind"] in CLOSED_BOOK_KINDS]
    if not records:
        return _hand_on(run, model, tokenizer, out, curve, runtime, GRPO_COLUMNS)
    stream = open_stream(TokenFile.open(older), REPLAY_CONTEXT, REPLAY_ROWS, runtime.seed) if older else None
    loop = GRPOLoop(model, reference, tokenizer, records, verifiable_reward, config, run.work, runtime.seed, stream)
    found = loop.run()
    rows = [row["reward"] for row in found.rows]
    half = max(1, len(rows) // 2)
    metrics = {
        name: clustered_mean(part, range(len(part)), runtime.seed)
        for name, part in (("reward_first_half", rows[:half]), ("reward_last_half", rows[-half:]))
    }
    facts = {"tokens": loop.tokens, "train_seconds": loop.seconds, "steps": len(rows)}
    _finish(run, model, tokenizer, out, runtime, metrics, facts)
    found.write(curve)


def verifiable_reward(record: Record, answer: str) -> float:
    """The gold rules, which look facts and form up in a table: nothing of this reward is learnt."""
    return gold_reward(record, answer).total


def read_prompts(path: Path) -> list[Record]:
    """The rows of rl_prompts.jsonl; none where the data has none."""
    return list(read_jsonl(path)) if path.stat().st_size else []


def encoded(rows: Sequence[Row], tokenizer: Tokenizer, model: GPTMini) -> list[Pair]:
    """Pairs as ids; one that the model's context cannot hold raises `InputError`."""
    return [encode_pair(row, tokenizer, model.config.context) for row in rows]


def _finish(
    run: Stage[Any], model: GPTMini, tokenizer: Tokenizer, out: Path, runtime: Runtime, metrics: dict[str, Any],
    facts: dict[str, Any],
) -> None:  # fmt: skip
    save_model(model, out)
    tokenizer.save(out / "tokenizer.json")
    run.report(
        metrics, **facts, peak_rss_mb=peak_rss_mb(), params=model.parameter_count(),
        weights_sha256=weights_sha256(model), **runtime.facts(),
    )  # fmt: skip


def _hand_on(
    run: Stage[Any], model: GPTMini, tokenizer: Tokenizer, out: Path, curve: str, runtime: Runtime,
    columns: tuple[str, ...],
) -> None:  # fmt: skip
    """Nothing to learn from: the same weights, an empty curve."""
    _finish(run, model, tokenizer, out, runtime, {}, {"steps": 0})
    Curve(columns).write(curve)
