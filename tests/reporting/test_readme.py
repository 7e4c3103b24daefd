"""A marked block is replaced; everything else stays."""

import pytest

from playbook.plumbing.errors import InputError
from playbook.reporting.readme import update_block

TEXT = "# Title\n<!-- headline:start -->\nold\n<!-- headline:end -->\ntail\n"


def test_only_the_block_changes_and_twice_is_once() -> None:
    once = update_block(TEXT, "headline", "| new |\n")
    assert once == "# Title\n<!-- headline:start -->\n| new |\n<!-- headline:end -->\ntail\n"
    assert update_block(once, "headline", "| new |") == once


@pytest.mark.parametrize(
    "text",
    [
        "no marker",
        "<!-- headline:start --> only one",
        "<!-- headline:end --> wrong way round <!-- headline:start -->",
        TEXT + TEXT,
    ],
)
def test_missing_or_doubled_markers(text: str) -> None:
    with pytest.raises(InputError, match="headline"):
        update_block(text, "headline", "new")
