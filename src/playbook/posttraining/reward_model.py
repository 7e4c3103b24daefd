"""The reward model: the fine-tuned model with one number for a head instead of a vocabulary.

The reward of an answer is read at its END, the first token from which all of it can be seen; so END must never look
like padding. The rest of the model is the language model's own, because what it knows decides which answer is right.
Stiennon et al., arXiv 2009.01325, section 3.4; InstructGPT, arXiv 2203.02155, section 3.5.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from playbook.model.gpt import GPTMini, ModelConfig
from playbook.model.linear import Linear
from playbook.posttraining.pairs import Pair, scored


class RewardModel(GPTMini):
    """A GPTMini whose head gives one number."""

    def __init__(self, config: ModelConfig, vocab_size: int, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(replace(config.resolve(), tie_embeddings=False), vocab_size, dtype)
        self.head = Linear(self.config.width, 1, bias=False)
        self.head.initialise(0.0)

    def rewards(self, inputs: Int[Tensor, "batch time"], ends: Int[Tensor, " batch"]) -> Float[Tensor, " batch"]:
        """The reward of each row, read at its END. Rows may be padded on the right."""
        at_end = self.hidden(inputs, at=ends)[:, 0]
        rewards: Tensor = self.head(at_end.float())[:, 0]  # in bfloat16 near rewards would be equal ones
        return rewards


def reward_model_from(model: GPTMini) -> RewardModel:
    """The weights of a language model under a new head of zeros: every answer is worth 0 at first."""
    fresh = RewardModel(model.config, model.vocab_size, model.dtype)
    body = {name: tensor for name, tensor in model.state_dict().items() if not name.startswith("head.")}
    fresh.load_state_dict({**body, "head.weight": fresh.head.weight})
    return fresh.to(model.token_embedding.weight.device)


@torch.inference_mode()
def score_pairs(model: RewardModel, pairs: Sequence[Pair], batch: int) -> Float[Tensor, "pairs 2"]:
    """The rewards of both answers of each pair, on the CPU."""
    device = model.token_embedding.weight.device
    return scored(pairs, batch, lambda b: model.rewards(b.inputs.to(device), b.ends.to(device)))
