from pathlib import Path
from typing import Any

import pytest
from pipeline.wiring import check_params

from playbook.pipeline.sweeps import grid, read_sweep
from playbook.plumbing.config import overlay, read_yaml
from playbook.plumbing.errors import InputError
from playbook.plumbing.paths import ROOT

SWEEPS = ROOT / "labs/sweeps.yaml"


@pytest.mark.parametrize("name", read_yaml(SWEEPS))
def test_every_experiment_of_every_sweep_is_valid_for_the_stages(name: str, tmp_path: Path) -> None:
    params = read_yaml(ROOT / "params.yaml")
    for experiment in read_sweep(name, SWEEPS, params):
        over: dict[str, Any] = {}
        for setting in experiment.settings:
            key, _, value = setting.partition("=")
            (tmp_path / "value.yaml").write_text(f"value: {value}")
            *folders, last = key.split(".")
            node = over
            for folder in folders:
                node = node.setdefault(folder, {})
            node[last] = read_yaml(tmp_path / "value.yaml")["value"]
        check_params(overlay(params, over))
        assert set(experiment.stages) <= set(read_yaml(ROOT / "dvc.yaml")["stages"])


def test_a_grid_has_every_combination_under_a_name_of_its_own() -> None:
    found = grid("a_b", {"x.y": [1, 2e-05], "x.z": [True, "w v"]})
    assert [one.name for one in found] == ["a-b-1-True", "a-b-1-w-v", "a-b-2e-05-True", "a-b-2e-05-w-v"]
    assert found[2].settings == ("x.y=2e-05", "x.z=true")


def test_a_sweep_can_stop_at_a_stage(tmp_path: Path) -> None:
    (tmp_path / "sweeps.yaml").write_text("s: {about: x, vary: {sft.tokens: [1]}, stages: [recipe]}")
    assert read_sweep("s", tmp_path / "sweeps.yaml", {"sft": {}})[0].stages == ("recipe",)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("other: {about: x, vary: {sft.tokens: [1]}}", "no such sweep"),
        ("s: {vary: {sft.tokens: [1]}}", "about and vary"),
        ("s: {about: x, vary: {sft.tokens: 1}}", "a list of values"),
        ("s: {about: x, vary: {stf.tokens: [1]}}", "a section of params.yaml"),
        ("s: {about: x, vary: {sft.tokens: [1]}, stages: recipe}", "a list of stages"),
    ],
)
def test_a_bad_sweep_is_told(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "sweeps.yaml").write_text(text)
    with pytest.raises(InputError, match=told):
        read_sweep("s", tmp_path / "sweeps.yaml", {"sft": {}})
