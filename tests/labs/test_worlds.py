"""Other counties: what is laid over the parameters, and that a target missed in one of them is told."""

from typing import Any

import pytest
from dvc.utils.serialize import load_yaml

from labs.worlds.chain import FILES, Params, as_measured, other_world
from labs.worlds.report import SECTIONS, judged, missed, page
from playbook.plumbing.config import build, overlay, read_yaml
from playbook.plumbing.errors import InputError
from playbook.plumbing.metrics import Measurement
from playbook.plumbing.paths import ROOT
from playbook.reporting.headline import Line
from playbook.reporting.results import Results

LINE = Line("read", ("recipe",), "read_1", "at least", 0.97)


def results(value: float) -> Results:
    return Results({"recipe": {"read_1": Measurement(value, (value - 0.02, value + 0.001), 140).to_json()}})


def test_the_matrix_has_the_seeds_of_the_parameters() -> None:
    matrix = load_yaml(str(ROOT / "labs/worlds/dvc.yaml"))["stages"]["chain"]["matrix"]
    assert matrix["seed"] == read_yaml(ROOT / "labs/worlds/params.yaml")["seeds"]


def test_every_stage_of_the_chain_counts_as_its_code_but_what_only_draws() -> None:
    lab = load_yaml(str(ROOT / "labs/worlds/dvc.yaml"))["stages"]["chain"]["params"]
    code = next(entry["code.json"] for entry in lab if "code.json" in entry)
    stages = set(load_yaml(str(ROOT / "dvc.yaml"))["stages"]) - {"code", "report"}
    assert set(code) == {"labs.worlds.chain"} | stages


def test_every_section_of_the_main_parameters_counts() -> None:
    lab = load_yaml(str(ROOT / "labs/worlds/dvc.yaml"))["stages"]["chain"]["params"]
    sections = next(entry["params.yaml"] for entry in lab if "params.yaml" in entry)
    assert set(sections) == set(read_yaml(ROOT / "params.yaml"))


def test_another_world_differs_in_the_seed_and_what_is_laid_over() -> None:
    params = read_yaml(ROOT / "params.yaml")
    changed = overlay(params, other_world(params, 1, 18))
    assert changed["world"] == {**params["world"], "seed": 18}
    assert changed["runtime"] == {**params["runtime"], "threads": 1}
    with pytest.raises(InputError, match=r"data\.source"):
        other_world(overlay(params, {"data": {"source": "text"}}), 1, 18)


def test_the_parameters_of_the_lab_are_those_that_its_stages_read() -> None:
    values = read_yaml(ROOT / "labs/worlds/params.yaml")
    assert build(Params, {"threads": values["threads"]}, "params.yaml") == Params(values["threads"])


def test_measurements_survive_the_way_through_the_file() -> None:
    tree: dict[str, Any] = {"closed_book": {"A": Measurement(0.9, (0.8, 0.95), 140).to_json()}}
    assert as_measured(tree) == {"closed_book": {"A": Measurement(0.9, (0.8, 0.95), 140)}}


def test_every_target_is_about_a_file_that_is_kept() -> None:
    assert all(set(line.files) & set(FILES) for lines in SECTIONS.values() for line in lines)


def test_a_target_missed_or_not_measured_in_one_county_is_told() -> None:
    cells = judged(LINE, {"18": results(0.98), "19": results(0.96), "20": Results()})
    assert {seed: met for seed, (_, met) in cells.items()} == {"18": True, "19": False, "20": False}
    told = {line: cells for lines in SECTIONS.values() for line in lines}
    text = page(told, {"met": 1, "targets": 3, "verdict": "FAIL"}, list(cells))
    assert missed(told, "18") == []
    assert [sum(name.endswith(" (agent)") for name in missed(told, seed)) for seed in ("19", "20")] == [
        len(SECTIONS["The agent"])
    ] * 2
    rows = [row for row in text.splitlines() if row.endswith("| 1 of 3   |")]
    assert len(rows) == len(told) > 20
    assert all("**0.960 [0.940, 0.961]**" in row for row in rows)
