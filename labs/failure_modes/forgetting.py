"""Forgetting: fine-tuning on a narrow task costs what was known; replay and reinforcement learning keep more of it.

The task: answer questions about somebody's job in any form but the plain one. Fine-tuning imitates labels in a form
that the model has never used; with replay, a share of its batches comes from the texts and questions of before.
Reinforcement learning is rewarded for any such form, and finds the one among its own that lies nearest. Both go on
until the task is solved. Measured: what is known of B and of other attributes, bits per byte of held-out text, and
the KL from the start on the task's own prompts.

Shenfeld, Pari and Agrawal, "RL's razor", arXiv 2509.04259.

Reads: data/corpus, models/sft.
Writes: labs/failure_modes/data/forgetting.jsonl.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from labs.failure_modes.answering import answer_rows, is_right, text_rows
from labs.failure_modes.county import LONG, dealt, value_of
from labs.failure_modes.experiment import Bench, Lab, Row, of_arm, run_experiment
from labs.failure_modes.forks import encode
from labs.failure_modes.policies import improve
from playbook.data.world.biographies import biography, current
from playbook.data.world.facts import CLOSED_BOOK
from playbook.model.gpt import GPTMini
from playbook.plumbing.runtime import RuntimeConfig
from playbook.posttraining.answer_training import FitConfig, fit
from playbook.posttraining.grpo_loop import GRPOConfig
from playbook.posttraining.pairs import Answer
from playbook.posttraining.rollouts import Record
from playbook.text.chat import encode_document

FOREIGN = "Trade, as recorded, {v}, signed, {v}."
TASK = "job"
LONGEST_JOB = 1
"""Words."""
OWN = 4
"""One answer in so many of the fork is in the longer one of its own forms."""


@dataclass(frozen=True)
class Forgetting:
    """The section `forgetting`."""

    start: FitConfig
    train: FitConfig
    improve: GRPOConfig
    kept: float
    """Share of the rows of `start` that come from before."""
    replay: dict[str, float]
    """Arm -> share of the rows that come from before."""
    texts: int
    """Biographies to replay from, beside as many questions."""


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    forgetting: Forgetting
    bench: Bench = field(default_factory=Bench)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def main() -> None:
    """Train and measure every arm."""
    run_experiment("labs.failure_modes.forgetting", Params, play)


def play(lab: Lab, params: Params, seed: int) -> Iterator[Row]:
    """Rows of every arm: the task on others of A, questions about B, held-out texts."""
    config, county, rng = params.forgetting, lab.county, random.Random(f"forgetting {seed}")
    context = lab.model.config.context
    asked = list(county.about(county.trained, rng, held_out=False))
    forms = dealt(rng, [LONG] + ["{v}."] * (OWN - 1), len(asked))
    own = [form.format(v=value_of(p)) for form, p in zip(forms, asked, strict=True)]
    before = replayed(lab, config.texts, rng)
    both = mixed(encode(asked, own, lab.tokenizer, context), before, config.kept)
    start = fit(lab.model, both, config.start, lab.work / f"start-{seed}", seed)
    tasks = [prompt for prompt in asked if prompt["attribute"] == TASK]
    labels = encode(tasks, [FOREIGN.format(v=value_of(p)) for p in tasks], lab.tokenizer, context)
    checks = list(county.about(county.measured, random.Random("forgetting"), held_out=True))
    known = list(county.about(county.world.of("person", "B")[::2], random.Random("forgetting"), held_out=True))
    known = [prompt for prompt in known if prompt["attribute"] != TASK]

    def told(arm: str, model: GPTMini) -> Iterator[Row]:
        done = answer_rows(model, start, lab.tokenizer, [p for p in checks if p["attribute"] == TASK], seed)
        yield from of_arm(
            arm,
            [
                {"unit": row["unit"], "kl": row["kl"], "solved": solved(prompt, row["answer"])}
                for row, prompt in zip(done, [p for p in checks if p["attribute"] == TASK], strict=True)
            ],
        )
        rows = answer_rows(model, start, lab.tokenizer, known, seed, greedy=True)
        yield from of_arm(
            arm, [{"unit": row["unit"], "known_b": row["right"], "answer": row["answer"]} for row in rows]
        )
        yield from of_arm(arm, text_rows(model, lab.tokenizer, county.texts))

    yield from told("start", start)
    for arm, share in config.replay.items():
        rows = mixed(labels, before, share)
        yield from told(arm, fit(start, rows, config.train, lab.work / f"{arm}-{seed}", seed))
    tuned, _ = improve(start, lab.tokenizer, tasks, solved, config.improve, lab.work / "rl", seed)
    yield from told("rl", tuned)


def solved(prompt: Record, answer: str) -> float:
    """The reward: right, and in more words than a value has."""
    return float(is_right(dict(prompt), answer) and len(answer.split()) > LONGEST_JOB)


def replayed(lab: Lab, texts: int, rng: random.Random) -> list[Answer]:
    """Biographies of A and B as before, and questions about A in the plain form."""
    people = lab.county.world.of("person", "A", "B")
    told = [encode_document(biography(rng, person, current(lab.county.world, person, CLOSED_BOOK)), lab.tokenizer)
            for person in rng.choices(people, k=texts)]  # fmt: skip
    asked = rng.choices(list(lab.county.about(lab.county.world.of("person", "A"), rng, held_out=False)), k=texts)
    plain = encode(asked, [f"{value_of(p)}." for p in asked], lab.tokenizer, lab.model.config.context)
    return [*(Answer(tuple(one.ids), tuple(one.loss_mask)) for one in told), *plain]


def mixed(labels: Sequence[Answer], before: Sequence[Answer], share: float) -> list[Answer]:
    """Rows of the task, and of before in the given share of all: as many different ones as there are, then again."""
    if share == 1:
        return list(before)
    times = 8
    count = round(share / (1 - share) * times * len(labels))
    return [*(list(labels) * times), *(before[number % len(before)] for number in range(count))]


if __name__ == "__main__":
    main()
