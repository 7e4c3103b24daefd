"""The closed lists: what a job, a hobby, a street, a river, a product and a founding year can be, in every split.

And words that mean nothing, for what has to be copied, whatever it is.
"""

import random

JOBS = (
    "accountant", "baker", "barber", "carpenter", "courier", "dentist", "electrician", "engineer", "gardener", "joiner",
    "lawyer", "librarian", "nurse", "plumber", "printer", "tailor", "teacher", "translator", "vet", "welder",
)  # fmt: skip
HOBBIES = (
    "archery", "astronomy", "beekeeping", "birdwatching", "chess", "climbing", "cycling", "dancing", "fencing",
    "fishing", "juggling", "knitting", "origami", "photography", "poetry", "pottery", "rowing", "sailing", "skating",
    "swimming",
)  # fmt: skip
STREETS = (
    "Abbey Road", "Bridge Street", "Canal Street", "Castle Road", "Chapel Lane", "Church Street", "College Road",
    "Garden Street", "High Street", "Market Street", "Meadow Lane", "Mill Lane", "Orchard Lane", "Park Road",
    "Queen Street", "River Lane", "School Lane", "Station Road", "Tower Street", "Victoria Road",
)  # fmt: skip
RIVERS = ("Brae", "Dace", "Isk", "Kell", "Orr", "Sill", "Teal", "Thorn", "Wend", "Yarr")
PRODUCTS = (
    "baskets", "bicycles", "boots", "bricks", "candles", "carpets", "cheese", "clocks", "furniture", "glass",
    "gloves", "hats", "kettles", "lamps", "paint", "paper", "rope", "saddles", "soap", "tents",
)  # fmt: skip
YEARS = tuple(str(year) for year in range(1870, 1990, 3))

SYLLABLES = (
    "ba", "den", "fo", "gar", "hin", "ju", "kel", "lo", "mi", "nar", "os", "pel", "qui", "ra", "sun", "tor", "ul", "ve",
    "win", "zet",
)  # fmt: skip


def made_up(rng: random.Random) -> str:
    """A word of two or three syllables."""
    return "".join(rng.choices(SYLLABLES, k=rng.randint(2, 3)))
