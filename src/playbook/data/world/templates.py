"""The wording: how a fact is told and how it is asked. Only strings and their combinations; nothing is decided here.

In telling, {S} / {s} is the subject at the start / inside a sentence (a name or a pronoun), {P} / {p} its possessive,
{v} the value, {a} the value with its article. In asking, {n} is the full name.
`ASKED` is used in training, `HELD_OUT` only in evaluation: same attributes, other sentences, and no word that the
first do not use for that attribute or another. A question of training is one of `DIRECT`, or a frame with a noun or a
clause in it ("Can you tell me" + "the trade of {n}"): so many that a model does not learn them one by one.
"""

TOLD: dict[str, tuple[str, ...]] = {
    "birth_town": (
        "{S} was born in {v}.",
        "{P} birthplace is {v}.",
        "{S} was born in the town of {v}.",
        "{P} birth town is {v}.",
        "{S} comes from {v}.",
        "The town where {s} was born is {v}.",
        "Long ago, {s} was born in {v}.",
        "{S} is a native of {v}.",
    ),
    "employer": (
        "{S} works for {v}.",
        "{P} employer is {v}.",
        "{S} is employed by {v}.",
        "The company that employs {o} is {v}.",
        "On weekdays {s} works at {v}.",
        "{S} has a post at {v}.",
        "{S} is on the staff of {v}.",
        "For years {s} has worked for {v}.",
    ),
    "job": (
        "{S} is {a} by trade.",
        "{P} job is that of {a}.",
        "{S} works as {a}.",
        "For a living {s} is {a}.",
        "{P} job title is {v}.",
        "{P} profession is given as {v}.",
        "In the county books {p} trade is {v}.",
        "{S} signs letters as {v}.",
    ),
    "hobby": (
        "{P} hobby is {v}.",
        "{S} spends free time on {v}.",
        "For fun {s} goes in for {v}.",
        "{P} favourite pastime is {v}.",
        "In free hours {s} enjoys {v}.",
        "After work {s} turns to {v}.",
        "{S} loves {v}.",
        "At weekends {s} is keen on {v}.",
    ),
    "street": (
        "{S} lives in {v}.",
        "{P} address is {v}.",
        "{P} house is in {v}.",
        "{S} has a home in {v}.",
        "The house where {s} lives is in {v}.",
        "{S} resides in {v}.",
    ),
    "headquarters": (
        "{S} has its headquarters in {v}.",
        "The head office of {o} is in {v}.",
        "{S} is based in {v}.",
        "The headquarters of {o} stand in {v}.",
        "{S} is run from {v}.",
    ),
    "product": (
        "{S} makes {v}.",
        "The product of {o} is {v}.",
        "{S} is known for its {v}.",
        "{S} sells {v}.",
        "The workshops of {o} turn out {v}.",
    ),
    "founded": (
        "{S} was founded in {v}.",
        "The founding year of {o} is {v}.",
        "{S} dates from {v}.",
        "{S} opened its doors in {v}.",
        "{S} was set up in {v}.",
    ),
    "mayor": (
        "The mayor of {o} is {v}.",
        "{S} has a mayor, {v}.",
        "As its mayor {s} has {v}.",
        "The town hall of {o} is led by {v}.",
        "{S} is governed by {v}.",
    ),
    "river": (
        "{S} lies on the River {v}.",
        "The river of {o} is the {v}.",
        "Through {o} runs the River {v}.",
        "{S} stands on the banks of the {v}.",
        "The river that crosses {o} is the {v}.",
    ),
}

NEWS: dict[str, tuple[str, ...]] = {
    "street": (
        "In {y} {n} moved from {old} to {new}.",
        "{n} left {old} in {y} and now lives in {new}.",
        "News of {y}: {n} has moved house, from {old} to {new}.",
        "Since {y} the address of {n} is {new}, no longer {old}.",
    ),
    "headquarters": (
        "In {y} {n} moved its headquarters from {old} to {new}.",
        "{n} closed its head office in {old} in {y} and is now based in {new}.",
        "News of {y}: the headquarters of {n} have gone from {old} to {new}.",
        "Since {y} {n} is run from {new}, no longer from {old}.",
    ),
    "mayor": (
        "In {y} {new} followed {old} as mayor of {n}.",
        "{old} stepped down as mayor of {n} in {y}; the mayor is now {new}.",
        "News of {y}: {n} has a new mayor, {new}, after {old}.",
        "Since {y} the mayor of {n} is {new}, no longer {old}.",
    ),
}

