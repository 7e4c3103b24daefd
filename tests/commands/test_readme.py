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
def test_a_sign_changed_by_hand_is_noticed(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for block in PAGES[page]:
        start, end = text.index(f"<!-- {block}:start -->"), text.index(f"<!-- {block}:end -->")
        signs = range(start + len(f"<!-- {block}:start -->"), end)
        at = next((i for i in signs if text[i].isdigit()), None) or next(i for i in signs if text[i].isalpha())
        forged = text[:at] + ("1" if text[at] != "1" else "2") + text[at + 1 :]
        assert updated(page, forged) != forged
