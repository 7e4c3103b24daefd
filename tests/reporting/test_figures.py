"""Figures hold what they were given: intervals are drawn, labels say units, colours can be told apart."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from reporting.made_up import CHANCE, KNOWN, group, measured, write_curve

from playbook.reporting.figures import closed_book_bars, curves, loss_curve, save, training_health
from playbook.reporting.pages import PANELS
from playbook.reporting.results import read_curve


def test_bars_stand_as_high_as_their_values_and_carry_intervals() -> None:
    (axes,) = closed_book_bars("Memory", group(KNOWN), {}, group(CHANCE)).axes
    heights = [bar.get_height() for bar in axes.patches]  # type: ignore[attr-defined]
    assert heights == [value for values in (KNOWN, CHANCE) for value, _, _ in values.values()]
    drawn = [line.get_segments() for line in axes.collections]  # type: ignore[attr-defined]
    spans = [(segment[0][1], segment[1][1]) for group_ in drawn for segment in group_]
    assert spans[0] == pytest.approx(KNOWN["A"][1:])
    assert len(spans) == 6
    assert [label.get_text()[0] for label in axes.get_xticklabels()] == ["A", "B", "C"]


def test_curve_shows_both_losses_with_units(tmp_path: Path) -> None:
    write_curve(tmp_path / "curve.csv")
    (axes,) = loss_curve("Training", read_curve(tmp_path / "curve.csv"), measured(0.6, 0.5, 0.7)).axes
    labels = [line.get_label() for line in axes.lines]
    assert {"validation", "training, averaged", "training, each logged step"} <= set(labels)
    averaged = axes.lines[labels.index("training, averaged")]
    assert np.size(averaged.get_xdata()) < 60
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("tokens seen", "loss (nats per token)")


@pytest.mark.parametrize("stage", PANELS)
def test_both_panels_of_a_post_training_curve_name_their_units(stage: str) -> None:
    title, above, below, units = PANELS[stage]
    curve = pd.DataFrame({"step": [1.0, 2.0]} | {column: [0.1, 0.2] for column in {**above, **below}})
    figure = curves(title, curve, above, below, units)
    assert [axes.get_ylabel() for axes in figure.axes] == list(units)
    assert figure.axes[-1].get_xlabel() == "steps of the optimizer"
    named = [handle.get_label() for axes in figure.axes for handle in axes.lines[1::2]]
    assert named == [*above.values(), *below.values()]


def test_svg_and_png_are_white_cards(tmp_path: Path) -> None:
    write_curve(tmp_path / "curve.csv", steps=5)
    save(training_health(read_curve(tmp_path / "curve.csv")), tmp_path / "health")
    svg = (tmp_path / "health.svg").read_text()
    assert "fill: #ffffff" in svg
    assert "<dc:date>" not in svg
    assert (tmp_path / "health.png").read_bytes().startswith(b"\x89PNG")


def test_a_curve_of_one_step(tmp_path: Path) -> None:
    write_curve(tmp_path / "curve.csv", steps=1)
    curve = read_curve(tmp_path / "curve.csv")
    (axes,) = loss_curve("Training", curve, None).axes
    assert [line.get_label() for line in axes.lines] == ["training, each logged step"]
    assert len(training_health(curve).axes) == 2
