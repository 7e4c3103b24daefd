"""From the configuration to the corpus folder: build the world once, let each corpus write its file."""

import random
from collections.abc import Iterator
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

from playbook.data.world.agent_tasks import agent_task_rows
from playbook.data.world.biographies import current, distinct, news
from playbook.data.world.config import WorldConfig
from playbook.data.world.conversations import conversation_rows
from playbook.data.world.documents import document_rows
from playbook.data.world.drills import drill_rows
from playbook.data.world.facts import ATTRIBUTES, CLOSED_BOOK, World, build_world
from playbook.data.world.preferences import preference_rows
from playbook.data.world.questions import question_rows, training_questions
from playbook.data.world.rl_prompts import rl_prompt_rows
from playbook.data.world.sessions import session_rows
from playbook.plumbing.files import write_json, write_jsonl

VALIDATION_BIOGRAPHIES = 2
"""Held-out biographies of each A and B person in validation.jsonl."""
PAGES = 10
"""Pages of each employer and town; they have two or three facts, so there are not many ways to tell them."""


def write_world(config: WorldConfig, out: Path) -> dict[str, int]:
    """Write every file of the corpus folder `out`; returns rows by file name. `world.json` holds the configuration."""
    world = build_world(config)
    write_json(out / "world.json", asdict(config))
    train, validation = pretrain_rows(world)
    corpora: dict[str, list[dict[str, Any]] | Iterator[dict[str, Any]]] = {
        "entities.jsonl": [asdict(entity) for entity in world.entities],
        "facts.jsonl": [asdict(fact) for fact in world.facts],
        "pretrain.jsonl": train,
        "validation.jsonl": validation,
        "documents.jsonl": document_rows(world),
        "questions.jsonl": question_rows(world),
        "drills.jsonl": drill_rows(world),
        "conversations.jsonl": conversation_rows(world),
        "preferences.jsonl": preference_rows(world),
        "rl_prompts.jsonl": rl_prompt_rows(world),
        "agent_tasks.jsonl": agent_task_rows(world),
        "sessions.jsonl": session_rows(world),
    }
    return {name: write_jsonl(out / name, rows) for name, rows in corpora.items()}


def pretrain_rows(world: World) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of pretrain.jsonl (in random order) and of validation.jsonl: the same facts, other texts."""
    rng = random.Random(f"pretrain {world.config.seed}")
    train: list[dict[str, Any]] = []
    validation: list[dict[str, Any]] = []
    for entity in [entity for entity in world.entities if entity.split != "C"]:
        is_person = entity.kind == "person"
        values = current(world, entity, CLOSED_BOOK if is_person else ATTRIBUTES[entity.kind])
        count, fewest = (world.config.biographies, 1) if is_person else (PAGES, None)
        held_out = distinct(rng, entity, values, VALIDATION_BIOGRAPHIES)
        texts = distinct(rng, entity, values, count, fewest, held_out)
        kind = "biography" if is_person else "page"
        rows = [{"kind": kind, "entities": [entity.id], "text": text} for text in held_out + texts]
        validation += rows[:VALIDATION_BIOGRAPHIES]
        train += rows[VALIDATION_BIOGRAPHIES:]
        for attribute in ATTRIBUTES[entity.kind]:
            facts = world.history(entity, attribute)
            for old, new in pairwise(facts):
                train.append({"kind": "news", "entities": [entity.id], "text": news(rng, entity, old, new)})
    for person, messages in training_questions(world):
        train.append({"kind": "question", "entities": [person.id], "messages": messages})
    rng.shuffle(train)
    return _with_ids(train, "t"), _with_ids(validation, "v")


def _with_ids(rows: list[dict[str, Any]], prefix: str) -> list[dict[str, Any]]:
    return [{"id": f"{prefix}{number:05d}", **row} for number, row in enumerate(rows, start=1)]
