import re
from pathlib import Path

from small_world import TINY

from playbook.data.cards import FILES, SHORT_TEXT, shorten, text_card, world_card
from playbook.data.world.generate import write_world


def test_a_world_card_counts_every_file_and_shows_an_example(tmp_path: Path) -> None:
    counts = write_world(TINY, tmp_path)
    card = world_card(tmp_path)
    assert set(counts) == set(FILES)
    for name, rows in counts.items():
        assert re.search(rf"\| `{name}` +\| +{rows} \|", card)
        by_kind = re.findall(rf"\| `{name}` +\| [^|]+ \| [^|]+ \| +(\d+) \|", card)
        assert sum(map(int, by_kind)) == rows
    assert card.count("```json") == len(FILES)
    assert f"the seed {TINY.seed};" in card
    assert re.search(r"\| person +\| +5 \| +4 \| +5 \|", card)


def test_a_text_card_measures_both_parts(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("abcab\n" * 10)
    (tmp_path / "validation.txt").write_text("aé\n")
    card = text_card(tmp_path)
    assert re.search(r"`train.txt` +\| +60 \| +4 \| +10 \|", card)
    assert re.search(r"`validation.txt` +\| +3 \| +3 \| +1 \|", card)


def test_examples_are_cut_to_size() -> None:
    assert shorten({"text": "x" * 500, "list": list(range(9))}) == {
        "text": "x" * SHORT_TEXT + " ...",
        "list": [0, 1, 2, "... 6 more"],
    }
    assert shorten([1, 2, 3, 4]) == [1, 2, 3, 4]
