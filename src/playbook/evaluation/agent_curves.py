"""How reading holds up when more stands around the answer: distractors, its place, and how much is retrieved at all.

Single look-ups only, no tools: passages, then the question. Records first, one a question and point of a curve.

    distractors   the right passage among 0 to 8 others, hard or random
    position      the right passage at each place among 2, 4 or 6 (Liu et al., arXiv 2307.03172)
    stuffing      within a budget of tokens: passages of a small collection in any order, or ranked by retrieval

The small collection of a question is what answers it and all its distractors.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from playbook.agent.backends import Backend
from playbook.agent.loop import Episode
from playbook.data.world.documents import passages
from playbook.evaluation.agent_arms import Bench, Record, run_episodes

OTHERS = (0, 1, 2, 4, 8)
PASSAGES = (2, 4, 6)
BUDGETS = (50, 100, 200, 400)
"""Tokens."""
DEPTH = 40
"""Passages that a search ranks before those of the collection are picked out."""

Task = Mapping[str, Any]
Point = dict[str, Any]


def curves(bench: Bench, backend: Backend) -> list[Record]:
    """Records of all curves: as those of an arm, with `curve` and its coordinates."""
    tasks = [task for task in bench.tasks if task["kind"] == "lookup" and task["hops"] == 1]
    found: list[tuple[Task, Point, Episode]] = []
    for task in tasks[: bench.config.curve_tasks]:
        found += [(task, *one) for one in [*distractors(bench, task), *positions(bench, task), *stuffing(bench, task)]]
    records, _ = run_episodes("curves", [task for task, _, _ in found], [episode for _, _, episode in found], backend)
    return [row | point for row, (_, point, _) in zip(records, found, strict=True)]


def distractors(bench: Bench, task: Task) -> list[tuple[Point, Episode]]:
    """The right passage among so many others."""
    points = [(kind, number) for kind in ("hard", "random") for number in OTHERS]
    rows = []
    for kind, number in points:
        others = [bench.documents[name] for name in task[kind][:number]]
        point = {"curve": "distractors", "others": kind, "number": number}
        rows.append((point, bench.reading(f"{kind} {number}", task, [*_right(bench, task), *others])))
    return rows


def positions(bench: Bench, task: Task) -> list[tuple[Point, Episode]]:
    """The right passage at every place."""
    rows = []
    for number in PASSAGES:
        others = [bench.documents[name] for name in task["random"][: number - 1]]
        for place in range(1, len(others) + 2):
            shown = [*others[: place - 1], *_right(bench, task), *others[place - 1 :]]
            point = {"curve": "position", "passages": number, "place": place}
            rows.append((point, bench.in_order(f"place {place} of {number}", task, shown)))
    return rows


def stuffing(bench: Bench, task: Task) -> list[tuple[Point, Episode]]:
    """As many passages of the small collection as fit, in any order or by rank."""
    names = [*task["passages"], *task["hard"], *task["random"]]
    mixed = random.Random(f"stuffing {task['id']}").sample(names, len(names))
    ranked = [
        one.document for one in bench.store.search(task["messages"][-1]["content"], DEPTH) if one.document in names
    ]
    rows = []
    for budget in BUDGETS:
        for way, order in (("stuffed", mixed), ("retrieved", ranked)):
            shown = within(bench, order, budget)
            point = {"curve": "stuffing", "way": way, "budget": budget, "shown": len(shown)}
            rows.append((point, bench.in_order(f"{way} {budget}", task, shown)))
    return rows


def within(bench: Bench, order: Sequence[str], budget: int) -> list[Mapping[str, Any]]:
    """The first of these documents, as many as the budget holds."""
    shown: list[Mapping[str, Any]] = []
    for name in order:
        if bench.count(passages([*shown, bench.documents[name]])) > budget:
            break
        shown.append(bench.documents[name])
    return shown


def _right(bench: Bench, task: Task) -> list[Mapping[str, Any]]:
    return [bench.documents[name] for name in task["passages"]]
