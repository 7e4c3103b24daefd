"""Continuations of held-out text, as records: how a model writes, after training and on the way there.

Prompts are cut from the validation tokens at even distances; the text that really follows is kept beside the model's.
"""

from typing import Any

import numpy as np
import torch

from playbook.data.token_file import TokenFile
from playbook.inference.generate import generate
from playbook.inference.sampling import SamplingConfig
from playbook.model.gpt import GPTMini
from playbook.text.special_tokens import END
from playbook.text.tokenizer import Tokenizer

SAMPLING = SamplingConfig(temperature=1.0)  # the model's own distribution: greedy text runs in circles


def continue_texts(
    model: GPTMini, tokenizer: Tokenizer, file: TokenFile, count: int, seed: int
) -> list[dict[str, Any]]:
    """`count` records {id, prompt, answer, gold, tokens}: half a context of prompt, at most half a context of answer.

    Where the file has fewer tokens than `count` such pairs need, the pairs overlap.
    """
    half = max(1, min(model.config.context, file.header.tokens) // 2)
    starts = np.linspace(0, file.header.tokens - 2 * half, count).astype(int).tolist()
    prompts = [file.ids[start : start + half].tolist() for start in starts]
    stop = [tokenizer.id_of(END)] if tokenizer.has_specials else []
    generator = torch.Generator(model.token_embedding.weight.device).manual_seed(seed)
    answers = generate(model, prompts, SAMPLING, stop, half, generator)
    return [
        {
            "id": f"text-{number:03d}",
            "prompt": tokenizer.decode(prompts[number]),
            "answer": tokenizer.decode(answers[number]),
            "gold": tokenizer.decode(file.ids[start + half : start + 2 * half].tolist()),
            "tokens": len(answers[number]),
        }
        for number, start in enumerate(starts)
    ]


def continue_openings(
    model: GPTMini, tokenizer: Tokenizer, file: TokenFile, count: int, seed: int
) -> list[dict[str, Any]]:
    """The first eight tokens of `count` held-out documents, and up to forty that the model writes after them.

    Records {prompt, answer}. The same seed draws the same way each time, so that what differs is the model.
    """
    starts = file.starts[np.linspace(0, len(file.starts) - 1, count).astype(int)].tolist()
    prompts = [file.ids[start : start + 8].tolist() for start in starts]
    stop = [tokenizer.id_of(END)] if tokenizer.has_specials else []
    generator = torch.Generator(model.token_embedding.weight.device).manual_seed(seed)
    answers = generate(model, prompts, SAMPLING, stop, min(40, model.config.context - 8), generator)
    pairs = zip(prompts, answers, strict=True)
    return [{"prompt": tokenizer.decode(prompt), "answer": tokenizer.decode(answer)} for prompt, answer in pairs]
