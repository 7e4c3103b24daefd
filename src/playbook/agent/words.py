"""A query as words: what is searched for, whatever anybody types. Nothing typed is ever read as search syntax.

Stop words: the 33 of Lucene's English analyzer, and those that a question in words adds. A query of nothing but stop
words keeps them.
"""

import re
import unicodedata
from collections.abc import Iterable

WORD = re.compile(r"[^\W_]+")
LUCENE_STOP_WORDS = """a an and are as at be but by for if in into is it no not of on or such that the their then
there these they this to was will with"""
QUESTION_STOP_WORDS = """am any about been can could did do does had has have he her hers him his how i its me my our
she should so some than them those we were what when where which who whom whose why would you your from s t"""
STOP_WORDS = frozenset(f"{LUCENE_STOP_WORDS} {QUESTION_STOP_WORDS}".split())
MOST_WORDS = 128
"""Of a query; the rest of a longer one (somebody pasted a page) is left out."""


def words(text: str) -> list[str]:
    """The words of a text, case folded, in order.

    >>> words('NEAR("Ada" OR bell*)')
    ['near', 'ada', 'or', 'bell']
    """
    return WORD.findall(unicodedata.normalize("NFC", text).casefold())


def content_words(text: str) -> list[str]:
    """The words that are no stop words, or all of them where there are no others."""
    found = words(text)
    return [word for word in found if word not in STOP_WORDS] or found


def query_words(query: str) -> list[str]:
    """What a query searches for: its different content words, the first `MOST_WORDS` of them."""
    return list(dict.fromkeys(content_words(query)))[:MOST_WORDS]


def any_of(terms: Iterable[str]) -> str:
    """The FTS5 expression that matches any of some words, each a quoted string and never an operator.

    >>> any_of(query_words('who likes "tea" OR coffee*?'))
    '"likes" OR "tea" OR "coffee"'
    """
    return " OR ".join(f'"{word}"' for word in terms)
