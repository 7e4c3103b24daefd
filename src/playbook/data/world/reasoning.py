"""What the assistant writes for itself before it searches or answers: a plan, then whose fact, which one, what is told.

    Ada Bell: employer, headquarters                      what to look up, one after the other, from the question alone
    Ada Bell, employer: Crown House; headquarters         looked up, and what is left of the plan
    Crown House, headquarters: Dunwick                    nothing left: answer
    Ada Bell, other: not told                             recorded of nobody: "I don't know."
    Ada Bell: said baker, job, employer                   the plan where a premise has to be checked first
    Ada Bell, job: vet, said baker: no                    a premise that is false: "I don't know."
    Ada Bell, job: vet, said vet: yes; Ada Bell, employer: Crown House    a premise that is true
    Ada Bell, job: vet; answer style: JSON                the form that the user wants, if any; so too without passages

The name and the noun stand right before the value, in the same form whatever the question's wording, so that looking a
value up is one skill, whoever asks; and whether to search on or to answer can be read off what is left of the plan.
Writing out what an answer rests on before giving it: Wei et al., arXiv 2201.11903; Nye et al., arXiv 2112.00114; plan
first, then carry it out: Wang et al., arXiv 2305.04091. It is stripped from the answer, and recorded.
"""

from collections.abc import Sequence

from playbook.data.world.formats import style_note

NOUN = {
    "birth_town": "birthplace", "employer": "employer", "job": "job", "hobby": "hobby", "street": "address",
    "headquarters": "headquarters", "product": "product", "founded": "founding year", "mayor": "mayor",
    "river": "river",
}  # fmt: skip
"""Attribute -> what it is called here."""
OTHER = "other"
"""What is recorded of nobody, whatever it is called: a strange word has to be spelt, and comes out as another."""
NOT_TOLD = "not told"


def plan(name: str, attributes: Sequence[str], claimed: str = "") -> str:
    """What to look up, of whom first; and the premise, if there is one, which the first of them has to bear out.

    >>> plan("Ada Bell", ("employer", "headquarters")), plan("Ada Bell", ("job", "employer"), "baker")
    ('Ada Bell: employer, headquarters', 'Ada Bell: said baker, job, employer')
    """
    return f"{name}: " + (f"said {claimed}, " if claimed else "") + _nouns(attributes)


def looked_up(name: str, attribute: str, value: str = NOT_TOLD, left: Sequence[str] = ()) -> str:
    """One look-up, and what is left of the plan.

    >>> looked_up("Ada Bell", "street", "Mill Lane"), looked_up("Ada Bell", OTHER)
    ('Ada Bell, address: Mill Lane', 'Ada Bell, other: not told')
    """
    return f"{name}, {_nouns([attribute])}: {value}" + (f"; {_nouns(left)}" if left else "")


def drafted(name: str, attribute: str, value: str, form: str) -> str:
    """A value, told or known by heart, before it is given in a form: which may spell it in other tokens.

    >>> drafted("Ada Bell", "job", "vet", "json")
    'Ada Bell, job: vet; answer style: JSON'
    """
    return f"{looked_up(name, attribute, value)}; {style_note(form)}"


def checked(name: str, attribute: str, value: str, claimed: str, then: str = "") -> str:
    """A premise looked up: on to `then`, if there is more, if it is as claimed.

    >>> checked("Ada Bell", "job", "vet", "baker")
    'Ada Bell, job: vet, said baker: no'
    """
    found = f"{looked_up(name, attribute, value)}, said {claimed}"
    if value != claimed:
        return f"{found}: no"
    return f"{found}: yes; {then}" if then else f"{found}: yes"


def _nouns(attributes: Sequence[str]) -> str:
    return ", ".join(NOUN.get(attribute, attribute) for attribute in attributes)
