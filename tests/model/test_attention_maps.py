import torch

from playbook.model.attention import MultiHeadAttention
from playbook.model.attention_maps import attention_maps
from playbook.model.gpt import GPTMini, ModelConfig

IDS = [3, 1, 4, 1, 5]


def model(kv_heads: int | None = None) -> GPTMini:
    torch.manual_seed(0)
    made = GPTMini(ModelConfig(context=8, layers=2, width=12, heads=3, kv_heads=kv_heads, zero_init=False), 11)
    return made.eval()


def attention(made: GPTMini) -> list[MultiHeadAttention]:
    return [module for module in made.modules() if isinstance(module, MultiHeadAttention)]


def test_every_query_spreads_one_over_the_keys_up_to_itself() -> None:
    for kv_heads in (None, 1):
        maps = attention_maps(model(kv_heads), IDS)
        assert maps.shape == (2, 3, 5, 5)
        torch.testing.assert_close(maps.sum(-1), torch.ones(2, 3, 5))
        assert torch.equal(maps, maps.tril())


@torch.no_grad()
def test_they_are_the_weights_that_the_layer_uses() -> None:
    made = model()
    layer = attention(made)[0]
    given: list[torch.Tensor] = []
    hook = layer.register_forward_hook(lambda _, args, out: given.extend((args[0], args[2][0], args[2][1], out)))
    made(torch.tensor([IDS]))
    hook.remove()
    x, cos, sin, out = given
    values = layer.queries_keys_values(x, (cos, sin))[2]
    mixed = attention_maps(made, IDS)[0][None] @ values
    torch.testing.assert_close(layer.project_out(mixed.transpose(1, 2).flatten(2)), out)


def test_it_leaves_no_hook_behind() -> None:
    made = model()
    attention_maps(made, IDS)
    assert not any(layer._forward_pre_hooks for layer in attention(made))
