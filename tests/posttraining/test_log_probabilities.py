"""Log-probabilities of completions: closed forms, the model's own, and who is never taught."""

import inspect
import math
from typing import Any

import pytest
import torch
from toy import BATCH, TIME, VOCAB

from playbook.model.gpt import GPTMini
from playbook.plumbing.errors import InputError
from playbook.posttraining.log_probabilities import completion_logps, mean_logps
from playbook.text.chat import encode_chat
from playbook.text.special_tokens import END, PAD_ID
from playbook.text.tokenizer import CharTokenizer

CHAT: list[dict[str, Any]] = [
    {"role": "user", "content": "Who?"},
    {"role": "assistant", "tool_call": {"name": "search", "query": "Ada"}},
    {"role": "tool", "content": "Ada: no"},
    {"role": "assistant", "content": "no"},
]


def test_uniform_logits_cost_ln_vocab_a_token() -> None:
    weights = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    logps = completion_logps(torch.zeros(2, 3, 7), torch.zeros(2, 3, dtype=torch.long), weights)
    torch.testing.assert_close(logps, torch.tensor([-2 * math.log(7), 0.0]))


def test_a_models_completion_is_the_product_of_its_next_token_probabilities(tiny: GPTMini) -> None:
    ids = torch.randint(VOCAB, (BATCH, TIME + 1))
    weights = torch.zeros(BATCH, TIME)
    weights[:, 4:] = 1
    weights[1, 9:] = 0
    with torch.no_grad():
        logps = completion_logps(tiny(ids[:, :-1]), ids[:, 1:], weights)
        for row, last in enumerate((TIME, 9, TIME)):
            product = 1.0
            for t in range(4, last):  # one prefix at a time
                probabilities = tiny(ids[row : row + 1, : t + 1])[0, -1].double().softmax(-1)
                product *= probabilities[ids[row, t + 1]].item()
            assert logps[row].item() == pytest.approx(math.log(product), abs=1e-4)


def test_prompts_and_tool_results_get_no_gradient_and_end_does() -> None:
    tokenizer = CharTokenizer("Who? Ada: no")
    encoded = encode_chat(CHAT, tokenizer)
    targets, weights = torch.tensor([encoded.ids[1:]]), torch.tensor([encoded.loss_mask[1:]]).float()
    logits = torch.randn(1, targets.size(1), tokenizer.vocab_size, requires_grad=True)
    (gradient,) = torch.autograd.grad(completion_logps(logits, targets, weights).sum(), logits)
    taught = gradient[0].abs().amax(-1) > 0
    assert taught.tolist() == encoded.loss_mask[1:]
    assert taught[targets[0] == tokenizer.id_of(END)].tolist() == [False, True, False, True]  # the assistant's alone


def test_pad_is_not_end_and_changes_nothing() -> None:
    """With one token for both, whoever masks padding would also mask the end, and no model would learn to stop."""
    tokenizer = CharTokenizer("no")
    assert tokenizer.id_of(END) != PAD_ID
    logits, end = torch.randn(1, 5, tokenizer.vocab_size), tokenizer.id_of(END)
    padded = torch.tensor([[*tokenizer.encode("no"), end, PAD_ID, PAD_ID]])
    with_padding = completion_logps(logits, padded, (padded != PAD_ID).float())
    torch.testing.assert_close(with_padding, completion_logps(logits[:, :3], padded[:, :3], torch.ones(1, 3)))
    without_end = completion_logps(logits[:, :2], padded[:, :2], torch.ones(1, 2))
    torch.testing.assert_close(with_padding - without_end, logits.log_softmax(-1)[:, 2, end])


def test_mean_logps_refuse_an_empty_completion() -> None:
    torch.testing.assert_close(mean_logps(torch.tensor([-6.0]), torch.tensor([3.0])), torch.tensor([-2.0]))
    with pytest.raises(InputError, match="at least one token"):
        mean_logps(torch.zeros(2), torch.tensor([3.0, 0.0]))


def test_unequal_shapes_are_refused_in_a_run_too() -> None:
    """Under test the signatures are checked; `unwrap` takes that away, as in a run."""
    with pytest.raises(InputError, match="weights \\[3, 1\\]"):
        inspect.unwrap(completion_logps)(torch.zeros(3, 2, 5), torch.zeros(3, 2).long(), torch.ones(3, 1))
    with pytest.raises(InputError, match="equal shapes"):
        inspect.unwrap(mean_logps)(torch.zeros(3), torch.ones(3, 1))
