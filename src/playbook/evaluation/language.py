"""Language-model quality as measurements: nats per token and bits per byte, bootstrapped over windows or documents.

Bits per byte compares models of different vocabularies, nats per token does not. Knows sums of losses, not models.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from playbook.evaluation.statistics import ratio_of_sums
from playbook.plumbing.metrics import Measurement


def language_metrics(nats: ArrayLike, tokens: ArrayLike, total_bytes: int, seed: int) -> dict[str, Measurement]:
    """`val_loss` (nats per token), `val_perplexity`, `val_bits_per_byte`.

    nats[i]: summed loss of chunk i; tokens[i]: tokens it was summed over; total_bytes: UTF-8 bytes of text that all
    the tokens stand for. n counts chunks, which are taken for independent; windows of one running text are so only
    nearly, hence its interval is a little too narrow.
    """
    loss = ratio_of_sums(nats, tokens, seed)
    tokens_per_byte = float(np.sum(np.asarray(tokens, dtype=np.float64))) / total_bytes
    return {
        "val_loss": loss,
        "val_perplexity": _through(math.exp, loss),
        "val_bits_per_byte": _through(lambda nats_per_token: nats_per_token / math.log(2) * tokens_per_byte, loss),
    }


def _through(rising: Callable[[float], float], measured: Measurement) -> Measurement:
    """A rising function of a measured quantity: its quantiles are the function of the quantiles."""
    low, high = measured.ci95
    return Measurement(rising(measured.value), (rising(low), rising(high)), measured.n)
