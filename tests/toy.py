"""The toy model of the tests. Every axis has a size of its own, so that a swapped axis cannot pass."""

import torch

from playbook.model.gpt import GPTMini

VOCAB, BATCH, TIME, WIDTH, HEADS, LAYERS = 23, 3, 11, 28, 2, 2


def randomised(model: GPTMini) -> GPTMini:
    """Give every weight a random value large enough to matter: zero-initialised projections would hide mistakes."""
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(std=0.3)
    return model.eval()
