"""Byte-pair encoding, to read. The library `tokenizers` does the work (`tokenizer.py`); the tests hold the two equal.

Five ideas, in this order:
1. *Bytes.* The alphabet is the 256 bytes, so any text can be written and nothing is ever unknown (GPT-2, Radford et al.
   2019, section 2.2).
2. *Pre-tokens.* A regular expression cuts text into words that keep their leading space; no token crosses a cut, so
   "dog." and "dog!" share the token " dog".
3. *Learning.* Merge the most frequent pair of neighbours into a new symbol, again and again: frequent words become one
   token, rare ones stay in pieces (Sennrich et al. 2016, arXiv 1508.07909, section 3.2).
4. *Ties.* Among equally frequent pairs the one of the smallest ids wins: the same text always gives the same merges.
5. *Encoding* replays the merges in the order in which they were learned.

Knows no special tokens: here they would only shift the ids.
"""

import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

PRE_TOKEN = re.compile(r"'(?:s|t|re|ve|m|ll|d)| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")
r"""GPT-2's pattern, in the standard library's terms: it has no \p{L} and \p{N}, so numbers such as ½ and Ⅷ count as
letters here. `\s+(?!\S)` leaves the last blank of a run to the word that follows it."""

PRINTABLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
ALPHABET = [bytes([byte]) for byte in [*PRINTABLE, *(b for b in range(256) if b not in PRINTABLE)]]
"""id -> byte. GPT-2 names the printable bytes by themselves and the others by characters from U+0100 on; the library
sorts by those names. The order counts, because ties are broken by id."""

Pair = tuple[int, int]


class BPE:
    """`vocabulary[id]` is a token's bytes; `merges` maps a pair of ids to its token, in the order of learning."""

    def __init__(self) -> None:
        self.vocabulary: list[bytes] = list(ALPHABET)
        self.merges: dict[Pair, int] = {}

    def encode(self, text: str) -> list[int]:
        """Token ids of `text`, without special tokens."""
        return [token for word in PRE_TOKEN.findall(text) for token in self._encode_word(word)]

    def _encode_word(self, word: str) -> list[int]:
        tokens = to_bytes(word)
        rank = {pair: i for i, pair in enumerate(self.merges)}
        while pairs := [pair for pair in pairwise(tokens) if pair in rank]:
            earliest = min(pairs, key=rank.__getitem__)
            tokens = merge(tokens, earliest, self.merges[earliest])
        return tokens

    def decode(self, ids: Iterable[int]) -> str:
        """Text of token ids; a character cut in two becomes U+FFFD."""
        return b"".join(self.vocabulary[i] for i in ids).decode(errors="replace")


def train(texts: Iterable[str], vocab_size: int, min_frequency: int = 2) -> BPE:
    """Learn merges until there are `vocab_size` tokens, or no pair occurs `min_frequency` times.

    >>> bpe = train(["low low lower"], vocab_size=258)
    >>> bpe.vocabulary[256:]
    [b'lo', b'low']
    >>> bpe.decode(bpe.encode("lower")) == "lower"
    True
    """
    bpe = BPE()
    ids = {token: i for i, token in enumerate(bpe.vocabulary)}
    frequency = Counter(word for text in texts for word in PRE_TOKEN.findall(text))
    words = {word: to_bytes(word) for word in frequency}
    while len(bpe.vocabulary) < vocab_size:
        counts = count_pairs(words, frequency)
        if not counts:
            break
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        if counts[best] < min_frequency:
            break
        token = bpe.vocabulary[best[0]] + bpe.vocabulary[best[1]]
        if token not in ids:  # two different pairs may spell the same bytes: one token, two merges
            ids[token] = len(bpe.vocabulary)
            bpe.vocabulary.append(token)
        bpe.merges[best] = ids[token]
        words = {word: merge(tokens, best, ids[token]) for word, tokens in words.items()}
    return bpe


def to_bytes(word: str) -> list[int]:
    """The ids of a word's bytes."""
    return [_ID_OF_BYTE[byte] for byte in word.encode()]


_ID_OF_BYTE = {token[0]: i for i, token in enumerate(ALPHABET)}


def count_pairs(words: dict[str, list[int]], frequency: Counter[str]) -> Counter[Pair]:
    """How often each pair of neighbours occurs in a text with these words."""
    counts: Counter[Pair] = Counter()
    for word, tokens in words.items():
        for pair in pairwise(tokens):
            counts[pair] += frequency[word]
    return counts


def merge(tokens: list[int], pair: Pair, token: int) -> list[int]:
    """Replace each `pair` by `token`, from the left.

    >>> merge([1, 1, 1, 2], (1, 1), 9)
    [9, 1, 2]
    """
    merged: list[int] = []
    i = 0
    while i < len(tokens):
        found = tuple(tokens[i : i + 2]) == pair
        merged.append(token if found else tokens[i])
        i += 2 if found else 1
    return merged
