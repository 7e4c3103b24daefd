"""The trainer: it learns, it adds up, and a run that was killed ends with the same bits."""

import dataclasses
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from toy import VOCAB

from playbook.data.batches import Batch, PackedDocuments, WindowBatches, open_validation
from playbook.data.token_file import TokenFile, write_tokens
from playbook.model.checkpoint import weights_sha256
from playbook.model.gpt import GPTMini, ModelConfig
from playbook.plumbing.errors import InputError
from playbook.plumbing.runtime import seed_everything
from playbook.text.chat import Encoded
from playbook.training.optimizer import OptimizerConfig
from playbook.training.stability import StabilityConfig, TrainingFailure, Watch
from playbook.training.trainer import TrainConfig, Trainer, language_modelling
from playbook.training.validation import Validation, validate

CONFIG = ModelConfig(context=16, layers=1, width=28, heads=2)
TRAIN = TrainConfig(tokens=16 * 4 * 30, batch=4, validations=2)


@pytest.fixture
def tokens(tmp_path: Path) -> TokenFile:
    """A text that counts up and starts over: learnable in a few steps."""
    ids = [i % VOCAB for i in range(1, 1200)]
    write_tokens(tmp_path / "t.tokens", [Encoded(ids, [True] * len(ids), len(ids))], VOCAB, one_document=True)
    return TokenFile.open(tmp_path / "t.tokens")


def trainer(tokens: TokenFile, work: Path, config: TrainConfig = TRAIN, **more: Any) -> Trainer:
    seed_everything(3)
    model = GPTMini(CONFIG, VOCAB)

    def held_out(model: GPTMini) -> Validation:
        return validate(model, open_validation(tokens, 16, 8), tokens.header.text_bytes)

    work.mkdir(parents=True, exist_ok=True)
    return Trainer(model, WindowBatches(tokens, 16, config.batch, seed=5), config, work, validate=held_out, **more)


class _KilledError(BaseException):
    pass


def killed_at(step: int) -> Any:
    """An objective that dies when it is asked for the gradient of `step`, as a kill would: nothing is tidied up."""
    calls = 0
    inner = language_modelling()

    def objective(model: GPTMini, batch: Batch) -> Any:
        nonlocal calls
        if calls == step:
            raise _KilledError
        calls += 1
        return inner(model, batch)

    return objective


def test_it_learns_and_tells(tokens: TokenFile, tmp_path: Path) -> None:
    run = trainer(tokens, tmp_path / "w", dataclasses.replace(TRAIN, tokens=16 * 4 * 120))
    result = run.run()
    losses = [row["loss"] for row in result.curve.rows]
    assert losses[0] == pytest.approx(torch.log(torch.tensor(float(VOCAB))).item(), abs=0.05)
    assert losses[-1] < 0.3
    measured = [row for row in result.curve.rows if "val_loss" in row]
    assert [row["step"] for row in measured] == [60, 120]
    assert measured[-1]["val_loss"] < 0.3
    assert result.tokens == 16 * 4 * 120


@pytest.mark.parametrize("kind", ["muon", "adamw"])
def test_killed_and_resumed_is_the_same_to_the_last_bit(tokens: TokenFile, tmp_path: Path, kind: Any) -> None:
    config = dataclasses.replace(TRAIN, optimizer=OptimizerConfig(kind=kind))
    whole = trainer(tokens, tmp_path / "whole", config)
    expected = whole.run()
    first = trainer(tokens, tmp_path / "half", config, objective=killed_at(17))
    first.checkpoint_seconds = 0.0  # a side checkpoint after every step
    with pytest.raises(_KilledError):
        first.run()
    second = trainer(tokens, tmp_path / "half", config)
    torch.rand(7)  # whatever the new process did with its generators must not matter
    result = second.run()
    assert weights_sha256(second.model) == weights_sha256(whole.model)
    timeless = [[{k: v for k, v in row.items() if k != "seconds"} for row in r.curve.rows] for r in (result, expected)]
    assert timeless[0] == timeless[1]