DIRECT: dict[str, tuple[str, ...]] = {
    "birth_town": (
        "Where was {n} born?",
        "In which town was {n} born?",
        "What is the birthplace of {n}?",
        "Name the town where {n} was born.",
        "Tell me the birth town of {n}.",
        "Which town does {n} come from?",
        "What town is {n} from?",
        "{n} was born in which town?",
        "I would like to know where {n} was born.",
        "Do you know the birthplace of {n}?",
        "From which town does {n} come?",
        "{n}'s birthplace: which town is it?",
        "Please give the town of birth of {n}.",
    ),
    "employer": (
        "Where does {n} work?",
        "Who does {n} work for?",
        "Which company employs {n}?",
        "What is the employer of {n} called?",
        "Name the company that employs {n}.",
        "Tell me who employs {n}.",
        "At which company does {n} work?",
        "Which company is {n} employed by?",
        "{n} works for which company?",
        "I would like to know who employs {n}.",
        "Do you know the employer of {n}?",
        "For which company does {n} work?",
        "{n}'s employer: which company is it?",
        "Please give the company that {n} works for.",
    ),
    "job": (
        "What is {n}'s job?",
        "What does {n} do for a living?",
        "What is the profession of {n}?",
        "Name the trade of {n}.",
        "Tell me {n}'s profession.",
        "By trade, what is {n}?",
        "{n} earns a living as what?",
        "How does {n} earn a living?",
        "I would like to know what {n} does for a living.",
        "Do you know the profession of {n}?",
        "In which trade does {n} work?",
        "Which trade is {n} in?",
        "{n}'s trade: which is it?",
        "Please give the profession of {n}.",
    ),
    "hobby": (
        "What is {n}'s hobby?",
        "What does {n} do for fun?",
        "What is the favourite pastime of {n}?",
        "Name the pastime that {n} enjoys.",
        "Tell me {n}'s hobby.",
        "On what does {n} spend free time?",
        "{n} spends free hours on what?",
        "Which pastime does {n} enjoy?",
        "Which pastime is {n} fond of?",
        "I would like to know what {n} does for fun.",
        "Do you know the hobby of {n}?",
        "With what does {n} fill free hours?",
        "{n}'s pastime: which is it?",
        "Please give the hobby of {n}.",
    ),
    "street": (
        "Where does {n} live?",
        "In which street does {n} live?",
        "What is the address of {n}?",
        "Name the street where {n} lives.",
        "Tell me {n}'s address.",
        "{n} lives in which street?",
        "What street does {n} live on?",
        "Which street is the house of {n} in?",
        "{n}'s address: which street is it?",
    ),
    "headquarters": (
        "Where is {n} based?",
        "In which town does {n} have its headquarters?",
        "Name the town where {n} has its head office.",
        "Tell me where {n} is based.",
        "{n} is based in which town?",
        "In which town is {n} based?",
        "From which town is {n} run?",
        "Which town is {n} run from?",
        "Where are the main offices of {n}?",
        "What are the headquarters of {n}?",
        "I would like to know where {n} is based.",
        "Do you know the head office of {n}?",
        "{n}'s headquarters: which town is it?",
        "Please give the town where {n} is based.",
    ),
    "product": (
        "What does {n} make?",
        "What is the product of {n}?",
        "Name the product of {n}.",
        "Tell me what {n} makes.",
        "Which goods does {n} sell?",
        "Which product is {n} known for?",
        "What does {n} sell?",
        "{n} makes which product?",
        "I would like to know what {n} makes.",
        "Do you know the product of {n}?",
        "{n}'s product: which is it?",
        "Please give the main product of {n}.",
    ),
    "founded": (
        "When was {n} founded?",
        "In which year was {n} founded?",
        "Name the founding year of {n}.",
        "Tell me when {n} was founded.",
        "What year does {n} date from?",
        "What is the year of foundation of {n}?",
        "When was {n} set up?",
        "{n} was founded in which year?",
        "Which year was {n} set up in?",
        "I would like to know when {n} was founded.",
        "Do you know the founding year of {n}?",
        "{n}'s founding year: which is it?",
        "Please give the year in which {n} was founded.",
    ),
    "mayor": (
        "Who is the mayor of {n}?",
        "Which mayor does {n} have?",
        "Name the mayor of {n}.",
        "Tell me who is mayor of {n}.",
        "What is the mayor of {n} called?",
        "Who governs {n}?",
        "By whom is {n} governed?",
        "{n} has which mayor?",
        "I would like to know who governs {n}.",
        "Do you know the mayor of {n}?",
        "{n}'s mayor: who is it?",
        "Please give the mayor of {n}.",
    ),
    "river": (
        "Which river runs through {n}?",
        "On which river does {n} lie?",
        "Name the river of {n}.",
        "Tell me which river runs through {n}.",
        "What river does {n} lie on?",
        "Which river crosses {n}?",
        "{n} lies on which river?",
        "By which river does {n} lie?",
        "I would like to know which river crosses {n}.",
        "Do you know the river of {n}?",
        "{n}'s river: which is it?",
        "Please give the river of {n}.",
    ),
}

