"""Extraction: facts that are memorised need not be answerable. From scratch, in a smaller model and a smaller county.

Two groups of people, A and B; biographies of both, questions about A alone. With one biography each, read again and
again, the facts of B are learnt by heart and cannot be asked for; with many wordings in any order they can. The
questions may come all along, or only after most of the reading. Memorisation, the values of B in a biography as it
was read, is the control: it must be there in every arm.

Allen-Zhu and Li, Physics of Language Models 3.1, arXiv 2309.14316.

Reads: data/corpus (the size of the county is this lab's own), models/sft (its tokenizer alone).
Writes: labs/failure_modes/data/extraction.jsonl.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch

from labs.failure_modes.answering import answer_rows
from labs.failure_modes.county import County
from labs.failure_modes.experiment import Bench, Lab, Row, of_arm, run_experiment
from playbook.data.world.biographies import current, distinct
from playbook.data.world.config import WorldConfig
from playbook.data.world.facts import CLOSED_BOOK, Entity, build_world
from playbook.data.world.templates import ASKED
from playbook.data.world.turns import Turn, assistant, user
from playbook.model.gpt import GPTMini, ModelConfig
from playbook.plumbing.runtime import RuntimeConfig
from playbook.posttraining.answer_training import AnswerBatches
from playbook.posttraining.pairs import Answer, Pair, collate
from playbook.text.chat import Encoded, encode_chat, encode_document
from playbook.training.optimizer import OptimizerConfig
from playbook.training.schedule import ScheduleConfig
from playbook.training.trainer import TrainConfig, Trainer, language_modelling

AT_ONCE = 64


@dataclass(frozen=True)
class Arm:
    """What is read."""

    wordings: int
    """Different biographies of each person."""
    questions_from: float = 0.0
    """Share of the run after which there are questions."""


@dataclass(frozen=True)
class Extraction:
    """The section `extraction`."""

    world: WorldConfig
    model: ModelConfig
    steps: int
    batch: int
    optimizer: OptimizerConfig
    arms: dict[str, Arm]
    schedule: ScheduleConfig = field(default_factory=lambda: ScheduleConfig(warmup=0.02, decay=0.5))


@dataclass(frozen=True)
class Params:
    """Sections of params.yaml."""

    extraction: Extraction
    bench: Bench = field(default_factory=Bench)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def main() -> None:
    """Train and measure every arm."""
    run_experiment("labs.failure_modes.extraction", Params, play)


def play(lab: Lab, params: Params, seed: int) -> Iterator[Row]:
    """Rows of every arm: questions about A and B, and the biographies of B as they were read."""
    config = params.extraction
    county = County(build_world(config.world))
    people = county.world.of("person", "A", "B")
    for arm, reading in config.arms.items():
        rng = random.Random(f"extraction {seed}")
        texts = {who: distinct(rng, who, current(county.world, who, CLOSED_BOOK), reading.wordings) for who in people}
        told = [encoded(encode_document(text, lab.tokenizer)) for own in texts.values() for text in own]
        asked = [encoded(encode_chat(talk, lab.tokenizer)) for talk in talks(county, rng)]
        torch.manual_seed(seed)
        model = GPTMini(config.model, lab.tokenizer.vocab_size, lab.model.dtype).to(
            lab.model.token_embedding.weight.device
        )
        train = TrainConfig(
            tokens=config.steps * config.batch * config.model.context, batch=config.batch, validations=0,
            optimizer=config.optimizer, schedule=config.schedule,
        )  # fmt: skip
        batches = Reading(told, asked, config.batch, round(reading.questions_from * config.steps), seed)
        Trainer(model, batches, train, lab.work / f"{arm}-{seed}", language_modelling()).run()
        for split in ("A", "B"):
            prompts = list(county.about(county.world.of("person", split), random.Random("extraction"), held_out=False))
            rows = answer_rows(model, model, lab.tokenizer, prompts, seed, greedy=True)
            yield from of_arm(arm, [{"unit": row["unit"], f"known_{split.lower()}": row["right"]} for row in rows])
        yield from of_arm(arm, by_heart(lab, model, county, {who: texts[who][0] for who in people if who.split == "B"}))


class Reading(AnswerBatches):
    """Biographies in the first half of each batch; in the other questions, or more biographies before they begin."""

    def __init__(self, told: Sequence[Answer], asked: Sequence[Answer], batch: int, first: int, seed: int) -> None:
        super().__init__(told, batch, seed)
        self.asked, self.first, self.steps = asked, first, 0

    def take(self, rows: Sequence[Answer], place: int) -> Answer:
        """A random row, the same for the same place and seed."""
        return rows[random.Random(f"{self.seed} {place}").randrange(len(rows))]

    def __next__(self):  # type: ignore[no-untyped-def]
        half, rows = self.batch // 2, []
        other = self.asked if self.given // self.batch >= self.first else self.answers
        for place in range(self.given, self.given + self.batch):
            rows.append(self.take(self.answers if place % self.batch < half else other, place))
        self.given += self.batch
        return collate([Pair(*both) for both in zip(rows[::2], rows[1::2], strict=True)])


def talks(county: County, rng: random.Random) -> Iterator[list[Turn]]:
    """Conversations with questions about every person of A, three a conversation."""
    for person in county.world.of("person", "A"):
        for _ in range(8):
            turns = list[Turn]()
            for attribute in rng.sample(CLOSED_BOOK, 3):
                question = rng.choice(ASKED[attribute]).format(n=person.name)
                turns += [user(question), assistant(f"{county.world.newest(person, attribute).value}.")]
            yield turns


def encoded(one: Encoded) -> Answer:
    """A document or a conversation as a row to train on."""
    return Answer(tuple(one.ids), tuple(one.loss_mask))


@torch.inference_mode()
def by_heart(lab: Lab, model: GPTMini, county: County, texts: dict[Entity, str]) -> Iterator[Row]:
    """Of each person, the share of the tokens of values, in a biography as it was read, that the model foretells."""
    for person, text in texts.items():
        ids = encode_document(text, lab.tokenizer).ids
        guessed = model(torch.tensor([ids[:-1]], device=model.token_embedding.weight.device))[0].argmax(-1).tolist()
        hits = []
        for value in current(county.world, person, CLOSED_BOOK).values():
            wanted = lab.tokenizer.encode(f" {value}")
            at = next((i for i in range(len(ids)) if ids[i : i + len(wanted)] == wanted), None)
            hits += [] if at is None else [guessed[at - 1 + i] == token for i, token in enumerate(wanted)]
        if hits:
            yield {"unit": person.name, "by_heart_b": sum(hits) / len(hits)}


if __name__ == "__main__":
    main()
