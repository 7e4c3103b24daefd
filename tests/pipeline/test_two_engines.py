"""DVC and Snakemake run the same stages and leave the same dvc.lock."""

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.repo import Repo
from pipeline.small_chain import commit, git, write_chain
from pipeline.wiring import wired_stages

from playbook.commands import snake, verify
from playbook.pipeline import agreement
from playbook.pipeline.dag import in_order
from playbook.pipeline.record import confirm
from playbook.pipeline.rules import rule_name, rules
from playbook.plumbing.config import read_yaml
from playbook.plumbing.errors import InputError
from playbook.plumbing.paths import ROOT

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]  # of DVC's own dependencies


PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small chain, run once by `dvc repro` and committed."""
    root = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(root):
        patch.setenv("PATH", PATH)
        write_chain(root)
        with Repo() as repo:
            repo.reproduce()
    commit(root)
    return root


@pytest.fixture
def chain(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, to be changed."""
    monkeypatch.setenv("PATH", PATH)
    return Path(shutil.copytree(finished, tmp_path / "chain"))


def stages_of_dvc_yaml() -> set[str]:
    names = {"code"}
    for stage in wired_stages():
        folder, _, rest = stage.module.partition(".")
        name = rest if folder == "stages" else f"labs/{rest.replace('.', '/')}"
        names.add(rule_name(name if stage.key is None else f"{name}@{stage.key}"))
    return names


def test_the_rules_are_exactly_the_stages() -> None:
    found = rules(ROOT)
    assert {rule.name for rule in found} == stages_of_dvc_yaml()
    assert len(found) == len(stages_of_dvc_yaml())
    assert [rule.name for rule in found if rule.is_default] == ["report"]
    threads = {rule.name: rule.threads for rule in found}
    assert threads["pretrain"] == 2
    assert threads["evaluate_base"] == 1  # so that the members of a matrix run at the same time
    spinning = {rule.threads for rule in found if "OMP_WAIT_POLICY=PASSIVE" not in rule.command}
    assert spinning == {2}  # only those that have the cores to themselves
    by_name = {rule.name: rule for rule in found}
    assert "data/tokens" in by_name["evaluate_base"].inputs  # its dep is a file inside
    assert by_name["pretrain"].ordered == ["code.json"]
    tokens = read_yaml(ROOT / "params.yaml")["pretrain"]["tokens"]
    assert by_name["pretrain"].params["params.yaml: pretrain.tokens"] == tokens


def test_snakemake_reads_the_snakefile_as_those_rules() -> None:
    command = [sys.executable, "-m", "snakemake", "--list-rules", "--quiet", "all"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert set((told.stdout + told.stderr).split()) >= stages_of_dvc_yaml()
    assert "rule " not in (ROOT / "Snakefile").read_text().replace("rule:", "").replace("No rule stands", "")


def test_snakemake_from_nothing_leaves_the_same_lock(chain: Path) -> None:
    shutil.copy(ROOT / "Snakefile", chain)
    commit(chain)
    before = (chain / "reports/README.md").read_text()
    for path in (chain / "data", chain / "reports"):
        shutil.rmtree(path)
    (chain / "dvc.lock").unlink()
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--quiet", "all"]
    subprocess.run(command, cwd=chain, check=True, capture_output=True)
    assert git(chain, "status", "--porcelain") == ""
    assert (chain / "reports/README.md").read_text() == before  # with the seconds on record
    assert verify_stale(chain) == []

    (chain / "source.txt").write_text("texts")
    subprocess.run(command, cwd=chain, check=True, capture_output=True)
    changed = git(chain, "diff", "--name-only").split()
    assert {"dvc.lock", "reports/a.json", "reports/README.md"} <= set(changed)
    assert verify_stale(chain) == []


def verify_stale(root: Path) -> list[str]:
    with contextlib.chdir(root), Repo() as repo:
        return agreement.stale(repo, root)[0]


def test_in_a_clean_clone_what_is_absent_contradicts_nothing(chain: Path) -> None:
    shutil.rmtree(chain / "data")
    shutil.rmtree(chain / ".dvc" / "cache")
    assert verify_stale(chain) == []
    (chain / "source.txt").write_text("another text")
    assert any("source.txt" in told for told in verify_stale(chain))


def test_only_run_facts_are_put_back(chain: Path) -> None:
    path = chain / "reports/a.json"
    recorded = path.read_text()
    path.write_text(recorded.replace('"seconds": ', '"seconds": 9'))
    with contextlib.chdir(chain), Repo() as repo:
        assert confirm(next(s for s in in_order(repo) if s.addressing == "make@a"), chain) == ["reports/a.json"]
    assert path.read_text() == recorded
    path.write_text(recorded.replace('"value": 4.0', '"value": 5.0'))
    with contextlib.chdir(chain), Repo() as repo:
        assert confirm(next(s for s in in_order(repo) if s.addressing == "make@a"), chain) == []
    assert '"value": 5.0' in path.read_text()


def test_a_digit_changed_by_hand_is_noticed_and_so_is_a_file_that_nobody_writes(
    chain: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(verify, "PAGES", {})
    monkeypatch.setattr("sys.excepthook", None)
    assert verify.main(chain) == 0
    for name in ("reports/a.json", "reports/README.md"):
        text = (chain / name).read_text()
        at = next(i for i, letter in enumerate(text) if letter.isdigit())
        (chain / name).write_text(text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1 :])
        assert verify.main(chain) == 1
        assert f"verify: {name}: modified" in capsys.readouterr().err
        (chain / name).write_text(text)
    (chain / "reports/typed.md").write_text("0.99")
    assert verify.main(chain) == 1
    assert "reports/typed.md: no stage writes it" in capsys.readouterr().err
    (chain / "reports/typed.md").unlink()
    shutil.rmtree(chain / "data")  # as in a clone that has pulled nothing
    assert verify.main(chain) == 0


def test_dvc_tells_snakemake_what_is_out_of_date(chain: Path) -> None:
    everything = ["code", "make_a", "make_b", "read"]
    assert snake.plan(chain, []) == (everything, [], everything)
    (chain / "reports/b.json").unlink()
    assert snake.plan(chain, []) == (everything, ["make_b", "read"], ["code", "make_a"])  # read: its input is gone
    assert snake.plan(chain, ["make@a"]) == (["make_a"], [], ["code", "make_a"])
    with pytest.raises(InputError, match="no such stage"):
        snake.plan(chain, ["make@c"])


def test_bad_meta_is_named(chain: Path) -> None:
    text = (chain / "dvc.yaml").read_text()
    (chain / "dvc.yaml").write_text(text.replace("mem_mb: 10", "threads: many"))
    with pytest.raises(InputError, match=r"meta\.threads"):
        rules(chain)


def test_one_run_at_a_time_and_a_child_that_outlives_its_parent_counts(tmp_path: Path) -> None:
    path = tmp_path / ".work/snake.lock"
    with snake.alone(path) as lock:
        with pytest.raises(InputError, match="one `make snake` at a time"), snake.alone(path):
            pass
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[lock])
    with pytest.raises(InputError), snake.alone(path):
        pass
    child.kill()
    child.wait()
    with snake.alone(path):  # a lock goes with whoever held it
        pass
