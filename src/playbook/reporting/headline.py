"""The headline table: what was promised, what was measured, and whether the promise holds."""

from dataclasses import dataclass
from typing import Any, Literal

from playbook.plumbing.metrics import Measurement
from playbook.reporting.results import Results
from playbook.reporting.tables import (
    NOTHING,
    format_fact,
    format_interval,
    format_measurement,
    format_value,
    markdown_table,
)

CLOSED_BOOK = ("evaluate/base", "pretrain")
TUNED = ("evaluate/sft", "sft")
SKILLS = ("recipe",)
CHANGES = ("compare",)
LOSS = ("pretrain", "evaluate/base")
PLACES = 3
"""Decimals at least, so that 0.9796 does not stand as 0.98 beside a target that it misses."""


@dataclass(frozen=True)
class Line:
    """A row of the table: a measurement (or, where the name begins with "run.", a run fact) and its target."""

    label: str
    files: tuple[str, ...]
    """Metrics files that may hold it; the first that does is used."""
    name: str
    rule: Literal["at least", "at most", "chance", "rises", "falls", ""] = ""
    target: float = 0.0


SKILL_LINES = (
    Line("Facts of A, known after fine-tuning", SKILLS, "known_facts.A", "at least", 0.98),
    Line("Facts of B, known after fine-tuning", SKILLS, "known_facts.B", "at least", 0.95),
    Line("One page about a stranger, read", SKILLS, "read_1", "at least", 0.97),
    Line("The right one of three pages", SKILLS, "read_3", "at least", 0.85),
    Line("The same pages in another order", SKILLS, "shuffled"),
    Line("The same pages, two names exchanged", SKILLS, "swapped_names"),
    Line("The same pages, another person asked about", SKILLS, "other_person"),
    Line("One look-up", SKILLS, "hops_1"),
    Line("Two look-ups, one after the other", SKILLS, "hops_2", "at least", 0.90),
    Line("Three look-ups", SKILLS, "hops_3", "at least", 0.80),
    Line("No answer to be found, and answered all the same", SKILLS, "false_answer_rate", "at most", 0.05),
    Line("An answer to be found, and refused", SKILLS, "false_refusal_rate", "at most", 0.05),
)
"""What the fine-tuned model does with passages that it has never seen, about people that it has never read of."""
ALIGNMENT_LINES = (
    Line("Reward model: held-out pairs ranked rightly", ("reward",), "accuracy", "at least", 0.95),
    Line("Reward model: calibration error", ("reward",), "ece", "at most", 0.05),
    Line("Reward model: rank correlation with the gold reward", ("reward",), "corr_with_gold", "at least", 0.9),
    Line("Gold reward, base to fine-tuned", CHANGES, "sft_minus_base.gold_reward", "rises"),
    Line("Gold reward, fine-tuned to DPO", CHANGES, "dpo_minus_sft.gold_reward", "rises"),
    Line("Gold reward, DPO to GRPO", CHANGES, "grpo_minus_dpo.gold_reward", "rises"),
    Line("Wrong answers given as if known, base to GRPO", CHANGES, "grpo_minus_base.hallucination_rate", "falls"),
    Line("Memory, B, base to GRPO", CHANGES, "grpo_minus_base.closed_book_B", "at least", -0.03),
)
"""What post-training is to do; differences are paired, on the same prompts."""
LINES = (
    Line("Memory, A: biography and questions in training", CLOSED_BOOK, "closed_book.A", "at least", 0.98),
    Line("Memory, B: only the biography in training", CLOSED_BOOK, "closed_book.B", "at least", 0.95),
    Line("Memory, C: in no training text", CLOSED_BOOK, "closed_book.C", "chance"),
    Line("Wrong answers given as if known, all questions", CLOSED_BOOK, "hallucination_rate"),
    Line("After fine-tuning: memory, C", TUNED, "closed_book.C"),
    Line("After fine-tuning: wrong answers given as if known", TUNED, "hallucination_rate"),
    *(line for line in SKILL_LINES if line.rule),
    *ALIGNMENT_LINES,
    Line("Held-out text, bits per byte", LOSS, "val_bits_per_byte"),
    Line("Held-out text, nats per token", LOSS, "val_loss"),
    Line("Parameters", ("pretrain",), "run.params", "at most", 3e6),
    Line("Pretraining, seconds", ("pretrain",), "run.seconds", "at most", 400.0),
    Line("Fine-tuning, seconds", ("sft",), "run.seconds"),
)
"""Targets are those of the default parameters on two quiet CPU cores."""

