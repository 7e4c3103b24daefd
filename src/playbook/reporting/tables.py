"""Numbers as text, and tables as Markdown. An interval decides how many digits are worth printing."""

import math
from collections.abc import Iterable, Sequence

from tabulate import tabulate

from playbook.plumbing.metrics import Measurement

NOTHING = "–"


def format_measurement(measured: Measurement, least: int = 2) -> str:
    """Value and 95% interval, with the decimals that the interval's width carries (at least `least` below 10).

    >>> format_measurement(Measurement(0.9789, (0.9712, 0.9911), 300))
    '0.98 [0.97, 0.99]'
    >>> format_measurement(Measurement(12.345, (11.9, 12.8), 300))
    '12.3 [11.9, 12.8]'
    """
    places = decimals(measured, least)
    low, high = (_fixed(bound, places) for bound in measured.ci95)
    return f"{_fixed(measured.value, places)} [{low}, {high}]"


def format_value(measured: Measurement, least: int = 2) -> str:
    """The value alone, with the same decimals."""
    return format_measurement(measured, least).partition(" ")[0]


def format_interval(measured: Measurement, least: int = 2) -> str:
    """The interval alone, with the same decimals."""
    return format_measurement(measured, least).partition(" ")[2]


def decimals(measured: Measurement, least: int) -> int:
    """Digits after the point, 0 to 4: so many that the interval's two ends differ."""
    low, high = measured.ci95
    least = least if abs(measured.value) < 10 else 0
    worth = math.ceil(-math.log10(high - low)) if high > low else least
    return min(4, max(least, worth))


def _fixed(x: float, places: int) -> str:
    text = f"{x:.{places}f}"
    return text.removeprefix("-") if float(text) == 0 else text  # no "-0.00"


def format_fact(value: object) -> str:
    """A run fact: thousands apart, four significant digits.

    >>> format_fact(1234567), format_fact(0.123456), format_fact("cpu")
    ('1,234,567', '0.1235', 'cpu')
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return escape(str(value))
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def markdown_table(rows: Iterable[Sequence[object]], headers: Sequence[str]) -> str:
    """A Markdown table; cells are taken as they are (`escape` what a model wrote)."""
    cells = [[str(cell) for cell in row] for row in rows]
    return tabulate(cells, headers, tablefmt="github", disable_numparse=True)


def escape(text: str, longest: int = 160) -> str:
    """Any text, also what a bad model wrote, as one cell or one line of Markdown that shows it letter by letter.

    >>> escape("a|b <i>*c*")
    'a\\\\|b &lt;i&gt;\\\\*c\\\\*'
    """
    line = " ".join(text.split())
    if len(line) > longest:
        line = line[: longest - 1] + "…"
    for character in "\\`*_[]|#~$":
        line = line.replace(character, f"\\{character}")
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(character if character.isprintable() else "�" for character in line)
