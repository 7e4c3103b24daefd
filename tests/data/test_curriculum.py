import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from playbook.data.batches import Batch
from playbook.data.curriculum import Curriculum, Phase, open_curriculum, rows_of
from playbook.data.token_file import write_tokens
from playbook.evaluation.training_run import CurriculumConfig
from playbook.plumbing.config import build, read_yaml
from playbook.plumbing.errors import InputError
from playbook.plumbing.paths import ROOT
from playbook.text.chat import Encoded

CONTEXT, ROWS, BATCHES, SEED = 7, 5, 10, 3
TOKENS = CONTEXT * ROWS * BATCHES
FIRST = {"county": 100, "echo": 200, "register": 300}
PHASES = (
    Phase(0.3, {"county": 1.0}),
    Phase(0.5, {"county": 0.2, "echo": 0.4, "register": 0.4}),
    Phase(0.2, {"register": 0.6, "echo": 0.4}),
)
EXPECTED = [{"county": 5}] * 3 + [{"county": 1, "echo": 2, "register": 2}] * 5 + [{"register": 3, "echo": 2}] * 2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three sources; a token's hundreds tell its source. Few documents, so that epochs end within a run."""
    for number, (name, first) in enumerate(FIRST.items()):
        rows = [Encoded([first + row] * (CONTEXT + 1), [True] * (CONTEXT + 1), 1) for row in range(11 + number)]
        write_tokens(tmp_path / f"{name}.tokens", rows, 400)
    return tmp_path


def opened(folder: Path, phases: tuple[Phase, ...] = PHASES, seed: int = SEED) -> Curriculum:
    return open_curriculum(folder, phases, CONTEXT, ROWS, TOKENS, seed)


