"""Episodes of the search loop as rollouts of GRPO: sampled turn by turn, scored at the end, taught on their own words.

An episode is one row: all its turns, as the model read them. Weights are 1 on what the policy wrote (reasoning, calls,
answers, END) and 0 on prompts and on what the tools gave back: retrieved text is not the policy's, and a gradient on it
would teach the model to write documents (Search-R1, Jin et al., arXiv 2503.09516, section 3.1). A turn that is read
again in other tokens than it was written in has weight 0, since the tokens of the row are not those that were sampled.

Joins `agent` (the loop) and `posttraining` (the algorithm), which know nothing of each other.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from playbook.agent.backends import GPTMiniBackend, Reply, Request, Unavailable
from playbook.agent.loop import Episode, run
from playbook.agent.trace import StopReason, Trace
from playbook.evaluation.agent_arms import is_right
from playbook.inference.generate import write
from playbook.inference.sampling import SamplingConfig
from playbook.model.gpt import GPTMini
from playbook.plumbing.errors import InputError
from playbook.posttraining.grpo_loop import GRPOConfig, GRPOLoop
from playbook.posttraining.rollouts import Rollout
from playbook.text.chat import encode_chat, encode_prompt
from playbook.text.special_tokens import END, PAD_ID
from playbook.text.tokenizer import Tokenizer

Task = Mapping[str, Any]
Turns = list[list[int]]
"""Ids of each turn that the policy wrote in an episode, END among them if it wrote one."""


@dataclass(frozen=True)
class SearchReward:
    """What an episode is worth: a right answer `right`, anything else nothing; minus the price of its calls."""

    right: float = 1.0
    call: float = 0.02
    """Price of a call; a tenth of an answer would make it cheaper not to look."""

    def __post_init__(self) -> None:
        if self.call < 0 or self.right <= 0:
            raise InputError("reward", "right above 0, call at least 0", self)

    def __call__(self, task: Task, trace: Trace) -> float:
        """Right is the gold answer, or "I don't know." where there is none; a malformed turn or call makes it 0."""
        if any(step.invalid for step in trace.steps) or trace.stop is not StopReason.ANSWERED:
            return 0.0
        return self.right * is_right(task, trace.answer) - self.call * len(trace.calls)


class Sampler:
    """A backend that samples (at temperature 1, to train on it) and keeps the very tokens, by conversation."""

    def __init__(
        self, model: GPTMini, tokenizer: Tokenizer, max_new_tokens: int, batch_size: int, generator: torch.Generator,
        temperature: float = 1.0,
    ) -> None:  # fmt: skip
        self.model, self.tokenizer, self.generator = model, tokenizer, generator
        self.sampling = SamplingConfig(temperature)
        self.max_new_tokens, self.batch_size = max_new_tokens, batch_size
        self.turns: dict[int, Turns] = {}
        """By the id of the list of messages, which an episode keeps from its beginning to its end."""
        self._reader = GPTMiniBackend(model, tokenizer, max_new_tokens)

    def complete(self, requests: Sequence[Request]) -> list[Reply | Unavailable]:
        """A sampled turn for each; a prompt that fills the model's context gets none."""
        prompts = [encode_prompt(request.messages, self.tokenizer) for request in requests]
        room = self.model.config.context - self.max_new_tokens
        fitting = sorted((i for i in range(len(prompts)) if len(prompts[i]) <= room), key=lambda i: len(prompts[i]))
        full = Unavailable(StopReason.CONTEXT, f"a prompt of more than {room} tokens")
        replies: list[Reply | Unavailable] = [full] * len(prompts)
        end = self.tokenizer.id_of(END)
        for start in range(0, len(fitting), self.batch_size):
            batch = fitting[start : start + self.batch_size]
            rows = write(
                self.model, [prompts[i] for i in batch], self.sampling, [end], self.max_new_tokens, self.generator
            )
            for i, row in zip(batch, rows, strict=True):
                self.turns.setdefault(id(requests[i].messages), []).append([*row.ids, *[end] * row.stopped])
                replies[i] = self._reader.reply(row)
        return replies