def test_a_batch_in_parts_gives_the_gradient_of_the_whole(tokens: TokenFile, tmp_path: Path) -> None:
    """Weights differ between the parts, so averaging their means would be wrong."""
    torch.manual_seed(0)
    rows = Batch(*next(WindowBatches(tokens, 16, 8, seed=2)).__dict__.values())
    weights = (torch.rand(8, 16) < torch.linspace(0.1, 1, 8)[:, None]).float()
    whole = [dataclasses.replace(rows, weights=weights)]
    parts = [
        Batch(rows.inputs[i : i + 2], rows.targets[i : i + 2], weights[i : i + 2], rows.documents[i : i + 2])
        for i in (0, 2, 4, 6)
    ]
    run = trainer(tokens, tmp_path / "w")
    gradients = []
    for batches in (whole, parts):
        loss, norm = run._gradients(batches)
        gradients.append(
            (loss, norm, torch.cat([p.grad.flatten() for p in run.model.parameters() if p.grad is not None]))
        )
    assert gradients[0][:2] == pytest.approx(gradients[1][:2], rel=1e-5)
    torch.testing.assert_close(gradients[0][2], gradients[1][2], atol=1e-7, rtol=1e-4)


def test_a_broken_side_checkpoint_says_how_to_start_afresh(tokens: TokenFile, tmp_path: Path) -> None:
    run = trainer(tokens, tmp_path / "w")
    run.save()
    run.checkpoint.write_bytes(run.checkpoint.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"rm .*trainer\.pt"):
        trainer(tokens, tmp_path / "w").run()


def test_validation_weighs_every_target_once(tokens: TokenFile, tiny: GPTMini) -> None:
    """Rows, padding and batch size do not change the total."""
    totals = [validate(tiny, open_validation(tokens, 16, batch), 999) for batch in (1, 7, 64)]
    assert {int(t.tokens.sum()) for t in totals} == {tokens.header.tokens - 1}
    assert totals[0].loss == pytest.approx(totals[1].loss, rel=1e-6) == totals[2].loss
    assert totals[0].bits_per_byte == pytest.approx(totals[0].nats.sum() / 0.6931471805599453 / 999)


def test_masked_targets_count_neither_in_training_nor_in_validation(tiny: GPTMini) -> None:
    """Both sum over the weighted targets alone, as picked out by hand."""
    inputs, targets = torch.randint(VOCAB, (3, 11)), torch.randint(VOCAB, (3, 11))
    weights = (torch.arange(33).view(3, 11) % 3 == 0).float()
    batch = Batch(inputs, targets, weights, torch.zeros(3, 11, dtype=torch.long))
    kept = weights.bool()
    by_hand = torch.nn.functional.cross_entropy(tiny(inputs)[kept], targets[kept], reduction="sum").item()
    total, weight = language_modelling()(tiny, batch)
    assert (total.item(), weight.item()) == pytest.approx((by_hand, 11))
    held_out = validate(tiny, [batch], total_bytes=5)
    assert (held_out.nats.sum(), held_out.tokens.sum()) == pytest.approx((by_hand, 11))


def test_emphasis_weighs_a_target_by_what_it_is(tiny: GPTMini) -> None:
    inputs, targets = torch.tensor([[1, 2, 3]]), torch.tensor([[2, 3, 4]])
    batch = Batch(inputs, targets, torch.tensor([[1.0, 1.0, 0.0]]), torch.zeros(1, 3, dtype=torch.long))
    emphasis = torch.ones(VOCAB)
    emphasis[3] = 4.0
    emphasis[4] = 100.0  # masked all the same
    total, weight = language_modelling(emphasis=emphasis)(tiny, batch)
    nats = -tiny(inputs).float().log_softmax(-1)[0, [0, 1], [2, 3]]
    assert weight.item() == 5
    assert total.item() == pytest.approx((nats[0] + 4 * nats[1]).item(), rel=1e-4)


