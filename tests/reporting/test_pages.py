"""The whole report, from whatever is there."""

import re
from pathlib import Path

import pytest
from reporting.made_up import write_text_source, write_world

from playbook.reporting.pages import write_report
from playbook.reporting.results import Results, read_results


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with the results of a run on the world, and the report on them (drawing takes a second)."""
    root = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        write_world(root)
        write_report(read_results(), Path("reports"))
    return root


def test_a_run_on_the_world(world: Path) -> None:
    page = (world / "reports/README.md").read_text()
    places = [
        page.index(words) for words in ("| what", "## Pipeline", "## Pretraining", "## Fine-tuning", "## What it does")
    ]
    assert places == sorted(places)
    assert "18 s" in page  # both members of the matrix
    for words in (
        "0.96",
        "[0.94, 0.98]",
        "chance: 0.07",
        "```mermaid",
        "*(nothing)*",
        "Ada \\| Reed",
        "`abababababababab…`",
        "| One page about a stranger, read ",
        "| whose passage it read   | 0.22 [0.20, 0.24]",
        "0.05 [0.01, 0.10] to names in the other passages: it tells them apart.",
        "0.40 [0.20, 0.60] to the values in the others: it does not tell them apart.",
        "figures/attention.svg",
    ):
        assert words in page
    links = re.findall(r"\]\(([^)]+)\)", page)
    made = [link for link in links if link != "data_card.md"]  # the audit's, not ours
    assert len(made) > 8
    for link in made:
        assert (world / "reports" / link).exists(), link


def test_the_same_results_give_the_same_bytes(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(world)
    write_report(read_results(), tmp_path)
    written = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.*"))
    assert len(written) > 10
    for path in written:
        assert (tmp_path / path).read_bytes() == (world / "reports" / path).read_bytes(), path


def test_a_run_on_plain_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_text_source(tmp_path)
    write_report(read_results(), Path("reports"))
    page = Path("reports/README.md").read_text()
    assert "nothing to ask" in page
    assert "nothing to ask" in Path("reports/agent.md").read_text()
    assert "dvc repro agent_eval" not in page, "it has run"
    assert "Memory, A" not in page
    assert "> To be, or **not \\*to\\***" in page
    assert not Path("reports/figures/closed_book_base.svg").exists()


def test_nothing_has_run_and_an_earlier_report_goes(tmp_path: Path) -> None:
    old = [tmp_path / "figures/closed_book.svg", tmp_path / "tables/by_attribute.md"]
    for path in old:
        path.parent.mkdir()
        path.write_text("old")
    write_report(Results(), tmp_path)
    page = (tmp_path / "README.md").read_text()
    for stage in ("pretrain", "sft", "evaluate@base", "evaluate@sft", "recipe", "audit"):
        assert f"run `dvc repro {stage}`" in page
    assert not any(path.exists() for path in old)
    assert (tmp_path / "figures").is_dir()
    assert (tmp_path / "tables/headline.md").exists()
