"""Names. Each is a pair of parts, and every part is used again and again, in all splits: a part alone tells nothing.

The parts are few and frequent, so that a small BPE vocabulary writes each as one word of one token, and the names of
the held-back split C are made of pieces that the model has seen. Knows nothing of facts.
"""

import random
from collections.abc import Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")

SHE = (
    "Ada", "Alice", "Anna", "Clara", "Dora", "Edith", "Ella", "Emma", "Grace", "Hazel",
    "Helen", "Ivy", "Jane", "Lucy", "Mary", "Nora", "Rose", "Ruth", "Sarah", "Vera",
)  # fmt: skip
HE = (
    "Adam", "Arthur", "Ben", "Carl", "David", "Edgar", "Felix", "Frank", "George", "Harry",
    "Hugo", "Jack", "Leo", "Martin", "Oscar", "Paul", "Peter", "Simon", "Tom", "Walter",
)  # fmt: skip
LAST = (
    "Abbott", "Archer", "Bell", "Bishop", "Booth", "Brook", "Carter", "Chapman", "Cole", "Cross", "Dale", "Dean",
    "Dixon", "Drake", "Ellis", "Finch", "Fisher", "Ford", "Foster", "Fox", "Frost", "Gray", "Green", "Hall",
    "Hart", "Hayes", "Hill", "Holt", "Hunt", "King", "Knight", "Lamb", "Long", "Lowe", "Marsh", "Mason",
    "Moss", "Nash", "Noble", "North", "Page", "Parker", "Pike", "Poole", "Price", "Reed", "Rowe", "Shaw",
    "Stone", "Swift", "Vale", "Wade", "Ward", "Webb", "West", "York",
)  # fmt: skip
TOWN_STEMS = (
    "Alder", "Bram", "Corn", "Dun", "Elm", "Fen", "Garn", "Heron", "Lang", "Marl", "Oak", "Pend", "Stan", "Wil",
)  # fmt: skip
TOWN_ENDINGS = ("Abbey", "Bridge", "Common", "Ferry", "Haven", "Heath", "Magna", "Wells")
EMPLOYER_STEMS = (
    "Anchor", "Beacon", "Comet", "Copper", "Crown", "Eagle", "Falcon", "Harbour", "Juniper", "Lantern",
    "Meridian", "Orchard", "Phoenix", "Silver", "Summit", "Tempest",
)  # fmt: skip
EMPLOYER_ENDINGS = ("Brothers", "Company", "Group", "House", "Partners", "Trading", "Union", "Works")

MOST_PEOPLE = (len(SHE) + len(HE)) * len(LAST) // 2  # the other half of the pairs is kept for people who do not exist
TOWN_NAMES = len(TOWN_STEMS) * len(TOWN_ENDINGS)
EMPLOYER_NAMES = len(EMPLOYER_STEMS) * len(EMPLOYER_ENDINGS)


def deal(rng: random.Random, values: Sequence[Item], count: int) -> list[Item]:
    """`count` values in random order, each used equally often (give or take one).

    So whoever guesses a person's job without knowing the person is right once in len(JOBS), whatever the guess.

    >>> sorted(deal(random.Random(0), "abc", 7)).count("a") in (2, 3)
    True
    """
    decks: list[Item] = []
    while len(decks) < count:
        decks += rng.sample(values, len(values))
    return rng.sample(decks[:count], count)


def pair_names(rng: random.Random, firsts: Sequence[str], seconds: Sequence[str], join: str) -> Iterator[str]:
    """Every pair of a first and a second part, once, in a random order that uses all parts equally often early on."""
    rest = [(first, second) for first in firsts for second in seconds]
    rng.shuffle(rest)
    used_first, used_second = dict.fromkeys(firsts, 0), dict.fromkeys(seconds, 0)
    while rest:
        pair = min(rest, key=lambda p: used_first[p[0]] + used_second[p[1]])
        rest.remove(pair)
        used_first[pair[0]] += 1
        used_second[pair[1]] += 1
        yield join.join(pair)


PARTS = {
    "person": (SHE + HE, LAST, " "),
    "town": (TOWN_STEMS, TOWN_ENDINGS, " "),
    "employer": (EMPLOYER_STEMS, EMPLOYER_ENDINGS, " "),
}
"""Kind -> first parts, second parts, and what joins them."""


def pronoun(name: str) -> str:
    """ "she" or "he", by the first name."""
    return "she" if name.partition(" ")[0] in SHE else "he"
