"""How varied and how steady answers are: distinct-2, and consistency over paraphrases. Knows records only.

distinct-n: Li et al., arXiv 1510.03055, section 5.2.
"""

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from playbook.evaluation.statistics import clustered_proportion
from playbook.plumbing.metrics import Measurement

WORD = re.compile(r"\w+|[^\w\s]")


def bigrams(text: str) -> list[tuple[str, str]]:
    """Neighbouring words of a text, case folded; a punctuation mark is a word of its own.

    >>> bigrams("A miller.")
    [('a', 'miller'), ('miller', '.')]
    """
    words = WORD.findall(text.casefold())
    return list(itertools.pairwise(words))


def distinct_2(texts: Sequence[str]) -> Measurement:
    """Different bigrams over all bigrams of all texts together; 0 for texts without any. n counts texts.

    The interval is a jackknife over texts: in a bootstrap the texts drawn twice would add no new bigram, so every
    resample would look less varied than the texts are. It errs on the wide side where most
    bigrams are shared.
    """
    counted = [Counter(bigrams(text)) for text in texts]
    total = sum(counted, Counter[tuple[str, str]]())
    everything, n = total.total(), len(texts)
    value = len(total) / everything if everything else 0.0
    left_out = []  # the value without each text in turn
    for own in counted:
        rest = everything - own.total()
        lost = sum(times == total[bigram] for bigram, times in own.items())
        if rest:
            left_out.append((len(total) - lost) / rest)
    if not left_out:
        return Measurement(value, (0.0, 1.0), n)
    deviations = np.array(left_out) - np.mean(left_out)
    half = 1.96 * float(np.sqrt((n - 1) / n * np.sum(deviations**2)))
    return Measurement(value, (max(0.0, value - half), min(1.0, value + half)), n)


def consistency(records: Sequence[Mapping[str, Any]]) -> Measurement | None:
    """The share of (entity, attribute) pairs whose paraphrases all get the same answer, right or wrong.

    Case, spaces and the mark at the end do not count. Pairs asked once are left out; None where there are no others.
    """
    answers: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in records:
        answers[row["entity"], row["attribute"]].append(" ".join(row["answer"].casefold().rstrip(".!").split()))
    asked_twice = {pair: said for pair, said in answers.items() if len(said) > 1}
    if not asked_twice:
        return None
    agree = [len(set(said)) == 1 for said in asked_twice.values()]
    return clustered_proportion(agree, [entity for entity, _ in asked_twice])
