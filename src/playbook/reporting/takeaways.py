"""Sentences about the results. Each is chosen by the numbers: no sentence says "above" unless the interval does."""

import pandas as pd

from playbook.plumbing.metrics import Measurement
from playbook.reporting.results import Results
from playbook.reporting.tables import format_measurement

RISE = 1.01
"""A last validation loss this many times the lowest one counts as risen."""


def learning(curve: pd.DataFrame) -> list[str]:
    """Did the loss fall, and did it turn?"""
    trained = curve.dropna(subset=["loss"])
    held_out = curve.dropna(subset=["val_loss"])
    if len(held_out) < 2:
        return [_fell("Training loss", trained.loss, trained.num_tokens)] if len(trained) > 1 else []
    sentences = [_fell("Validation loss", held_out.val_loss, held_out.num_tokens)]
    lowest, last = held_out.val_loss.min(), held_out.val_loss.iloc[-1]
    if last > RISE * lowest:
        at = held_out.num_tokens.iloc[int(held_out.val_loss.argmin())]
        sentences.append(
            f"It was lowest, {lowest:.3f}, after {_millions(at)} tokens and has risen to {last:.3f} since: "
            "more of the same training would not help."
        )
    return sentences


def memory(results: Results, file: str = "evaluate/base") -> list[str]:
    """What is known by heart, of whom, and what is made up."""
    known = results.group(file, "closed_book")
    chance = results.group(file, "closed_book_chance")
    above = results.group(file, "closed_book_above_chance")
    sentences = []
    for split, told in (("A", "asked about in training"), ("B", "only read about in training")):
        if split in known and split in above:
            sentences.append(
                f"People {told} ({split}): {format_measurement(known[split])} right, "
                f"{_against_chance(above[split])} chance, {format_measurement(chance[split])}."
            )
    learned = "A" in above and above["A"].ci95[0] > 0
    if learned and "B" in known:
        sentences.append(f"Facts that were never asked in training {_extracted(known['A'], known['B'])}.")
    if "C" in known and "C" in above:
        sentences.append(_strangers(known["C"], chance["C"], above["C"], learned))
    return sentences + _honesty(results, file)


def _fell(what: str, losses: "pd.Series[float]", tokens: "pd.Series[float]") -> str:
    first, last = losses.iloc[0], losses.iloc[-1]
    verb = "fell" if last < first else "did not fall"
    return (
        f"{what} {verb}: {first:.3f} after {_millions(tokens.iloc[0])} tokens, "
        f"{last:.3f} after {_millions(tokens.iloc[-1])}."
    )


def _millions(tokens: float) -> str:
    return f"{tokens / 1e6:.2f} million"


def _against_chance(above: Measurement) -> str:
    low, high = above.ci95
    return "above" if low > 0 else "below" if high < 0 else "not to be told from"


def _extracted(asked: Measurement, read: Measurement) -> str:
    pair = f"({format_measurement(asked)} for A, {format_measurement(read)} for B)"
    if read.ci95[1] < asked.ci95[0]:
        return f"are harder to get at than those that were {pair}"
    if read.ci95[0] > asked.ci95[1]:
        return f"are, oddly, easier to get at than those that were {pair}"
    return f"come out about as well as those that were: the intervals overlap {pair}"


def _strangers(known: Measurement, chance: Measurement, above: Measurement, learned: bool) -> str:
    low, high = above.ci95
    pair = f"{format_measurement(known)} right, chance {format_measurement(chance)}"
    if low > 0:
        return f"People in no training text (C): {pair}. That is above chance: look for a leak in the data."
    if high < 0:
        return f"People in no training text (C): {pair}. That is below chance."
    so = "no sign of a leak" if learned else "but where nothing was learned, no leak could show"
    return f"People in no training text (C): {pair}. The difference, {format_measurement(above)}, holds 0: {so}."


def _honesty(results: Results, file: str) -> list[str]:
    made_up = results.measurement(file, "hallucination_rate")
    abstained = results.measurement(file, "abstention_rate.C")
    if made_up is None or abstained is None:
        return []
    says = "never says" if abstained.value == 0 else f"says in {format_measurement(abstained)} of the cases"
    return [
        f"Asked about strangers (C) it {says} that it does not know; "
        f"{format_measurement(made_up)} of all answers are wrong and given as if known."
    ]


LOOKS = {
    "copy_name": ("About to write whom it is about", "the name in the question", "names in the other passages"),
    "bind_passage": ("On a value in a passage", "the name in that passage", "names in others"),
    "read_value": ("After name and noun", "the value in the passage of that name", "the values in the others"),
}


def choosing(results: Results) -> list[str]:
    """Where the best head of each step looks, and whether it tells right from wrong."""
    sentences = []
    for step, (when, there, elsewhere) in LOOKS.items():
        looks = results.group("recipe", f"attention.{step}")
        if {"right", "wrong"} <= set(looks):
            right, wrong = looks["right"], looks["wrong"]
            apart = right.ci95[0] > wrong.ci95[1]
            verdict = "it tells them apart" if apart else "it does not tell them apart"
            sentences.append(
                f"{when}, the best head gives {format_measurement(right)} of its attention to {there}, "
                f"{format_measurement(wrong)} to {elsewhere}: {verdict}."
            )
    return sentences
