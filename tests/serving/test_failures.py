"""The lab's results as paths against KL."""

import json
from pathlib import Path

import pytest
from serving.made_up import ARMS, lab, measurement

from playbook.plumbing.errors import InputError
from playbook.serving.failures import as_image, draw, failure, reached, read_failures


def test_arms_become_paths_in_the_order_of_their_kl(tmp_path: Path) -> None:
    found = read_failures(lab(tmp_path))
    assert list(found) == ["hacking", "length"]
    hacking = found["hacking"]
    assert [at.kl for at in hacking.arms["free"]] == [4.0, 9.0]
    assert (hacking.measures, hacking.furthest, hacking.verdict) == (["gold"], 9.0, "PASS")
    assert (found["length"].furthest, found["length"].measures) == (0.0, ["length"])


def test_the_slider_hides_what_lies_beyond() -> None:
    shown = failure("hacking", {"arms": ARMS})
    assert [row.split("|")[1].strip() for row in reached(shown, 2.0).splitlines()[2:]] == ["start", "held"]
    assert "0.50" in reached(shown, 5.0)
    assert "0.10" in reached(shown, 9.0)
    near, far = (draw(shown, "gold", kl) for kl in (0.5, 9.0))
    assert as_image(near, "a") != as_image(far, "a")


@pytest.mark.parametrize("name", ["hacking", "length"])
def test_a_figure_has_units_and_is_drawn(tmp_path: Path, name: str) -> None:
    shown = read_failures(lab(tmp_path))[name]
    figure = draw(shown, shown.measures[0], shown.furthest)
    axes = figure.axes[0]
    assert axes.get_xlabel()
    assert axes.get_ylabel()
    assert as_image(figure, "alt text").startswith('<img alt="alt text" src="data:image/svg+xml;base64,')


def test_what_has_steps_and_no_kl_is_drawn_against_steps_and_else_the_ends() -> None:
    stepped = {"a@2": {"share": measurement(0.1)}, "a@4": {"share": measurement(0.3)}, "a": {"late": measurement(1.0)}}
    shown = failure("steps", {"arms": stepped})
    assert draw(shown, "share", 0).axes[0].get_xlabel() == "steps of the optimizer"
    ends = draw(shown, "late", 0).axes[0]
    assert ends.get_xlabel() == "arm"
    assert [label.get_text() for label in ends.get_xticklabels()] == ["a"]


def test_readers_see_the_titles_of_the_lab(tmp_path: Path) -> None:
    folder = lab(tmp_path / "reports")
    study = {
        "title": "The proxy is gamed",
        "planted": "A bribe.",
        "titles": {"free": "without a leash"},
        "path": {"measure": "gold", "label": "gold reward"},
    }
    (tmp_path / "params.yaml").write_text(json.dumps({"studies": {"hacking": study}}))  # JSON is YAML
    shown = read_failures(folder)["hacking"]
    assert "without a leash" in reached(shown, 9.0)
    figure = draw(shown, "gold", 9.0)
    assert figure.axes[0].get_title(loc="left") == "The proxy is gamed"
    assert figure.axes[0].get_ylabel() == "gold reward"
    assert "without a leash" in [text.get_text() for text in figure.legends[0].get_texts()]
    assert read_failures(folder)["length"].title == "length"


def test_no_results_are_no_failures_and_broken_ones_are_told(tmp_path: Path) -> None:
    assert read_failures(tmp_path) == {}
    (tmp_path / "card.json").write_text(json.dumps({"something": "else"}))
    assert read_failures(tmp_path) == {}
    (tmp_path / "empty.json").write_text(json.dumps({"arms": {"a": {}}}))
    with pytest.raises(InputError, match="failure_modes"):
        read_failures(tmp_path)
