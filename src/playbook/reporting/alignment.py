"""The part of the report on post-training: before and after, what each step changed, the reward model, a gallery."""

from collections.abc import Mapping, Sequence

from playbook.plumbing.metrics import Measurement
from playbook.reporting.results import Results
from playbook.reporting.samples import Record
from playbook.reporting.tables import NOTHING, escape, format_measurement, markdown_table

CHECKPOINTS = ("base", "sft", "dpo", "grpo")
ROWS = {
    "gold_reward": "gold reward, all prompts",
    "gold_reward_by_kind.question_A": "gold reward, questions about A",
    "gold_reward_by_kind.question_B": "gold reward, questions about B",
    "gold_reward_by_kind.question_C": "gold reward, questions about C",
    "gold_reward_by_kind.form": "gold reward, where a form is asked for",
    "gold_reward_by_kind.unknown_entity": "gold reward, questions about nobody",
    "gold_reward_by_kind.missing_attribute": "gold reward, questions about what is not recorded",
    "closed_book.A": "right from memory, A",
    "closed_book.B": "right from memory, B",
    "closed_book.C": "right from memory, C",
    "hallucination_rate": "wrong answers given as if known",
    "instruction_following": "answers in the form asked for",
    "instructed_and_right": "in the form asked for, and right",
    "abstention_by_kind.unknown_entity": '"I don\'t know." about nobody',
    "abstention_by_kind.missing_attribute": '"I don\'t know." about what is not recorded',
    "style": "plain answers of one value, or an abstention",
    "consistency": "same answer to all wordings",
    "win_rate_vs_sft": "win rate against the fine-tuned model",
    "kl_to_sft": "KL from the fine-tuned model, nats an answer",
    "completion_length": "tokens of an answer",
    "distinct_2": "distinct bigrams",
    "val_bits_per_byte": "held-out text, bits per byte",
}
CHANGES = {
    "gold_reward": "gold reward",
    "hallucination_rate": "wrong answers given as if known",
    "closed_book_A": "right from memory, A",
    "closed_book_B": "right from memory, B",
    "closed_book_C": "right from memory, C",
    "instruction_following": "answers in the form asked for",
    "abstention": '"I don\'t know." where there is no answer',
    "completion_length": "tokens of an answer",
}
STEPS = {
    "sft_minus_base": "base → sft",
    "dpo_minus_sft": "sft → dpo",
    "grpo_minus_dpo": "dpo → grpo",
    "grpo_minus_base": "base → grpo",
}
CARD = {
    "accuracy": "pairs ranked rightly, by the gold reward",
    "accuracy_noisy": "pairs ranked as labelled, flipped labels included",
    "accuracy_length_balanced": "ranked rightly, longer and shorter counting alike",
    "accuracy_by_kind.fact": "ranked rightly, facts",
    "accuracy_by_kind.unknown_entity": "ranked rightly, about nobody",
    "accuracy_by_kind.missing_attribute": "ranked rightly, about what is not recorded",
    "ece": "calibration error (ECE), by the labels as given",
    "ece_clean": "calibration error, by the true labels",
    "corr_with_gold": "rank correlation with the gold reward",
}


def stages_table(results: Results) -> str | None:
    """Every measure at every checkpoint; None where no checkpoint has any."""
    columns = [name for name in CHECKPOINTS if results.measurement(f"evaluate/{name}", "win_rate_vs_sft")]
    rows = [[label, *(_cell(results, f"evaluate/{name}", key) for name in columns)] for key, label in ROWS.items()]
    return markdown_table(rows, ["measure", *columns]) if columns else None


def changes_table(results: Results) -> str | None:
    """What each step changed, paired; None where nothing was compared."""
    columns = [step for step in STEPS if results.group("compare", step)]
    rows = [
        [label, *(_cell(results, "compare", f"{step}.{key}") for step in columns)] for key, label in CHANGES.items()
    ]
    return markdown_table(rows, ["change in", *(STEPS[step] for step in columns)]) if columns else None


def card_table(results: Results) -> str | None:
    """The reward model's card."""
    rows = [
        (label, format_measurement(found), found.n)
        for key, label in CARD.items()
        if (found := results.measurement("reward", key)) is not None
    ]
    return markdown_table(rows, ("reward model, held-out people", "value", "n")) if rows else None


def steps_told(results: Results) -> list[str]:
    """Whether the gold reward rose and inventions fell, step by step; a sentence says so only if the interval does."""
    sentences = []
    for step, title in STEPS.items():
        worth = results.measurement("compare", f"{step}.gold_reward")
        made_up = results.measurement("compare", f"{step}.hallucination_rate")
        if worth is not None and made_up is not None:
            sentences.append(
                f"{title}: the gold reward {_moved(worth)} ({format_measurement(worth, 3)}), "
                f"wrong answers given as if known {_moved(made_up)} ({format_measurement(made_up, 3)})."
            )
    return sentences


def gallery(records: Mapping[str, Sequence[Record]], each: int = 2) -> str | None:
    """The same prompts through all checkpoints: of each kind and split the first not answered alike by all."""
    there = [name for name in CHECKPOINTS if records.get(name) and "gold_reward" in records[name][0]]
    if len(there) < 2:
        return None
    answers = {name: {row["id"]: row for row in records[name]} for name in there}
    taken: dict[tuple[str, str], int] = {}
    rows = list[list[str]]()
    for row in records[there[-1]]:
        found = [answers[name].get(row["id"]) for name in there]
        key = (row.get("kind", "question"), row["split"])
        if not row["held_out"] or any(one is None for one in found) or taken.get(key, 0) >= each:
            continue
        told = [one for one in found if one is not None]
        if len({one["answer"] for one in told}) > 1 and row["entity"] not in {one[0] for one in rows}:
            taken[key] = taken.get(key, 0) + 1
            rows.append([row["entity"], escape(row["prompt"]), *(_said(one) for one in told), escape(row["gold"])])
    return markdown_table([cells[1:] for cells in rows], ["prompt", *there, "the fact"]) if rows else None


def _said(row: Record) -> str:
    return f"{escape(row['answer'], 60) or '*(nothing)*'} ({row['gold_reward']:+.2f})"


def _moved(change: Measurement) -> str:
    low, high = change.ci95
    return "rose" if low > 0 else "fell" if high < 0 else "did not change for certain"


def _cell(results: Results, file: str, name: str) -> str:
    found = results.measurement(file, name)
    return NOTHING if found is None else format_measurement(found)
