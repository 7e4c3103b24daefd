"""The study of choices: each arm differs from the default in what it says, and verdicts follow the intervals."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
from small_world import TINY

from labs.ablations import choose
from labs.ablations.arms import CONTROL, DEFAULT, Arm, make_trainer, seconds_of_steps, turns
from labs.ablations.calibrate import Calibration
from labs.ablations.choose import CHOOSES, Passages
from labs.ablations.choose import Params as ChooseParams
from labs.ablations.report import FACTS, MEASURES, compare, defaults, verdict, words
from labs.ablations.train import Params
from playbook.data.curriculum import Phase
from playbook.data.encode import encode_rows, vocabulary_texts
from playbook.data.text_source import DataConfig
from playbook.data.token_file import write_tokens
from playbook.data.world.facts import build_world
from playbook.data.world.generate import pretrain_rows
from playbook.model.gpt import ModelConfig
from playbook.plumbing.config import build, read_params, read_yaml
from playbook.plumbing.files import read_json, write_jsonl
from playbook.plumbing.metrics import Measurement
from playbook.plumbing.paths import ROOT
from playbook.text.chat import Encoded
from playbook.text.tokenizer import TokenizerConfig, train_tokenizer

LAB = ROOT / "labs/ablations"
PARAMS = read_params(Params, LAB / "params.yaml")
ARMS = PARAMS.arms


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    texts = pretrain_rows(build_world(TINY))[0]
    write_jsonl(folder / "pretrain.jsonl", texts)
    write_jsonl(folder / "conversations.jsonl", [row for row in texts if "messages" in row])
    for kind in ("bpe", "char"):
        config = TokenizerConfig(kind=kind, vocab_size=320)
        tokenizer = train_tokenizer(config, vocabulary_texts(DataConfig(), config, folder))
        rows = encode_rows(folder / "pretrain.jsonl", tokenizer)
        write_tokens(folder / kind / "county.tokens", rows, tokenizer.vocab_size)
    return folder


def test_both_matrices_hold_every_arm_of_the_parameters() -> None:
    stages = read_yaml(LAB / "dvc.yaml")["stages"]
    assert stages["calibrate"]["matrix"]["arm"] == stages["train"]["matrix"]["arm"] == list(ARMS)
    assert len(ARMS) >= 12
    assert len(PARAMS.bench.seeds) >= 3


def test_an_arm_differs_from_the_default_in_one_named_thing_and_the_control_in_its_seeds() -> None:
    default = ARMS[DEFAULT]
    built = {
        name: (arm.model(PARAMS.model).resolve(), arm.training(PARAMS.train, 1), arm.vocabulary, arm.precision)
        for name, arm in ARMS.items()
    }
    assert built[CONTROL] == built[DEFAULT]
    assert ARMS[CONTROL].seeds_after > max(PARAMS.bench.seeds)
    for name, arm in ARMS.items():
        if name not in (DEFAULT, CONTROL):
            assert built[name] != built[DEFAULT], name
            assert arm.asks, name
            assert replace(arm, title=default.title, asks="") != default


def test_what_is_put_in_question_is_the_default_of_the_main_chain() -> None:
    main = read_yaml(ROOT / "params.yaml")
    ours = ARMS[DEFAULT].model(PARAMS.model).resolve()
    theirs = build(ModelConfig, main["model"], "params.yaml").resolve()
    for name in (arm.asks.partition(".")[2] for arm in ARMS.values() if arm.asks.startswith("model.")):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert PARAMS.train.optimizer.kind == main["pretrain"]["optimizer"]["kind"]
    assert PARAMS.train.document_mask == main["pretrain"]["document_mask"]
    assert PARAMS.train.schedule.kind == main["pretrain"]["schedule"].get("kind", "trapezoid")
    assert (PARAMS.runtime.precision, "bpe") == (main["runtime"]["precision"], main["tokenizer"]["kind"])
    assert PARAMS.train.batch * PARAMS.model.context == main["pretrain"]["batch"] * main["model"]["context"]


@pytest.mark.parametrize("name", ["gpt2", "characters", "post_ln", "float32"])
def test_an_arm_trains_and_goes_on_turn_by_turn(name: str, data: Path, tmp_path: Path) -> None:
    arm = replace(ARMS[name], batch=4, context=64)
    shape = ModelConfig(context=64, layers=1, width=28, heads=2)
    trainer = make_trainer(arm, shape, PARAMS.train, 512, PARAMS.runtime, data, tmp_path)
    assert trainer.steps == 2
    assert all(seconds_of_steps(trainer, 3, time.process_time) >= 0 for _ in range(2))
    assert trainer.tokens == 2 * 3 * 4 * 64
    assert (trainer.model.vocab_size == 320) == (name != "characters")


def test_the_seed_moves_weights_and_batches_and_the_control_is_another(data: Path, tmp_path: Path) -> None:
    shape = ModelConfig(context=32, layers=1, width=28, heads=2)

    def first(arm: Arm) -> tuple[float, int]:
        trainer = make_trainer(replace(arm, batch=2), shape, PARAMS.train, 64, PARAMS.runtime, data, tmp_path)
        return float(trainer.model.token_embedding.weight.detach().sum()), int(next(trainer.batches).inputs.sum())

    default, control = first(ARMS[DEFAULT]), first(ARMS[CONTROL])
    assert first(ARMS["gelu"]) == first(ARMS[DEFAULT]) == default
    assert control[0] != default[0]
    assert control[1] != default[1]


def test_who_begins_changes() -> None:
    assert [first for _, first in turns(4)] == [True, False, True, False]
    assert Calibration().rounds % 2


def by_seed(changes: dict[str, float]) -> dict[str, dict[str, dict[str, float]]]:
    """Three seeds of an arm whose measures are the default's plus a change, and a little luck."""
    base = {"val_bits_per_byte": 0.5, "closed_book_A": 0.6, "closed_book_B": 0.4, CHOOSES: 0.9}
    return {
        str(seed): {
            name: Measurement(value + changes.get(name, 0.0) + luck, (-9.0, 9.0), 1).to_json()
            for name, value in base.items()
        }
        for seed, luck in enumerate((0.01, -0.01, 0.0))
    }


