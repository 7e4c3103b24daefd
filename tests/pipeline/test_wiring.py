"""Strictness: what dvc.yaml says of a stage and what the stage's code does are the same."""

import importlib
import subprocess
from functools import cache
from pathlib import Path

import pytest
from pipeline.wiring import Wired, check_params, touches, wired_stages

from playbook.plumbing.config import overlay, read_yaml
from playbook.plumbing.fingerprint import fingerprints
from playbook.plumbing.paths import ROOT
from playbook.plumbing.stage import metrics_file, params_file

ORDER_ONLY = {"data/audit_passed.json"}  # read by nobody: its stage must have passed before training begins

RUNS_THE_CHAIN = "labs.worlds.chain"  # names the parameters and the code of others, too (tests/labs/test_worlds.py)

every_stage = pytest.mark.parametrize("stage", wired_stages(), ids=lambda stage: stage.id)


@every_stage
def test_the_command_runs_the_module_from_the_root(stage: Wired) -> None:
    words = stage.entry["cmd"].split()
    assert words[:3] == ["python", "-m", stage.module]
    assert len(words) == (3 if stage.key is None else 4)
    assert stage.entry.get("wdir") == ("../.." if stage.module.startswith("labs.") else None)


@every_stage
def test_params_are_those_that_the_code_reads_and_its_own_fingerprint(stage: Wired) -> None:
    code = stage.module.removeprefix("stages.")
    expected = {params_file(stage.module): sorted(stage.sections()), "code.json": [code]}
    expected = {file: keys for file, keys in expected.items() if keys}
    found = {file: sorted(keys) for file, keys in stage.params().items()}
    if stage.module == RUNS_THE_CHAIN:
        del found["params.yaml"]
        found["code.json"] = [key for key in found["code.json"] if key == code]
    sections = {file: sorted({key.split(".")[0] for key in keys}) for file, keys in found.items()}
    found = {file: keys if file == "code.json" else sections[file] for file, keys in found.items()}
    assert {file: keys for file, keys in found.items() if keys} == {
        file: keys for file, keys in expected.items() if keys
    }


@every_stage
def test_every_path_in_the_code_is_declared(stage: Wired) -> None:
    declared = [path for kind in ("deps", "outs", "metrics", "plots") for path in stage.paths(kind)]
    assert [path for path in stage.literals() if not any(touches(path, other) for other in declared)] == []


@every_stage
def test_every_declared_input_is_used(stage: Wired) -> None:
    used = stage.literals(whole_closure=True)
    wanted = [path for path in stage.paths("deps") if path not in ORDER_ONLY]
    assert [path for path in wanted if not any(touches(path, literal) for literal in used)] == []


@cache
def ignored() -> set[str]:
    """Those outputs of all stages that git ignores."""
    outs = {path for stage in wired_stages() for kind in ("outs", "metrics", "plots") for path in stage.paths(kind)}
    command = ["git", "-C", str(ROOT), "check-ignore", "--stdin"]
    return set(subprocess.run(command, input="\n".join(outs), capture_output=True, text=True).stdout.split())


@every_stage
def test_results_are_tracked_in_git_and_the_rest_is_cached(stage: Wired) -> None:
    outs = [path for kind in ("outs", "metrics", "plots") for path in stage.paths(kind)]
    tracked = {path for path in outs if "reports" in Path(path).parts}
    assert stage.uncached() == tracked
    assert set(outs) & ignored() == set(outs) - tracked


@every_stage
def test_the_metrics_file_is_where_the_contract_says(stage: Wired) -> None:
    expected = metrics_file(stage.module, stage.key)
    if stage.module.startswith("labs."):  # a lab may draw several stages together in one file of another name
        assert all(path.startswith(f"{'/'.join(expected.parts[:3])}/") for path in stage.paths("metrics"))
    else:
        assert stage.paths("metrics") in ([], [expected.as_posix()])


def test_every_stage_that_has_code_is_in_the_chain() -> None:
    tree = fingerprints(ROOT)
    labs = [f"labs.{lab}.{name}" for lab, names in tree.pop("labs", {}).items() for name in names]
    assert {stage.module for stage in wired_stages()} == {f"stages.{name}" for name in tree} | set(labs)


def test_the_code_stage_depends_on_every_first_party_file() -> None:
    deps = read_yaml(ROOT / "dvc.yaml")["stages"]["code"]["deps"]
    labs = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("labs/**/*.py")}
    assert set(deps) == {"src/playbook", "stages"} | labs


def test_every_section_of_params_is_read_by_a_stage() -> None:
    read = {name for stage in wired_stages() if stage.module.startswith("stages.") for name in stage.sections()}
    assert set(read_yaml(ROOT / "params.yaml")) == read


@pytest.mark.parametrize("profile", [None, *sorted(path.name for path in ROOT.glob("profiles/*.yaml"))])
def test_every_profile_is_valid_for_every_stage(profile: str | None) -> None:
    over = {} if profile is None else read_yaml(ROOT / "profiles" / profile)
    check_params(overlay(read_yaml(ROOT / "params.yaml"), over))


@pytest.mark.parametrize("name", ["evaluate", "agent_eval"])
def test_the_matrix_of_checkpoints_is_the_one_that_the_code_accepts(name: str) -> None:
    matrix = read_yaml(ROOT / "dvc.yaml")["stages"][name]["matrix"]
    assert tuple(matrix["checkpoint"]) == importlib.import_module(f"stages.{name}").CHECKPOINTS
    assert tuple(matrix["checkpoint"]) == importlib.import_module("stages.compare").CHECKPOINTS
