"""Generation: many prompts of unequal length at once, over a KV cache.

Knows nothing of text: ids in, ids out. Rows that have met a stop token leave the batch, half of it at a time.
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
    last = torch.full((len(prompts),), longest - 1, device=device)
    stops = torch.tensor(list(stop), device=device, dtype=torch.long)
    rows = [Written() for _ in prompts]
    alive = list(range(len(prompts)))
    """The rows that are computed: some may have ended already."""
    for step in range(max_new_tokens):
        hidden = model.hidden(ids, cache=cache, at=None if step else last)
        logits = model.head(hidden)[:, 0].float()
        scores = logits.log_softmax(-1) if scored else logits
        if allow is not None:
            allowed = allow([row.ids for row in rows], max_new_tokens - step)[alive]
            logits = logits.masked_fill(~allowed.to(device), -torch.inf)
        token = sample(logits, config, generator)
        likely = scores.gather(1, token[:, None])[:, 0].tolist() if scored else []
        ends = torch.isin(token, stops).tolist()
        for place, (row, new, ended) in enumerate(zip(alive, token.tolist(), ends, strict=True)):
            if rows[row].stopped:
                continue
            if scored:
                rows[row].log_probabilities.append(likely[place])
            if ended:
                rows[row].stopped = True
                continue
            rows[row].ids.append(new)
            if watch is not None:
                watch(row, new)
        going = [place for place, row in enumerate(alive) if not rows[row].stopped]
        if not going:
            break
        if len(going) <= len(alive) // 2:
            cache.keep(torch.tensor(going, device=device))
            token, alive = token[going], [alive[place] for place in going]
        ids = token[:, None]
    return rows
