"""The numbers of README.md and of the notes are those of the metrics files, to the last digit."""

import pytest

from playbook.commands.readme import PAGES, updated
from playbook.plumbing.paths import ROOT

every_page = pytest.mark.parametrize("page", PAGES)


@every_page
def test_a_page_agrees_with_the_metrics_files(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert updated(page, text) == text, "run `make readme`"


@every_page
def test_a_digit_changed_by_hand_is_noticed(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for block in PAGES[page]:
        start = text.index(f"<!-- {block}:start -->")
        at = next(i for i in range(start, len(text)) if text[i].isdigit())
        forged = text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1 :]
        assert updated(page, forged) != forged
