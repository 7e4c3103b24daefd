"""Generation: many prompts of unequal length at once, over a KV cache.

Knows nothing of text: ids in, ids out. A row that has met a stop token leaves the batch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from playbook.inference.sampling import SamplingConfig, sample
from playbook.model.gpt import GPTMini

Allow = Callable[[Sequence[Sequence[int]], int], Tensor]
"""(what each row has written, how many tokens each may still write) -> bool (batch, vocab): what may come next."""


@dataclass
class Written:
    """What a row wrote, the stop token left out."""

    ids: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    """Of each token under the model's own distribution (temperature 1), that of the stop token last if there is one."""
    stopped: bool = False
    """It ended by itself, within `max_new_tokens`."""


def generate(
    model: GPTMini,
    prompts: Sequence[Sequence[int]],
    config: SamplingConfig,
    stop: Sequence[int] = (),
    max_new_tokens: int = 32,
    generator: torch.Generator | None = None,
) -> list[list[int]]:
    """Continue each prompt until a token of `stop` (left out of the answer) or `max_new_tokens`.

    Prompts are padded on the left so that all end together; a row's answer does not depend on its neighbours, beyond
    rounding. An empty prompt raises ValueError.
    """
    return [row.ids for row in write(model, prompts, config, stop, max_new_tokens, generator, scored=False)]


@torch.inference_mode()
def write(
    model: GPTMini,
    prompts: Sequence[Sequence[int]],
    config: SamplingConfig,
    stop: Sequence[int] = (),
    max_new_tokens: int = 32,
    generator: torch.Generator | None = None,
    allow: Allow | None = None,
    watch: Callable[[int, int], None] | None = None,
    scored: bool = True,
) -> list[Written]:
    """The same, with how likely each token was; `allow` says what may come next, `watch` sees (row, token) at once."""
    if not prompts:
        return []
    if min(map(len, prompts)) == 0:
        raise ValueError("an empty prompt: begin with at least one token")
    device = model.token_embedding.weight.device
    longest = max(map(len, prompts))
    padding = torch.tensor([longest - len(prompt) for prompt in prompts], device=device)
    ids = torch.tensor([[0] * (longest - len(prompt)) + list(prompt) for prompt in prompts], device=device)
    cache = model.new_cache(padding, longest + max_new_tokens)
    stops = torch.tensor(list(stop), device=device, dtype=torch.long)
    rows = [Written() for _ in prompts]
    running = torch.ones(len(prompts), dtype=torch.bool, device=device)
    for step in range(max_new_tokens):
        hidden = model.hidden(ids, cache=cache)[:, -1:]
        logits = model.head(hidden)[:, 0].float()
        scores = logits.log_softmax(-1) if scored else logits
        if allow is not None:
            allowed = allow([row.ids for row in rows], max_new_tokens - step)
            logits = logits.masked_fill(~allowed.to(device), -torch.inf)
        token = sample(logits, config, generator)
        likely = scores.gather(1, token[:, None])[:, 0].tolist() if scored else []
        ended = torch.isin(token, stops)
        for row in running.nonzero()[:, 0].tolist():
            if scored:
                rows[row].log_probabilities.append(likely[row])
            if ended[row]:
                rows[row].stopped = True
                continue
            rows[row].ids.append(int(token[row]))
            if watch is not None:
                watch(row, int(token[row]))
        running &= ~ended
        if step + 1 == max_new_tokens or not running.any():
            break
        ids = token[:, None]
    return rows
