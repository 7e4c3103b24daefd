from pathlib import Path

from matplotlib.colors import to_rgba

from playbook.reporting.attention_text import COLUMNS, attention_text, lay_out
from playbook.reporting.figures import save

PIECES = ["<|tool|>", " Ada", " Bell", ",", " 2014", ":", " chess", "\n", " $x$", "<|end|>"]
PANELS = [
    {
        "step": "bind_passage",
        "layer": 2,
        "head": 1,
        "query": 6,
        "right": [1, 2],
        "weights": [0, 0.5, 0.5, 0, 0, 0, 0, 0, 0, 0],
    },
    {"step": "read_value", "layer": 4, "head": 2, "query": 9, "right": [], "weights": [0.1] * 10},
]


def test_lines_end_where_the_text_ends_one_and_where_they_are_full() -> None:
    places = lay_out(["word "] * 60)
    assert all(column + 5 <= COLUMNS for _, column in places)
    assert [line for line, _ in places] == sorted(line for line, _ in places)
    assert places[COLUMNS // 5] == (1, 0)


def test_one_shaded_box_a_token_and_a_frame_around_the_one_that_looks() -> None:
    figure = attention_text(PIECES, PANELS)
    assert len(figure.axes) == len(PANELS)
    boxes = figure.axes[0].patches
    shades = [to_rgba(box.get_facecolor())[3] for box in boxes]
    framed = [i for i, box in enumerate(boxes) if to_rgba(box.get_edgecolor())[3] > 0]
    assert len(boxes) == len(PIECES) - 1  # the end of a line has none
    assert [i for i, shade in enumerate(shades) if shade > 0] == [1, 2]
    assert framed == [6]
    assert [len(axes.lines) for axes in figure.axes] == [2, 0]


def test_the_same_picture_is_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        save(attention_text(PIECES, PANELS), tmp_path / name)
    for suffix in (".svg", ".png"):
        assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()
