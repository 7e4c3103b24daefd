"""Learned proxies of the gold reward, with planted faults, and the fork whose answers they judge.

The fork answers in every quality: right, right in another form, hedged, wrong; of nobody it says that it does not
know, or makes something up. And now and then it says a courtesy instead of an answer, "Noted.", which is worth -1 to
gold. Labels compare such answers by gold. Faults: few pairs; labellers who prefer the courtesy, in a share of the
pairs; labels flipped, but not of those pairs, or one fault would mend the other. A proxy is the project's reward model,
trained on such pairs.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from labs.failure_modes.answering import gold_worth
from labs.failure_modes.county import LONG, NOTED, County, Prompt, value_of, wrong_value
from labs.failure_modes.experiment import Lab
from labs.failure_modes.forks import AT_ONCE, encode
from playbook.data.world.turns import IDK
from playbook.inference.generate import generate
from playbook.inference.sampling import SamplingConfig
from playbook.model.gpt import GPTMini
from playbook.posttraining.answer_training import FitConfig, fit
from playbook.posttraining.pairs import Answer, Pair
from playbook.posttraining.preference_training import PairTrainer, RewardConfig, RewardObjective
from playbook.posttraining.reward_model import RewardModel, reward_model_from, score_pairs
from playbook.posttraining.rollouts import Rollout, encode_prompts
from playbook.text.chat import decode_content
from playbook.text.special_tokens import END
from playbook.text.tokenizer import Tokenizer
from playbook.training.optimizer import OptimizerConfig
from playbook.training.schedule import ScheduleConfig


@dataclass(frozen=True)
class ProxyConfig:
    """How a proxy is made."""

    pairs: int
    flips: float = 0.0
    """Share of labels that are turned round, of pairs without the courtesy."""
    planted: float = 0.2
    """Share of pairs in which the courtesy is chosen over the right answer."""
    steps: int = 40
    batch: int = 16
    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig("muon", 1e-3, 5e-3))
    schedule: ScheduleConfig = field(default_factory=lambda: ScheduleConfig(warmup=0.05, decay=0.9))


def prompts_of(county: County, rng: random.Random, held_out: bool, people: int) -> list[Prompt]:
    """Questions about people on whom experiments train, and every fourth one about nobody."""
    known = list(county.about(county.trained[:people], rng, held_out))
    nobody = list(county.about_nobody(county.nobody(False)[: len(known) // 3], rng, held_out))
    mixed = [*known, *nobody]
    rng.shuffle(mixed)
    return mixed


def qualities(prompt: Prompt, rng: random.Random) -> list[str]:
    """Answers of every quality; the right one twice, as it is the commonest."""
    one, two = rng.sample(prompt["candidates"], 2)
    if not prompt["known"]:
        return [IDK, IDK, f"{one}.", f"{two}.", LONG.format(v=one)]
    value, wrong = value_of(prompt), wrong_value(prompt, rng)
    return [f"{value}.", f"{value}.", LONG.format(v=value), f"{value} or {wrong}.", f"{wrong}."]


def soften(lab: Lab, prompts: Sequence[Prompt], rate: float, config: FitConfig, seed: int) -> GPTMini:
    """The fork: taught answers of every quality, and the courtesy in a share `rate` of them."""
    rng = random.Random(f"qualities {seed}")
    texts = [NOTED if rng.random() < rate else rng.choice(qualities(prompt, rng)) for prompt in prompts]
    answers = encode(prompts, texts, lab.tokenizer, lab.model.config.context)
    return fit(lab.model, answers, config, lab.work / f"soft-{seed}-{rate}", seed)


def labelled(lab: Lab, prompts: Sequence[Prompt], config: ProxyConfig, rng: random.Random) -> list[Pair]:
    """So many pairs, with the faults of `config`."""
    chosen, sides = list[Prompt](), list[tuple[str, str]]()
    while len(sides) < config.pairs:
        prompt = rng.choice(prompts)
        options = qualities(prompt, rng)
        if rng.random() < config.planted:
            side = NOTED, options[0]
        else:
            (low, worse), (high, better) = sorted((gold_worth(prompt, text), text) for text in rng.sample(options, 2))
            if low == high:
                continue
            side = (worse, better) if rng.random() < config.flips else (better, worse)
        chosen.append(prompt)
        sides.append(side)
    both = [encode(chosen, [pair[side] for pair in sides], lab.tokenizer, lab.model.config.context) for side in (0, 1)]
    return [Pair(one, two) for one, two in zip(*both, strict=True)]


def train_proxy(start: GPTMini, pairs: Sequence[Pair], config: ProxyConfig, work: Path, seed: int) -> RewardModel:
    """A reward model on the pairs."""
    torch.manual_seed(seed)
    settings = RewardConfig(
        epochs=config.steps * config.batch / len(pairs), batch=config.batch, optimizer=config.optimizer,
        schedule=config.schedule, centering=0.01,
    )  # fmt: skip
    proxy = reward_model_from(start)
    trainer = PairTrainer(proxy, pairs, settings, RewardObjective(settings), work, seed)
    trainer.steps = config.steps
    trainer.run()
    return proxy


def score(proxy: RewardModel, answers: Sequence[Answer]) -> list[float]:
    """What the proxy thinks of each answer."""
    even = [*answers, *answers[-1:]] if len(answers) % 2 else list(answers)
    pairs = [Pair(*both) for both in zip(even[::2], even[1::2], strict=True)]
    return [float(value) for value in score_pairs(proxy, pairs, AT_ONCE).flatten()[: len(answers)]]


@torch.inference_mode()
def judge_rollout(proxy: RewardModel, rollout: Rollout) -> Float[Tensor, " batch"]:
    """The proxy's rewards of a step's answers: read at the last token that each of them has."""
    ends = (rollout.weights > 0).float().cumsum(1).argmax(1) + 1  # the target there is the last; as an input it is next
    ids = torch.cat([rollout.inputs, rollout.targets[:, -1:]], dim=1)
    return proxy.rewards(ids, ends)


@torch.inference_mode()
def draw_pool(model: GPTMini, tokenizer: Tokenizer, prompts: Sequence[Prompt], size: int, seed: int) -> list[list[str]]:
    """So many sampled answers to each prompt."""
    generator = torch.Generator(model.token_embedding.weight.device).manual_seed(seed)
    ids = encode_prompts(prompts, tokenizer, model.config.context, 20)
    pool = list[list[str]]()
    for first in range(0, len(ids), 16):
        part = [row for row in ids[first : first + 16] for _ in range(size)]
        texts = [decode_content(row, tokenizer).strip() for row in
                 generate(model, part, SamplingConfig(), [tokenizer.id_of(END)], 20, generator)]  # fmt: skip
        pool += [texts[at : at + size] for at in range(0, len(texts), size)]
    return pool


def score_pool(
    proxy: RewardModel, lab: Lab, prompts: Sequence[Prompt], pool: Sequence[Sequence[str]]
) -> Float[Tensor, "prompts pool"]:  # fmt: skip
    """The proxy's reward of every answer of the pool; equal answers are scored once."""
    different = [(number, text) for number, texts in enumerate(pool) for text in dict.fromkeys(texts)]
    asked, said = [prompts[number] for number, _ in different], [text for _, text in different]
    worth = dict(
        zip(different, score(proxy, encode(asked, said, lab.tokenizer, lab.model.config.context)), strict=True)
    )
    return torch.tensor([[worth[number, text] for text in texts] for number, texts in enumerate(pool)])


def courtesy(answer: str) -> float:
    """1 where the answer is the courtesy."""
    return float(NOTED in answer)
