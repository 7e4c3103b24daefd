"""The study of throughput: what it lists as the products of a step is what the step multiplies, to the operation."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from labs.throughput.measure import Measure, Shape, measure, muon_products
from playbook.model.gpt import GPTMini
from playbook.plumbing.runtime import Runtime
from playbook.training.muon import Muon
from playbook.training.optimizer import OptimizerConfig, make_optimizers


def test_the_products_of_muon_are_those_that_its_step_makes(tiny: GPTMini) -> None:
    for p in tiny.parameters():
        p.grad = torch.randn_like(p)
    (muon,) = (o for o in make_optimizers(tiny, OptimizerConfig(kind="muon")) if isinstance(o, Muon))
    with FlopCounterMode(display=False) as made:
        muon.step()
    with FlopCounterMode(display=False) as listed:
        for product in muon_products(tiny):
            product()
    assert listed.get_total_flops() == made.get_total_flops() > 0


def test_every_product_of_a_step_counts_for_more_than_the_models_own() -> None:
    shape = Shape(layers=1, width=16, heads=2, context=8, batch=2)
    results = measure(
        shape,
        torch.float32,
        Measure(rounds=2, warmup=1, vocab_size=32),
        Runtime(torch.device("cpu"), torch.float32, 1, 1),
    )
    assert results["hfu_modern"].value > results["mfu_modern"].value > 0
    assert all(measured.n == 2 for measured in results.values())