HEADERS = ("what", "value", "95% interval", "n", "target", "verdict")


def headline_table(results: Results, lines: tuple[Line, ...] = LINES) -> str:
    """The table as Markdown; what has not been measured has no row. Says so where nothing has."""
    rows = [found for line in lines if (found := row(results, line)) is not None]
    return markdown_table(rows, HEADERS) if rows else "Nothing has been measured yet: run `dvc repro`."


def row(results: Results, line: Line) -> tuple[Any, ...] | None:
    """A line as the cells of `HEADERS`; None where it has not been measured."""
    for file in line.files:
        if line.name.startswith("run."):
            fact = results.fact(file, line.name.removeprefix("run."))
            if isinstance(fact, int | float):
                return line.label, format_fact(fact), NOTHING, NOTHING, *_judge_fact(fact, line)
        elif (found := results.measurement(file, line.name)) is not None:
            judged = _judge_chance(results, file, line) if line.rule == "chance" else judge(found, line)
            return line.label, format_value(found, PLACES), format_interval(found, PLACES), found.n, *judged
    return None


def judge(found: Measurement, line: Line) -> tuple[str, str]:
    """(target, verdict) of a measurement; the verdict tells when the interval leaves the matter open.

    >>> judge(Measurement(0.97, (0.95, 0.99), 140), Line("", (), "", "at least", 0.96))
    ('≥ 0.96', 'met, interval reaches below')
    """
    low, high = found.ci95
    if line.rule == "at least":
        met, doubt, word = found.value >= line.target, low < line.target <= high, "≥"
    elif line.rule == "at most":
        met, doubt, word = found.value <= line.target, low <= line.target < high, "≤"
    elif line.rule in ("rises", "falls"):
        return judge_change(found, line.rule == "rises")
    else:
        return NOTHING, NOTHING
    beyond = "below" if met == (line.rule == "at least") else "above"
    verdict = "met" if met else "missed"
    return f"{word} {format_fact(line.target)}", f"{verdict}, interval reaches {beyond}" if doubt else verdict


def judge_change(found: Measurement, rises: bool) -> tuple[str, str]:
    """A difference that has to be on one side of 0 with its whole interval.

    >>> judge_change(Measurement(0.02, (-0.01, 0.05), 140), rises=True)
    ('> 0', 'open: the interval holds 0')
    """
    low, high = found.ci95
    verdict = "open: the interval holds 0" if low <= 0 <= high else "met" if (low > 0) == rises else "missed"
    return "> 0" if rises else "< 0", verdict


def _judge_fact(fact: float | int, line: Line) -> tuple[str, str]:
    return judge(Measurement(float(fact), (float(fact), float(fact)), 1), line)


def _judge_chance(results: Results, file: str, line: Line) -> tuple[str, str]:
    """At chance: the interval of the difference between accuracy and chance, on the same entities, holds 0."""
    split = line.name.rpartition(".")[2]
    chance = results.measurement(file, f"closed_book_chance.{split}")
    above = results.measurement(file, f"closed_book_above_chance.{split}")
    if chance is None or above is None:
        return "chance", "cannot be told: chance was not measured"
    low, high = above.ci95
    verdict = "met" if low <= 0 <= high else f"missed, {'above' if low > 0 else 'below'} chance"
    return f"chance: {format_measurement(chance, PLACES)}", verdict
