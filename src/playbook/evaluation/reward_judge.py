"""Our reward model as a judge: the answer with the larger reward wins. All answers are scored at once, beforehand."""

from collections.abc import Sequence
from pathlib import Path

from playbook.data.world.turns import assistant, user
from playbook.evaluation.judge import Duel, Judge, score_judge
from playbook.model.checkpoint import load_weights
from playbook.model.gpt import GPTMini, ModelConfig
from playbook.plumbing.config import build
from playbook.plumbing.files import read_json
from playbook.posttraining.pairs import encode_pair
from playbook.posttraining.reference_answers import with_reference_answers
from playbook.posttraining.reward_model import RewardModel, score_pairs
from playbook.text.tokenizer import Tokenizer, load_tokenizer

BATCH = 64


def open_reward_model(folder: Path) -> tuple[RewardModel, Tokenizer]:
    """A trained reward model with its tokenizer."""
    config = read_json(folder / "config.json", "dvc repro reward")
    shape = build(ModelConfig, config["model"], str(folder / "config.json"))
    model = RewardModel(shape, config["vocab_size"])
    load_weights(model, folder / "model.safetensors")
    return model.eval(), load_tokenizer(folder / "tokenizer.json")


def reward_judge(
    name: str, model: RewardModel, tokenizer: Tokenizer, duels: Sequence[Duel], answerer: GPTMini | None = None
) -> Judge:
    """A judge of these duels (another one is a KeyError: it has no reward yet).

    `answerer`: whose own answers a reward model that was trained so is shown.
    """
    rows = [
        {
            "prompt": [user(duel.question)],
            "chosen": [assistant(duel.one)],
            "rejected": [assistant(duel.two)],
        }
        for duel in duels
    ]
    if answerer is not None:
        rows = with_reference_answers(rows, answerer, tokenizer)
    pairs = [encode_pair(row, tokenizer, model.config.context) for row in rows]
    rewards = score_pairs(model, pairs, BATCH).tolist()
    known = {
        (duel.id, text): reward
        for duel, both in zip(duels, rewards, strict=True)
        for text, reward in zip((duel.one, duel.two), both, strict=True)
    }
    return score_judge(name, lambda duel, answer: known[duel.id, answer])
