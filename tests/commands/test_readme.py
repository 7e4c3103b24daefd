"""The numbers of README.md are those of the metrics files, to the last digit."""

from playbook.commands.readme import updated
from playbook.plumbing.paths import ROOT


def test_readme_agrees_with_the_metrics_files() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert updated(text) == text, "run `make readme`"


def test_a_digit_changed_by_hand_is_noticed() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    start = text.index("<!-- headline:start -->")
    at = next(i for i in range(start, len(text)) if text[i].isdigit())
    forged = text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1 :]
    assert updated(forged) != forged
