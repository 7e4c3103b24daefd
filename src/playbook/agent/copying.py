"""Arguments by copying: a call's argument can only be words of the conversation, in one of the forms of its tool.

A small model garbles a rare name now and then ("Hugo Ellis" out of Helen Ellis and Carl Dean). What it looks up or
writes down has nearly always been said or shown before, so decoding may be held to that, as a copy mechanism does (See
et al., arXiv 1704.04368), by masks alone as in constrained generation of names (De Cao et al., arXiv 2010.00904,
section 3.2: a prefix tree over all that may be written). A form is text with slots:

    {said}   one to `MOST_WORDS` words in a row of what the user said last
    {seen}   the same of anything that the user said or a tool gave back

Slots of one form share no word.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from playbook.text.chat import encode_content
from playbook.text.tokenizer import Tokenizer

Turn = Mapping[str, Any]
Tree = dict[int, Any]
"""Token -> the tree of what may follow. The key `END_HERE` says that it may end."""
END_HERE = -1
MOST_WORDS = 3
SLOT = re.compile(r"\{(said|seen)\}")
WORDS = re.compile(r"\w+(?:[-’']\w+)*")


def arguments(forms: Sequence[str], messages: Sequence[Turn]) -> list[str]:
    """All that an argument of these forms can be.

    >>> arguments(["{said}: -", "style"], [{"role": "user", "content": "Forget it"}])
    ['Forget: -', 'Forget it: -', 'it: -', 'style']
    """
    said = [str(turn["content"]) for turn in messages if turn["role"] == "user"][-1:]
    seen = [str(turn["content"]) for turn in messages if turn["role"] in ("user", "tool")]
    spans = {"said": list(runs(said)), "seen": list(runs(seen))}
    found = []
    for form in forms:
        parts = SLOT.split(form)  # text, slot, text, slot ... text
        choices = [spans[part] if number % 2 else [part] for number, part in enumerate(parts)]
        found += ["".join(chosen) for chosen in product(*choices) if not _overlap(chosen[1::2])]
    return list(dict.fromkeys(found))


def _overlap(spans: Sequence[str]) -> bool:
    words = [word for span in spans for word in set(span.split())]
    return len(set(words)) < len(words)


def runs(texts: Sequence[str]) -> Iterator[str]:
    """Runs of words that only a space stands between; a possessive is also there without its ending."""
    for text in texts:
        words = [(match.start(), match.end()) for match in WORDS.finditer(text)]
        for first, (begin, end) in enumerate(words):
            for number in range(first, min(first + MOST_WORDS, len(words))):
                if number > first and text[end : words[number][0]] != " ":
                    break
                end = words[number][1]
                yield text[begin:end]
                if text[begin:end].endswith(("'s", "’s")):
                    yield text[begin : end - 2]


def tree(texts: Sequence[str], tokenizer: Tokenizer) -> Tree:
    """The prefix tree of these texts, as they are encoded within a turn."""
    root: Tree = {}
    for text in texts:
        node = root
        for token in encode_content(text, tokenizer):
            node = node.setdefault(token, {})
        node[END_HERE] = {}
    return root


def after(root: Tree, written: Sequence[int]) -> Tree:
    """What may follow; nothing after what is not in the tree."""
    for token in written:
        root = root.get(token, {})
    return root
