"""People who do not exist in the county, for training what must not be knowledge: reading, searching, not knowing.

A throw-away world has the same shape as the real one, with names that the real one does not use; the next one deals new
facts to the same names, so nothing about them is worth remembering. Some names are kept out of all of them: evaluation
asks for those when it asks for somebody unknown.
"""

import random

from playbook.data.world.facts import Counts, Kind, World, populate
from playbook.data.world.names import PARTS

KEPT_FOR_EVALUATION = 100
THROW_AWAY: Counts = (("A", 48, 8, 10),)
CHANGED_AMONG_STRANGERS = 0.6
"""More of them are in the news than in the county: that the newest passage counts has to be learnt here."""


def unused(world: World, kind: Kind) -> list[str]:
    """The names of a kind that can be formed and that nobody in `world` has."""
    firsts, seconds, join = PARTS[kind]
    return [name for f in firsts for s in seconds if (name := f"{f}{join}{s}") not in world.by_name]


def unknown_people(world: World) -> tuple[list[str], list[str]]:
    """Full names of nobody: (for training, kept for evaluation)."""
    names = unused(world, "person")
    random.Random(f"strangers {world.config.seed}").shuffle(names)
    return names[KEPT_FOR_EVALUATION:], names[:KEPT_FOR_EVALUATION]


def throw_away_world(world: World, rng: random.Random) -> World:
    """A small world of strangers, all of split A, with names and facts drawn anew."""
    people, towns, employers = unknown_people(world)[0], unused(world, "town"), unused(world, "employer")
    names = tuple(iter(rng.sample(pool, len(pool))) for pool in (people, towns, employers))
    return populate(rng, THROW_AWAY, (names[0], names[1], names[2]), world.config, CHANGED_AMONG_STRANGERS)
