"""Constrained decoding: which tokens may come next, so that a turn of GPTMini is always well formed.

    turn    = [THINK text END_THINK] (text | [text] CALL text) END
    CALL    = the marker of an allowed tool

Text is any token that is not special and, in a call, stands on one line. Near the end of what may be written the turn
is closed in time. Where the arguments of a tool are given as a tree (`copying.py`), the text of its calls is one of
those. A mask over tokens, as in Willard and Louf, arXiv 2307.09702; with one-token markers a handful of states is all
it takes. Whether a call makes sense is not for a grammar to say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from playbook.agent.copying import END_HERE, Tree, after
from playbook.text.special_tokens import CALL_MARKERS, END, END_THINK, SPECIAL_TOKENS, THINK
from playbook.text.tokenizer import Tokenizer

CLOSING = 4
"""Tokens that are kept for END_THINK, a call marker, one word and END."""


@dataclass(frozen=True)
class Rules:
    """What one row may do."""

    tools: tuple[str, ...] = ()
    think: bool = False
    """It must begin with reasoning."""
    arguments: Mapping[str, Tree] = field(default_factory=dict)
    """What the calls of a tool can hold; anything, where nothing is said."""
    loose: bool = False
    """Nothing else is held to a form but which tools are called, and with what."""


class Grammar:
    """Masks for rows with rules of their own."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        special = {name: tokenizer.id_of(name) for name in SPECIAL_TOKENS}
        self.think, self.end_think, self.end = special[THINK], special[END_THINK], special[END]
        self.calls = {name: special[marker] for name, marker in CALL_MARKERS.items()}
        self.names = {marker: name for name, marker in self.calls.items()}
        self.text = torch.ones(tokenizer.vocab_size, dtype=torch.bool)
        self.text[list(special.values())] = False
        names = [tokenizer.decode([token]) for token in range(tokenizer.vocab_size)]
        self.one_line = self.text & torch.tensor([all(ord(character) >= 32 for character in name) for name in names])
        self.solid = self.text & torch.tensor([bool(name.strip()) for name in names])
        """A text begins with one of these, so that it is not all blank."""

    def masks(self, rules: Sequence[Rules], written: Sequence[Sequence[int]], left: int) -> Tensor:
        """(batch, vocab): what each row may write next."""
        return torch.stack([self.mask(rule, ids, left) for rule, ids in zip(rules, written, strict=True)])

    def mask(self, rules: Rules, ids: Sequence[int], left: int) -> Tensor:
        """(vocab,) for one row that has written `ids` and may write `left` more tokens, the closing END included."""
        if rules.loose:
            return self._loose(rules, ids, left)
        if self.think in ids and self.end_think not in ids:
            return self._then(self.text, self.end_think, must=ids[-1] == self.think, hurry=left <= CLOSING)
        calls = [self.calls[name] for name in rules.tools if name in self.calls]
        at = next((i for i, token in enumerate(ids) if token in calls), None)
        if at is not None and (name := self.names[ids[at]]) in rules.arguments:
            return self._copied(rules.arguments[name], ids[at + 1 :], left)
        if at is not None:
            return self._then(self.one_line, self.end, must=at == len(ids) - 1, hurry=left <= 1)
        if not ids and rules.think:
            return self._only(self.think)
        fresh = not ids or ids[-1] == self.end_think
        mask = self._then(self.text, self.end, must=fresh, hurry=left <= 1)
        if left > 2:
            mask[calls] = True
        if not ids and left > CLOSING + 1:
            mask[self.think] = True
        return mask

    def _loose(self, rules: Rules, ids: Sequence[int], left: int) -> Tensor:
        at = next((i for i, token in enumerate(ids) if token in self.names), None)
        if at is not None and (name := self.names[ids[at]]) in rules.arguments:
            return self._copied(rules.arguments[name], ids[at + 1 :], left)
        if not ids and rules.think:
            return self._only(self.think)
        mask = torch.ones_like(self.text)
        mask[[marker for name, marker in self.calls.items() if name not in rules.tools]] = False
        return mask

    def _copied(self, arguments: Tree, written: Sequence[int], left: int) -> Tensor:
        following = after(arguments, written)
        if left <= 1 or not following:
            return self._only(self.end)
        mask = torch.zeros_like(self.text)
        mask[[self.end if token == END_HERE else token for token in following]] = True
        return mask

    def _then(self, text: Tensor, closing: int, must: bool, hurry: bool) -> Tensor:
        """Text, or the token that closes it; text alone while there `must` be some, the other alone in a `hurry`."""
        if hurry and not must:
            return self._only(closing)
        mask = text & self.solid if must else text.clone()
        mask[closing] = not must
        return mask

    def _only(self, token: int) -> Tensor:
        mask = torch.zeros_like(self.text)
        mask[token] = True
        return mask