def encode_episode(
    messages: Sequence[Mapping[str, Any]], turns: Turns, tokenizer: Tokenizer, masked: bool = True
) -> tuple[list[int], list[float]]:
    """(ids, weights) of an episode: weights say which ids are taught. Not `masked`: what tools gave back, too.

    `turns` are the sampled ids of the assistant's messages, in order; the last one is taken as it was sampled.
    """
    ids, weights = encode_chat([], tokenizer).ids, [0.0]
    written = [i for i, message in enumerate(messages) if message["role"] == "assistant"]
    if len(written) != len(turns):
        raise ValueError(f"{len(written)} turns of the assistant, and {len(turns)} sampled")
    for number, message in enumerate(messages):
        marker, *words = encode_chat([message], tokenizer).ids[1:]
        taught = not masked and message["role"] == "tool"
        if message["role"] == "assistant":
            sampled = turns[written.index(number)]
            words = sampled if number == written[-1] else words
            taught = words == sampled
        ids += [marker, *words]
        weights += [0.0, *[float(taught)] * len(words)]
    return ids, weights


@dataclass
class Practice:
    """What an episode of training is made of."""

    episode: Callable[[Task], Episode]
    reward: Callable[[Task, Trace], float] = field(default_factory=SearchReward)
    masked: bool = True
    shuffled: bool = False
    """Rewards are dealt anew among all episodes of a step: a negative control, which can teach nothing."""
    batch_size: int = 64


class SearchLoop(GRPOLoop):
    """GRPO whose answers are whole episodes."""

    def __init__(
        self, model: GPTMini, reference: GPTMini, tokenizer: Tokenizer, tasks: Sequence[Task], practice: Practice,
        config: GRPOConfig, work: Path, seed: int,
    ) -> None:  # fmt: skip
        super().__init__(model, reference, tokenizer, tasks, lambda *_: 0.0, config, work, seed)
        self.practice = practice
        self.calls: list[float] = []
        """Mean calls of an episode, by step of this process."""

    def roll_out(self, chosen: Sequence[int]) -> Rollout:
        """A group of episodes for each task, all stepped together."""
        tasks = [self.records[i] for i in chosen for _ in range(self.config.group)]
        episodes = [self.practice.episode(task) for task in tasks]
        sampler = Sampler(
            self.model, self.tokenizer, self.config.max_new_tokens, self.practice.batch_size, self.generator
        )
        traces = run(episodes, sampler)
        self.calls.append(sum(len(trace.calls) for trace in traces) / len(traces))
        rewards = torch.tensor([self.practice.reward(task, trace) for task, trace in zip(tasks, traces, strict=True)])
        if self.practice.shuffled:
            order = torch.randperm(len(rewards), generator=self.generator, device=self.generator.device)
            rewards = rewards[order.cpu()]
        return rollout_of(episodes, sampler, self.tokenizer, rewards, self.practice.masked)


def rollout_of(
    episodes: Sequence[Episode], sampler: Sampler, tokenizer: Tokenizer, rewards: torch.Tensor, masked: bool
) -> Rollout:
    """The rows of these episodes, padded on the right."""
    rows = []
    for one in episodes:
        turns = sampler.turns.get(id(one.messages), [])
        said = one.messages if one.messages[-1]["role"] == "assistant" else one.messages[: _after_last(one.messages)]
        rows.append(encode_episode(said, turns, tokenizer, masked))
    width = max(len(ids) for ids, _ in rows)
    whole, weights = torch.full((len(rows), width), PAD_ID), torch.zeros(len(rows), width)
    for number, (ids, taught) in enumerate(rows):
        whole[number, : len(ids)] = torch.tensor(ids)
        weights[number, : len(ids)] = torch.tensor(taught)
    device = sampler.model.token_embedding.weight.device
    tokens = [sum(map(len, sampler.turns.get(id(one.messages), []))) for one in episodes]
    return Rollout(
        whole[:, :-1].contiguous().to(device), whole[:, 1:].contiguous().to(device), weights[:, 1:].to(device),
        rewards.to(device), [one.trace.answer for one in episodes], tokens,
        [one.trace.stop is StopReason.ANSWERED for one in episodes],
    )  # fmt: skip


def _after_last(messages: Sequence[Mapping[str, Any]]) -> int:
    """Where the last turn of the assistant ends: what came after it, nothing was written on."""
    return max((i + 1 for i, turn in enumerate(messages) if turn["role"] == "assistant"), default=len(messages))
