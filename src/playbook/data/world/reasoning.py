"""What the assistant writes for itself before it answers from passages: whose fact, which one, and what is told.

    Ada Bell, employer: Crown House                       read, and every hop of a search
    Ada Bell, shoe size: not told                         nothing there: "I don't know."
    Ada Bell, job: vet, not baker                         a premise that is false: "I don't know."
    Ada Bell, job: vet; Ada Bell, employer: Crown House   a premise that is true

The name and the noun stand right before the value, in the same form whatever the question's wording, so that looking a
value up is one skill, whoever asks. Writing out what an answer rests on before giving it: Wei et al., arXiv 2201.11903;
Nye et al., arXiv 2112.00114. It is stripped from the answer, and recorded.
"""

NOUN = {
    "birth_town": "birthplace", "employer": "employer", "job": "job", "hobby": "hobby", "street": "address",
    "headquarters": "headquarters", "product": "product", "founded": "founding year", "mayor": "mayor",
    "river": "river",
}  # fmt: skip
"""Attribute -> what it is called here; what is recorded of nobody goes by its own name."""
NOT_TOLD = "not told"


def looked_up(name: str, attribute: str, value: str = NOT_TOLD) -> str:
    """One look-up.

    >>> looked_up("Ada Bell", "street", "Mill Lane"), looked_up("Ada Bell", "shoe size")
    ('Ada Bell, address: Mill Lane', 'Ada Bell, shoe size: not told')
    """
    return f"{name}, {NOUN.get(attribute, attribute)}: {value}"


def checked(name: str, attribute: str, value: str, claimed: str, then: str) -> str:
    """A premise looked up: on to `then` if it is as claimed.

    >>> checked("Ada Bell", "job", "vet", "baker", "")
    'Ada Bell, job: vet, not baker'
    """
    found = looked_up(name, attribute, value)
    return f"{found}; {then}" if value == claimed else f"{found}, not {claimed}"
