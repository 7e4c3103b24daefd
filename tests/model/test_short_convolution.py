"""A token takes in those before it that attention may see, each entry by its own weight, and no other."""

import pytest
import torch
from torch.nn.functional import conv1d
from toy import VOCAB, WIDTH, randomised

from playbook.model.attention import causal_mask
from playbook.model.gpt import GPTMini, ModelConfig
from playbook.model.short_convolution import ShortConvolution, visible
from playbook.plumbing.errors import InputError


def test_it_equals_a_depthwise_convolution() -> None:
    layer, x = ShortConvolution(WIDTH, 3), torch.randn(2, 9, WIDTH)
    layer.initialise()
    kernel = torch.cat([layer.weight.detach().flip(0)[:, 0], torch.ones(1, WIDTH)]).T[:, None]  # the token itself last
    padded = torch.nn.functional.pad(x.transpose(1, 2), (3, 0))
    expected = conv1d(padded, kernel, groups=WIDTH).transpose(1, 2)
    torch.testing.assert_close(layer(x, causal_mask(9, 9)), expected, atol=1e-5, rtol=1e-5)


def test_what_may_be_seen_is_read_off_the_mask() -> None:
    documents = torch.tensor([[0, 0, 1, 1, 1]])
    mask = causal_mask(5, 5) & (documents[:, :, None] == documents[:, None, :])
    assert visible(mask, 1).tolist() == [[False, True, False, True, True]]
    assert visible(mask, 2).tolist() == [[False, False, False, False, True]]
    assert visible(mask, 7).tolist() == [[False] * 5]
    assert visible(causal_mask(1, 5), 4).tolist() == [[True]]  # one new token over a cache of four


def test_documents_packed_into_a_row_do_not_touch() -> None:
    model = randomised(GPTMini(ModelConfig(16, 2, WIDTH, 2, convolution=3), VOCAB))
    ids = torch.randint(VOCAB, (1, 9))
    packed = model(ids, torch.tensor([[0] * 4 + [1] * 5]))
    torch.testing.assert_close(packed[:, :4], model(ids[:, :4]), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(packed[:, 4:], model(ids[:, 4:]), atol=1e-5, rtol=1e-4)


def test_its_gradient_is_the_one_of_finite_differences() -> None:
    layer = ShortConvolution(3, 2).double()
    layer.initialise()
    documents = torch.tensor([[0, 0, 0, 1, 1], [0, 1, 1, 1, 1]])
    mask = causal_mask(5, 5) & (documents[:, :, None] == documents[:, None, :])
    x = torch.randn(2, 5, 3, dtype=torch.double, requires_grad=True)

    def taken_in(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = torch.func.functional_call(layer, {"weight": weight}, (x, mask))
        return found

    assert torch.autograd.gradcheck(taken_in, (x, layer.weight.detach().requires_grad_()))


def test_a_reach_below_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="convolution"):
        ModelConfig(convolution=-1)