def test_documents_mask_reaches_the_model(tmp_path: Path) -> None:
    """With `document_mask` a packed document's loss does not depend on its neighbour."""
    path = tmp_path / "d.tokens"
    write_tokens(
        path, [Encoded([1, 5, 6, 7, 2], [False] + [True] * 4, 4), Encoded([1, 9, 8, 2], [False] + [True] * 3, 3)], VOCAB
    )
    batch = next(PackedDocuments(TokenFile.open(path), 16, 1, seed=0))
    seed_everything(0)
    model = GPTMini(CONFIG, VOCAB)
    with torch.no_grad():
        [p.normal_(std=0.3) for p in model.parameters()]
    masked, open_ = (language_modelling(flag)(model, batch)[0].item() for flag in (True, False))
    assert abs(masked - open_) > 1e-3


@pytest.mark.parametrize(
    ("spoil", "kind", "layer"),
    [
        (lambda m: m.blocks[0].mlp.widen.weight.fill_(float("nan")), "nan", "blocks.0.mlp.widen"),
        (
            lambda m: m.blocks[0].attention.project_in.weight.requires_grad_(False),
            "dead",
            "blocks.0.attention.project_in.weight",
        ),
    ],
)
def test_a_run_that_goes_wrong_stops_with_a_diagnosis(
    tokens: TokenFile, tmp_path: Path, spoil: Any, kind: str, layer: str
) -> None:
    run = trainer(tokens, tmp_path / "w" / "key", dataclasses.replace(TRAIN, tokens=16 * 4 * 100))
    with torch.no_grad():
        spoil(run.model)
    with pytest.raises(TrainingFailure) as failure:
        run.run()
    assert (failure.value.kind, failure.value.layer) == (kind, layer)
    diagnosis = (tmp_path / "w" / "failure" / "diagnosis.json").read_text()
    assert f'"layer": "{layer}"' in diagnosis
    dumped = torch.load(tmp_path / "w" / "failure" / "state.pt", weights_only=False)
    assert dumped["batch"][0].inputs.shape == (4, 16)


def test_a_spike_and_an_explosion_are_told_apart(tokens: TokenFile, tmp_path: Path) -> None:
    for kind, loss, norm in (("spike", 50.0, 1.0), ("explosion", 1.0, 1e6)):
        run = trainer(tokens, tmp_path / kind)
        for p in run.model.parameters():
            p.grad = torch.ones_like(p)
        watch = run.watch
        for step in range(60):
            watch.check(step, 1.0, 1.0, torch.zeros(1, 4, dtype=torch.long))
        with pytest.raises(TrainingFailure) as failure:
            for step in range(60, 70):
                watch.check(step, loss, norm, torch.zeros(1, 4, dtype=torch.long))
        assert failure.value.kind == kind


@pytest.mark.parametrize(("usual", "loss", "spikes"), [(-0.4, -0.3, False), (-0.4, 1.2, True), (2.0, 5.0, False)])
def test_where_losses_are_below_zero_a_spike_is_one_above_them(
    tokens: TokenFile, tmp_path: Path, usual: float, loss: float, spikes: bool
) -> None:
    watch = Watch(trainer(tokens, tmp_path / "w").model, StabilityConfig(spike=3.0))
    for p in watch.model.parameters():
        p.grad = torch.ones_like(p)
    inputs = torch.zeros(1, 4, dtype=torch.long)
    for step in range(50):
        watch.check(step, usual, 1.0, inputs)
    with pytest.raises(TrainingFailure, match="median before") if spikes else nullcontext():
        for step in range(50, 55):
            watch.check(step, loss, 1.0, inputs)


def test_a_bad_budget_names_itself() -> None:
    with pytest.raises(InputError) as error:
        TrainConfig(tokens=0)
    assert error.value.where == "tokens"


def test_stability_settings_have_defaults_that_let_a_run_learn(tokens: TokenFile, tmp_path: Path) -> None:
    """No false alarm on a healthy run that starts from zero-initialised projections."""
    assert trainer(tokens, tmp_path / "w", dataclasses.replace(TRAIN, stability=StabilityConfig())).run().tokens > 0
