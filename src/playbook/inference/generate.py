"""Generation: many prompts of unequal length at once, over a KV cache.

Knows nothing of text: ids in, ids out. A row that has met a stop token leaves the batch.
"""

from collections.abc import Sequence

import torch

from playbook.inference.sampling import SamplingConfig, sample
from playbook.model.gpt import GPTMini


@torch.inference_mode()
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
    answers: list[list[int]] = [[] for _ in prompts]
    running = torch.ones(len(prompts), dtype=torch.bool, device=device)
    for step in range(max_new_tokens):
        hidden = model.hidden(ids, cache=cache)[:, -1:]
        token = sample(model.head(hidden)[:, 0].float(), config, generator)
        running &= ~torch.isin(token, stops)
        for row in running.nonzero()[:, 0].tolist():
            answers[row].append(int(token[row]))
        if step + 1 == max_new_tokens or not running.any():
            break
        ids = token[:, None]
    return answers