def test_less_is_better_of_bits_and_more_of_answers() -> None:
    runs = {
        DEFAULT: by_seed({}), CONTROL: by_seed({}), "bits": by_seed({"val_bits_per_byte": -0.1}),
        "answers": by_seed({"closed_book_B": -0.1}), "both": by_seed({"val_bits_per_byte": 0.1, "closed_book_A": 0.1}),
    }  # fmt: skip
    runs["bits"]["0"]["closed_book_A"]["value"] += 0.002  # a spread that is not nothing
    runs["guesses"] = by_seed({"val_bits_per_byte": -0.1})
    found = compare(runs, {DEFAULT: by_seed({}), "guesses": by_seed({CHOOSES: -0.5}), "bits": runs["bits"]})[
        "differences"
    ]
    told = {arm: verdict(found, arm) for arm in runs if arm != DEFAULT}
    assert set(told[CONTROL].values()) == {"no difference"}
    assert told["bits"]["val_bits_per_byte"] == "better"
    assert told["answers"]["closed_book_B"] == "worse"
    assert (told["both"]["val_bits_per_byte"], told["both"]["closed_book_A"]) == ("worse", "better")
    assert words(told["both"]) == "**better**: answers, A; **worse**: bits per byte"
    assert told["guesses"] == {**told["bits"], CHOOSES: "worse"}
    assert CHOOSES not in told["answers"]
    arms = {name: Arm(name, asks=name if name in told and name != CONTROL else "") for name in runs}
    expected = {"bits": "contradicted", "answers": "supported", "both": "mixed", "guesses": "supported"}
    assert defaults(arms, told, "bfloat16") == expected
    full = {"answers": replace(arms["answers"], precision="float32")}
    assert defaults(full, told, "bfloat16") == {"answers": "supported"}
    assert defaults(full, told, "float32")["answers"].startswith("not asked")
    both = {"bits": replace(arms["bits"], asks="x"), "answers": replace(arms["answers"], asks="x")}
    assert defaults(both, told, "bfloat16") == {"x": "mixed"}  # one arm is better, another worse
    assert set(MEASURES) == set(found) == {*FACTS, CHOOSES}
    told["bits"][CHOOSES] = "too wide to tell"
    assert defaults({"bits": arms["bits"]}, told, "bfloat16") == {"bits": "unsettled"}
    told["bits"]["closed_book_A"] = "worse"
    assert defaults({"bits": arms["bits"]}, told, "bfloat16") == {"bits": "mixed"}


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(-0.2, -0.01, "worse"), (-0.2, 0.1, "too wide to tell"), (-0.04, 0.1, "no difference"), (0.01, 0.2, "better")],
)
def test_choosing_as_well_has_to_be_shown(low: float, high: float, expected: str) -> None:
    found = {**{fact: {} for fact in FACTS}, CHOOSES: {"arm": Measurement((low + high) / 2, (low, high), 3)}}
    assert verdict(found, "arm") == {CHOOSES: expected}


def test_who_chooses_is_asked_on_the_first_drills_of_the_main_chain() -> None:
    ours, recipe = read_yaml(LAB / "params.yaml"), read_yaml(ROOT / "labs/recipe/params.yaml")
    assert read_yaml(LAB / "dvc.yaml")["stages"]["choose"]["matrix"]["arm"] == ours["choosing"]
    assert ours["choosing"][0] == DEFAULT
    assert set(ours["choosing"]) <= set(ARMS)
    found = read_json(LAB / "reports/ablations.json")["verdicts"]
    better = {arm for arm, told in found.items() if "better" in {told.get(measure) for measure in FACTS}}
    assert better <= set(ours["choosing"])  # whoever is better at facts has to choose
    assert ours["passages"]["curriculum"] == recipe["arms"]["no_steps"]["curriculum"]
    assert ours["passages"]["model"] == recipe["model"]


def test_an_arm_learns_to_choose_from_its_seed_with_its_own_change(tmp_path: Path) -> None:
    how = Passages(
        ModelConfig(context=64, layers=1, width=28, heads=2), replace(PARAMS.train, tokens=256, batch=2),
        (Phase(1, {"county": 1}),),
    )  # fmt: skip
    write_tokens(tmp_path / "county.tokens", iter([Encoded(list(range(90)), [True] * 90, 90)] * 9), 320)

    def trained(name: str, seed: int) -> tuple[str | None, float]:
        params = ChooseParams(ARMS, how, PARAMS.train, PARAMS.runtime)
        trainer = choose.make_trainer(ARMS[name], params, tmp_path, 320, seed, tmp_path / name / str(seed))
        assert trainer.run().tokens == 256
        return trainer.model.config.activation, float(trainer.model.token_embedding.weight.detach().sum())

    assert trained("default", 1)[1] != trained("default", 2)[1]
    assert trained("gelu", 1)[0] == "gelu" != trained("default", 1)[0]
    arm, params = ARMS["adamw_small_batch"], ChooseParams(ARMS, how, PARAMS.train, PARAMS.runtime)
    half = choose.make_trainer(arm, params, tmp_path, 320, 1, tmp_path / "half")
    assert half.config.batch == 1
