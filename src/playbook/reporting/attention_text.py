"""Attention drawn behind a text: the darker a token, the more the head looks at it. One panel a head."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from playbook.reporting.figures import BLUE, GREEN, GREY, STYLE, VERMILION

COLUMNS = 112
"""Characters of a line."""
SIZE = 7.6
"""Points of a character; with a font of fixed width, what a line takes is known."""
WIDTH, HEIGHT = 0.6 * SIZE / 72, 1.75 * SIZE / 72
"""Inches of a character and of a line."""
TITLES = {
    "copy_name": "1. Whom is it about? The question tells.",
    "bind_passage": "2. Whose value is this? The name in the same passage tells.",
    "read_value": "3. Which value? The one in the passage of that name.",
}


def attention_text(pieces: Sequence[str], panels: Sequence[Mapping[str, Any]]) -> Figure:
    """One panel for each of `panels`: step, layer, head; query, the number of the token that looks; right, those of the
    tokens where it should look; weights, one for each token.

    The querying token has a frame, the right ones are underlined; tokens after the query cannot be seen from it: grey.
    """
    lines = lay_out(pieces)
    rows = 1 + max(line for line, _ in lines)
    panel = (rows + 2.2) * HEIGHT
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(COLUMNS * WIDTH + 0.4, len(panels) * panel + 0.1))
        whole = figure.get_size_inches()
        for number, told in enumerate(panels):
            bottom = whole[1] - (number + 1) * panel
            axes = figure.add_axes((0.2 / whole[0], bottom / whole[1], 1 - 0.4 / whole[0], panel / whole[1]))
            axes.set(xlim=(0, COLUMNS), ylim=(rows + 0.7, -1.5))
            axes.axis("off")
            axes.text(0, -0.7, TITLES[told["step"]], size=9.5, weight="bold", va="center")
            where = f"layer {told['layer']}, head {told['head']}"
            axes.text(COLUMNS, -0.7, where, size=9, color=GREY, va="center", ha="right")
            _tokens(axes, pieces, lines, told)
        return figure


def lay_out(pieces: Sequence[str]) -> list[tuple[int, int]]:
    """(line, column) of each token: a new line where the text has one, and where the line is full.

    >>> lay_out(["Ada", "\\n", "is", " here"])
    [(0, 0), (0, 3), (1, 0), (1, 2)]
    """
    places, line, column = [], 0, 0
    for piece in pieces:
        if column + len(piece) > COLUMNS:
            line, column = line + 1, 0
        places.append((line, column))
        line, column = (line + 1, 0) if "\n" in piece else (line, column + len(piece))
    return places


def _tokens(axes: Axes, pieces: Sequence[str], lines: Sequence[tuple[int, int]], told: Mapping[str, Any]) -> None:
    for i, (piece, (line, column)) in enumerate(zip(pieces, lines, strict=True)):
        seen, width = i <= told["query"], len(piece.rstrip("\n"))
        frame = VERMILION if i == told["query"] else "none"
        if width:
            colour = to_rgba(BLUE, min(1.0, told["weights"][i]) * 0.75 if seen else 0)
            axes.add_patch(Rectangle((column, line), width, 1, facecolor=colour, edgecolor=frame, linewidth=1.3))
        if i in told["right"]:
            axes.plot((column, column + width), (line + 1, line + 1), color=GREEN, linewidth=2)
        shown = piece.rstrip("\n").replace("$", r"\$")
        colour = to_rgba("black" if seen else GREY, 1 if seen else 0.45)
        axes.text(column, line + 0.5, shown, size=SIZE, family="DejaVu Sans Mono", va="center", color=colour)