def sources(batch: Batch) -> dict[str, int]:
    """Rows of each source, by the first token of each row."""
    names = {first // 100: name for name, first in FIRST.items()}
    found = [names[int(token) // 100] for token in batch.inputs[:, 0]]
    return {name: found.count(name) for name in dict.fromkeys(found)}


SHORTER = (Phase(0.4, {"county": 1.0}, context=5), Phase(0.6, {"county": 0.6, "echo": 0.4}))


def test_a_phase_of_shorter_rows_has_more_of_them_and_as_many_tokens(folder: Path) -> None:
    batches = list(islice(opened(folder, SHORTER), BATCHES))
    assert [tuple(batch.inputs.shape) for batch in batches] == [(7, 5)] * 4 + [(5, 7)] * 6
    assert sources(batches[0]) == {"county": 7}
    assert sources(batches[-1]) == {"county": 3, "echo": 2}


@pytest.mark.parametrize("killed_after", [3, 4, 5])
def test_resumed_about_a_change_of_context_is_uninterrupted(killed_after: int, folder: Path) -> None:
    whole = list(islice(opened(folder, SHORTER), BATCHES))
    stream = opened(folder, SHORTER)
    for _ in range(killed_after):
        next(stream)
    resumed = opened(folder, SHORTER)
    resumed.load_state(json.loads(json.dumps(stream.state())))
    rest = list(islice(resumed, BATCHES - killed_after))
    assert all(equal(one, other) for one, other in zip(rest, whole[killed_after:], strict=True))


LEARNT = (
    Phase(0.4, {"county": 1.0}, until=1.0),
    Phase(0.3, {"echo": 1.0}, until=1.0),
    Phase(0.3, {"register": 1.0}, until=1.0),
)


def told(stream: Curriculum, losses: list[float]) -> list[str]:
    """The sources of batches whose losses it hears."""
    names = []
    for loss in losses:
        names.append(next(iter(sources(next(stream)))))
        stream.observe(loss)
    return names


def test_a_phase_ends_when_the_running_mean_is_down_or_at_its_share(folder: Path) -> None:
    assert told(opened(folder, LEARNT), [2.0] * 10) == ["county"] * 4 + ["echo"] * 3 + ["register"] * 3
    assert told(opened(folder, LEARNT), [0.9, 2.0, 2.0, 2.0, 0.9]) == ["county"] + ["echo"] * 3 + ["register"]
    # 0.9 of 1.05 and 0.1 of 0.5 is below 1; the next phase has a mean of its own, and the last never ends
    assert told(opened(folder, LEARNT), [1.05, 0.5, 0.5, 0.5, 0.5]) == ["county"] * 2 + ["echo"] + ["register"] * 2


def test_one_low_loss_among_high_ones_ends_nothing(folder: Path) -> None:
    assert told(opened(folder, LEARNT), [5.0, 0.1, 5.0, 5.0, 5.0]) == ["county"] * 4 + ["echo"]


@pytest.mark.parametrize("killed_after", range(1, 9))
def test_resumed_where_phases_end_by_their_loss_is_uninterrupted(killed_after: int, folder: Path) -> None:
    losses = [1.2, 0.2, 0.2, 1.05, 0.5, 3.0, 3.0, 3.0, 3.0]
    whole = told(opened(folder, LEARNT), losses)
    stream = opened(folder, LEARNT)
    told(stream, losses[:killed_after])
    resumed = opened(folder, LEARNT)
    resumed.load_state(json.loads(json.dumps(stream.state())))
    assert told(resumed, losses[killed_after:]) == whole[killed_after:]


def equal(one: Batch, other: Batch) -> bool:
    return all(torch.equal(getattr(one, name), getattr(other, name)) for name in vars(one))


def test_phases_switch_at_their_step_with_exact_rows_and_the_last_goes_on(folder: Path) -> None:
    batches = list(islice(opened(folder), BATCHES + 3))
    assert [sources(batch) for batch in batches] == EXPECTED + [EXPECTED[-1]] * 3
    assert all(batch.inputs.shape == batch.weights.shape == (ROWS, CONTEXT) for batch in batches)


def test_a_source_goes_on_in_the_next_phase_where_it_was(folder: Path) -> None:
    seen = [int(token) for batch in islice(opened(folder), 8) for token in batch.inputs[:, 0] if token // 100 == 1]
    assert len(seen) == 3 * 5 + 5
    assert sorted(seen[:11]) == list(range(100, 111))  # an epoch: each document once


@pytest.mark.parametrize("killed_after", range(BATCHES + 1))
def test_resumed_is_uninterrupted(killed_after: int, folder: Path) -> None:
    whole = list(islice(opened(folder), BATCHES + 2))
    stream = opened(folder)
    for _ in range(killed_after):
        next(stream)
    state = json.loads(json.dumps(stream.state()))  # as another process reads it
    resumed = opened(folder)
    resumed.load_state(state)
    rest = list(islice(resumed, BATCHES + 2 - killed_after))
    assert all(equal(one, other) for one, other in zip(rest, whole[killed_after:], strict=True))


def moved(state: dict[str, Any], *keys: str) -> None:
    for key in keys[:-1]:
        state = state[key]
    state[keys[-1]] += 1


@pytest.mark.parametrize("keys", [("step",), ("streams", "county 7", "row"), ("streams", "echo 7", "epoch")])
def test_a_cursor_moved_by_one_gives_other_batches(keys: tuple[str, ...], folder: Path) -> None:
    whole = list(islice(opened(folder), BATCHES))
    stream = opened(folder)
    next(stream), next(stream)
    state = stream.state()
    moved(state, *keys)
    resumed = opened(folder)
    resumed.load_state(state)
    rest = list(islice(resumed, BATCHES - 2))
    assert not all(equal(one, other) for one, other in zip(rest, whole[2:], strict=True))


@pytest.mark.parametrize(
    "other",
    [
        lambda folder: opened(folder, seed=SEED + 1),
        lambda folder: opened(folder, (*PHASES[:1], Phase(0.7, {"echo": 1.0}))),
        lambda folder: opened(folder, (Phase(1.0, {"echo": 1.0}),)),
    ],
)
def test_a_cursor_of_another_run_is_refused(other: Callable[[Path], Curriculum], folder: Path) -> None:
    with pytest.raises(InputError, match="data cursor"):
        other(folder).load_state(opened(folder).state())


def test_without_phases_it_is_the_county_and_plain_text_is_always_itself(folder: Path, tmp_path: Path) -> None:
    assert list(opened(folder, ()).streams) == [("county", CONTEXT)]
    (folder / "county.tokens").rename(folder / "train.tokens")
    assert list(opened(folder).streams) == [("train", CONTEXT)]


@pytest.mark.parametrize(
    ("phases", "names"),
    [
        (PHASES[:2], "shares of phases that add up to 1"),
        ((PHASES[0], Phase(0.7, {"county": 0.5, "ecko": 0.5})), r"curriculum\[1\]: mix(.|\n)*county, echo(.|\n)*ecko"),
        ((PHASES[0], Phase(0.7, {"county": 1.0}, context=6)), r"curriculum\[1\]: context(.|\n)*35(.|\n)*6"),
        ((PHASES[0], Phase(0.7, {"county": 1.0}, context=35)), r"curriculum\[1\]: context(.|\n)*at most 7(.|\n)*35"),
        ((PHASES[0], Phase(0.7, {"county": 0.95, "echo": 0.05})), r"curriculum\[1\]: mix(.|\n)*1/5(.|\n)*echo 0.05"),
    ],
)
def test_what_cannot_be_is_refused(phases: tuple[Phase, ...], names: str, folder: Path) -> None:
    with pytest.raises(InputError, match=names):
        opened(folder, phases)


@pytest.mark.parametrize(
    ("phase", "names"),
    [
        ({"share": 0.5, "mix": {"a": 0.5, "b": 0.4}}, r"curriculum\[1\]: mix"),
        ({"share": 0.5, "mix": {"a": 1.5, "b": -0.5}}, r"curriculum\[1\]: mix"),
        ({"share": 0.5, "mix": {}}, r"curriculum\[1\]: mix"),
        ({"share": 0, "mix": {"a": 1}}, r"curriculum\[1\]: share"),
        ({"share": 0.5, "mixture": {"a": 1}}, r"curriculum\[1\]: mixture"),
        ({"share": 0.5, "mix": {"a": 1}, "context": 0}, r"curriculum\[1\]: context"),
        ({"share": 0.5, "mix": {"a": 1}, "until": 0}, r"curriculum\[1\]: until"),
    ],
)
def test_a_phase_that_cannot_be_is_named_when_parameters_are_read(phase: dict[str, Any], names: str) -> None:
    from_yaml = {"curriculum": [{"share": 0.5, "mix": {"a": 1}}, phase]}
    with pytest.raises(InputError, match=names):
        build(CurriculumConfig, {"tokens": 1, **from_yaml}, "params.yaml: pretrain")


def test_a_corrupted_source_is_refused(folder: Path) -> None:
    whole = bytearray((folder / "echo.tokens").read_bytes())
    whole[130] ^= 1
    (folder / "echo.tokens").write_bytes(whole)
    with pytest.raises(InputError, match="corrupted"):
        opened(folder)


@pytest.mark.parametrize("rows", range(1, 40))
def test_rows_are_whole_and_fill_the_batch(rows: int) -> None:
    for phase in PHASES:
        counts = rows_of(phase.mix, rows)
        assert sum(counts.values()) == rows
        assert all(abs(counts[name] - share * rows) <= 1 for name, share in phase.mix.items())


def test_in_params_yaml_each_share_is_whole_rows() -> None:
    params = read_yaml(ROOT / "params.yaml")
    for stage in ("pretrain", "sft"):
        context = params[stage].get("context", params["model"]["context"])
        for phase in params[stage]["curriculum"]:
            rows = params[stage]["batch"] * context // phase.get("context", context)
            assert rows_of(phase["mix"], rows) == {name: share * rows for name, share in phase["mix"].items()}