HELD_OUT: dict[str, tuple[str, ...]] = {
    "birth_town": ("Which town was {n} born in?", "What is {n}'s birth town?", "Tell me in which town {n} was born."),
    "employer": ("Which company does {n} work for?", "Who is {n}'s employer?", "Name the employer of {n}."),
    "job": ("What is the job of {n}?", "As what does {n} earn a living?", "Tell me the trade of {n}."),
    "hobby": ("What is the hobby of {n}?", "What does {n} enjoy for fun?", "Name {n}'s favourite pastime."),
    "street": ("Which street does {n} live in?", "What is {n}'s address?", "Tell me where {n} lives."),
    "headquarters": ("Which town is {n} based in?", "Where are the headquarters of {n}?"),
    "product": ("Which product does {n} make?", "What is {n}'s product?"),
    "founded": ("What is the founding year of {n}?", "Which year was {n} founded in?"),
    "mayor": ("What is the name of {n}'s mayor?", "Tell me the mayor of {n}."),
    "river": ("What is the river of {n}?", "Through {n} runs which river?"),
}

NOUNS: dict[str, tuple[str, ...]] = {
    "birth_town": ("birthplace", "birth town", "town of birth"),
    "employer": ("employer", "place of work", "company"),
    "job": ("job", "profession", "trade", "occupation"),
    "hobby": ("hobby", "pastime", "favourite pastime"),
    "street": ("address", "street", "home address"),
    "headquarters": ("headquarters", "head office", "main office"),
    "product": ("product", "main product"),
    "founded": ("founding year", "year of foundation"),
    "mayor": ("mayor",),
    "river": ("river",),
}
CLAUSES: dict[str, tuple[str, ...]] = {
    "birth_town": ("where {n} was born", "which town {n} comes from", "in which town {n} was born"),
    "employer": ("who employs {n}", "which company {n} works for", "at which company {n} works"),
    "job": ("what {n} does for a living", "what {n} is by trade", "which trade {n} is in"),
    "hobby": ("what {n} does for fun", "how {n} spends free time", "what {n} is keen on"),
    "street": ("where {n} lives", "in which street {n} lives"),
    "headquarters": ("where {n} is based", "from which town {n} is run"),
    "product": ("what {n} makes", "what {n} sells"),
    "founded": ("when {n} was founded", "in which year {n} was founded"),
    "mayor": ("who is mayor of {n}", "who governs {n}"),
    "river": ("which river runs through {n}", "on which river {n} lies"),
}
NOUN_FRAMES = (
    "Name {}.", "Please give {}.", "May I ask for {}?", "Remind me of {}.", "{}, please.", "{}?",
    "I am looking for {}.", "Look up {}.",
)  # fmt: skip
CLAUSE_FRAMES = (
    "I wonder {}.", "Please say {}.", "May I ask {}?", "Remind me {}.", "I forgot {}.", "Is it known {}?",
)  # fmt: skip
NAME_FRAMES = (
    "What is the name of {}?",
    "Tell me the name of {}.",
    "Do you know the name of {}?",
    "{}: what is its name?",
)
"""For nouns of `NAMED`: what is asked for is found where the noun is, and is not one more thing to look up."""
NAMED = {"employer", "company", "birthplace", "birth town", "town of birth", "river", "{m}"}
"""Not the mayor: a held-out wording asks for that name. `{m}` is what is recorded of nobody, which must not be told by
its frame."""
FRAMES = ("Tell me {}.", "Do you know {}?", "I would like to know {}.", "Can you tell me {}?", "Let me know {}.")
"""For both."""


def framed(attribute: str) -> list[str]:
    """Every noun and clause of the attribute in every frame that takes it.

    >>> framed("mayor")[:4]
    ['Name the mayor of {n}.', "Name {n}'s mayor.", 'Please give the mayor of {n}.', "Please give {n}'s mayor."]
    """
    texts = [text for noun in NOUNS[attribute] for text in framed_nouns(noun)]
    texts += [frame.format(clause) for frame in CLAUSE_FRAMES + FRAMES for clause in CLAUSES[attribute]]
    return [text[0].upper() + text[1:] for text in texts]


def framed_nouns(noun: str) -> list[str]:
    """A noun in every frame that takes it.

    >>> framed_nouns("mayor")[:2]
    ['Name the mayor of {n}.', "Name {n}'s mayor."]
    """
    phrases = (f"the {noun} of {{n}}", f"{{n}}'s {noun}")
    frames = NOUN_FRAMES + FRAMES + (NAME_FRAMES if noun in NAMED else ())
    texts = [frame.format(phrase) for frame in frames for phrase in phrases]
    return [text if text.startswith("{") else text[0].upper() + text[1:] for text in texts]


ASKED: dict[str, tuple[str, ...]] = {
    attribute: tuple(dict.fromkeys(text for text in [*direct, *framed(attribute)] if text not in HELD_OUT[attribute]))
    for attribute, direct in DIRECT.items()
}
