"""What a model can do with text that it has never seen: read passages, search hop by hop, admit that it cannot know.

All tasks are about C entities, which no training text names, in held-out wordings; contexts are handed to the model, so
nothing here measures a retriever. First tasks, then conversations, then records, one a task; numbers come from records
alone. Variants of the very same reading rows (other order, exchanged names, another question) tell reading from tricks.

A model's fault (a call without end, a query for nobody, an empty answer) is recorded and counts as wrong; a context
that is too short for what a task needs raises `InputError`.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

from playbook.data.world.chains import chains, follow, visited
from playbook.data.world.config import WorldConfig
from playbook.data.world.documents import NOTHING_FOUND, entity_documents, passages
from playbook.data.world.facts import ATTRIBUTES, Entity, World, build_world
from playbook.data.world.gold import is_abstention, is_correct
from playbook.data.world.reasoning import NOT_TOLD, NOUN
from playbook.data.world.strangers import unknown_people
from playbook.data.world.templates import HELD_OUT
from playbook.data.world.turns import AGENT, Turn, assistant, system, tool, user
from playbook.data.world.unanswerable import about_missing, about_nobody, on_premise
from playbook.evaluation.closed_book import EvaluateConfig, Question, read_questions
from playbook.evaluation.statistics import clustered_proportion
from playbook.inference.generate import generate
from playbook.inference.sampling import GREEDY
from playbook.model.gpt import GPTMini
from playbook.plumbing.config import build
from playbook.plumbing.errors import InputError
from playbook.plumbing.files import read_json
from playbook.plumbing.metrics import Measurement
from playbook.plumbing.runlog import progress
from playbook.text.chat import decode_answer, encode_prompt
from playbook.text.special_tokens import END
from playbook.text.tokenizer import Tokenizer

Task = Mapping[str, Any]
"""id, kind, entity (the cluster of intervals), messages, answer, path (the names that have to be searched for, in
order), calls (how many may be made), and what metrics of the kind need: position, namesake, others, split. A task to
search for may name whose page a search for nobody finds (`found_instead`)."""
Record = dict[str, Any]
Answerer = Callable[[Sequence[list[Turn]]], Sequence[Turn | None]]
"""Conversations -> the assistant's next turn of each; None where the conversation leaves no room for one."""

ROWS = 200
"""Tasks of each kind of reading, of each number of hops, and closed-book questions of each split."""
UNANSWERABLE_ROWS = 70
"""Tasks of each kind that has no answer, and with a true premise."""
PAGES = 3
NAMESAKES = 0.5
"""How often a page beside the subject's is that of somebody with a part of the same name, where there is one."""
DISTRACTORS = 2
"""Pages of others in each search result, as far as there is room for them."""
MOST_PASSAGES = {1: 5, 2: 4, 3: 2}
"""In a search result beyond which no page of others is added, by hops: so what a task takes stays below 512 tokens."""
MOST_CALLS = 5
SHARE_OF_BATCH = 4
"""Prompts are much longer than the bare questions that `evaluate.batch_size` is meant for: a quarter at once."""
UNANSWERABLE = ("unknown_entity", "missing_attribute", "false_premise")
ANSWERABLE = ("true_premise", "hops_1")
EXACT = ("read_1", "read_3", "shuffled", "swapped_names", "other_person", "hops_1", "hops_2", "hops_3")
"""Kinds whose metric of the same name is the share of right answers."""
COPIED = ("id", "kind", "entity", "split", "attribute", "name", "position", "namesake", "others")
MISTAKES = ("name", "noun", "passage", "refused", "value")
"""What the reasoning of a wrong answer got wrong first: whom it is about, what of them, whose passage it read, whether
it is told at all, or (the rest) the value itself."""


def read_bench(corpus: Path) -> tuple[World, list[Task]]:
    """The world of a corpus folder, and all tasks about it: the same ones for the same world."""
    world = build_world(build(WorldConfig, read_json(corpus / "world.json"), str(corpus / "world.json")))
    questions = read_questions(corpus / "questions.jsonl")
    return world, [*reading_tasks(world), *hop_tasks(world), *premise_tasks(world), *known_facts_tasks(questions)]


def reading_tasks(world: World, rows: int = ROWS) -> Iterator[Task]:
    """One page, three pages, and three variants of those three; what a page tells of a street may since be old."""
    rng, people = random.Random(f"skills reading {world.config.seed}"), world.of("person", "C")
    usable = [name for name in ATTRIBUTES["person"] if len({_told(world, p, name) for p in people}) >= PAGES]
    if not usable:
        raise InputError("world.people_c", f"{PAGES} people who differ in an attribute", f"{len(people)} people")
    for number in range(rows):
        subject, attribute = people[number % len(people)], rng.choice(usable)
        shown = [subject]
        while len(shown) < PAGES:
            seen = {_told(world, person, attribute) for person in shown}
            others = [person for person in people if _told(world, person, attribute) not in seen]
            similar = _similar(others, subject.name)
            shown.append(rng.choice(similar if similar and rng.random() < NAMESAKES else others))
        order, other, wording = rng.sample(shown, PAGES), rng.choice(shown[1:]), rng.choice(HELD_OUT[attribute])
        another = rng.choice([list(found) for found in permutations(order) if list(found) != order])
        names = {subject.name: other.name, other.name: subject.name}
        swapped = [replace(person, name=names.get(person.name, person.name)) for person in order]
        variants = {
            "read_1": ([subject], subject), "read_3": (order, subject), "shuffled": (another, subject),
            "swapped_names": (swapped, subject), "other_person": (order, other),
        }  # fmt: skip
        for kind, (about, asked) in variants.items():
            pages = [entity_documents(random.Random(f"{number} {p.id}"), world, p)[0] for p in about]
            values = [_told(world, person, attribute) for person in about]
            position = [person.name for person in about].index(asked.name)
            yield {
                "id": f"{kind}-{number}", "kind": kind, "entity": subject.id, "attribute": attribute,
                "name": asked.name, "messages": [tool(passages(pages)), user(wording.format(n=asked.name))],
                "answer": f"{values[position]}.", "path": [], "calls": 0, "position": position + 1,
                "namesake": bool(_similar(shown[1:], subject.name)),
                "others": values[:position] + values[position + 1 :],
            }  # fmt: skip


def hop_tasks(world: World, rows: int = ROWS) -> Iterator[Task]:
    """Chains of one to three hops, none of them twice."""
    rng = random.Random(f"skills hops {world.config.seed}")
    for hops in (1, 2, 3):
        pairs = [(chain, start) for chain in chains(hops) for start in world.of(chain.kind, "C")]
        for number, (chain, start) in enumerate(rng.sample(pairs, min(rows, len(pairs)))):
            question = rng.choice(chain.held_out).format(n=start.name)
            answer = follow(world, start, chain.path)[-1].value
            path = [entity.name for entity in visited(world, start, chain.path)]
            yield _search_task(f"hops_{hops}", number, start.id, question, f"{answer}.", path)


def premise_tasks(world: World, rows: int = UNANSWERABLE_ROWS) -> Iterator[Task]:
    """Questions to search for that have no answer, and (a control) some whose premise turns out to be true."""
    rng = random.Random(f"skills premises {world.config.seed}")
    nobody, people = unknown_people(world)[1], world.of("person", "C")
    for number in range(rows):
        name, person = nobody[number % len(nobody)], people[number % len(people)]
        found = about_nobody(rng, name, held_out=True)
        similar = _similar(people, name)
        namesake = rng.choice(similar).name if similar and rng.random() < 0.5 else None
        task = _search_task("unknown_entity", number, name, found["question"], found["answer"], [name])
        yield {**task, "found_instead": namesake}
        for found in (
            about_missing(rng, person.name, held_out=True),
            on_premise(rng, world, person, held_out=True, true=False),
            on_premise(rng, world, person, held_out=True, true=True),
        ):
            yield _search_task(found["kind"], number, person.id, found["question"], found["answer"], [person.name])


def known_facts_tasks(questions: Sequence[Question], rows: int = ROWS) -> Iterator[Task]:
    """Some of the closed-book questions about A and of those about B, in held-out words."""
    rng = random.Random("skills known facts")
    for split in ("A", "B"):
        found = [row for row in questions if row["held_out"] and row["split"] == split]
        for row in rng.sample(found, min(rows, len(found))):
            yield {**row, "kind": "known_facts", "path": [], "calls": 0}


def search_result(world: World, task: Task, query: str, number: int) -> Turn:
    """All documents about whoever has that name and up to two pages of others of its kind, in random order.

    A name of nobody finds nothing, or the page that the task has in store for this (`found_instead`).
    """
    rng, entity = random.Random(f"{task['id']} {number}"), world.by_name.get(query.strip())
    if entity is None:
        instead = task.get("found_instead")
        return tool(passages(entity_documents(rng, world, world.by_name[instead])[:1] if instead else []))
    documents = entity_documents(rng, world, entity)
    room = max(0, MOST_PASSAGES[len(task["path"])] - len(documents))
    others = [other for other in world.of(entity.kind, "C") if other != entity]
    for other in rng.sample(others, min(DISTRACTORS, room, len(others))):
        documents += entity_documents(rng, world, other)[:1]
    return tool(passages(rng.sample(documents, len(documents))))


def converse(tasks: Sequence[Task], world: World, answerer: Answerer) -> list[Record]:
    """Let every task be answered, all of one step together, and judge the answers; records in the order of tasks."""
    talks = [list(task["messages"]) for task in tasks]
    running = list(range(len(tasks)))
    while running:
        replies = answerer([talks[i] for i in running])
        searching = []
        for i, reply in zip(running, replies, strict=True):
            task, talk = tasks[i], talks[i]
            queries = [turn["tool_call"]["query"] for turn in talk if "tool_call" in turn]
            if reply is None and queries == task["path"][: len(queries)]:
                got = f"a longer prompt, of the task {task['id']} after {len(queries)} searches"
                raise InputError(
                    "params.yaml: sft.context", "room for what every task takes", got, "raise it and train anew"
                )
            talk.append(reply or assistant(""))
            if "tool_call" in talk[-1] and len(queries) < task["calls"]:
                call = talk[-1]["tool_call"]
                searches = call["name"] == "search"
                talk.append(
                    search_result(world, task, call["query"], len(queries)) if searches else tool(NOTHING_FOUND)
                )
                searching.append(i)
        running = searching
    return [record(task, talk) for task, talk in zip(tasks, talks, strict=True)]


def model_answerer(model: GPTMini, tokenizer: Tokenizer, config: EvaluateConfig) -> Answerer:
    """Greedy answers, in batches of about the same length, so that little of them is padding.

    A prompt may fill the context; where positions are learned and not relative, it must leave room for an answer.
    """
    spare = 0 if model.config.position == "rope" else config.max_new_tokens
    size = max(1, config.batch_size // SHARE_OF_BATCH)

    def answer(talks: Sequence[list[Turn]]) -> list[Turn | None]:
        prompts = [encode_prompt(talk, tokenizer) for talk in talks]
        fitting = [i for i, prompt in enumerate(prompts) if len(prompt) + spare <= model.config.context]
        order = sorted(fitting, key=lambda i: len(prompts[i]))
        replies: list[Turn | None] = [None] * len(talks)
        for start in progress(range(0, len(order), size), "skills"):
            chosen = order[start : start + size]
            rows = [prompts[i] for i in chosen]
            new_ids = generate(model, rows, GREEDY, [tokenizer.id_of(END)], config.max_new_tokens)
            for i, ids in zip(chosen, new_ids, strict=True):
                replies[i] = decode_answer(ids, tokenizer)
        return replies

    return answer


def record(task: Task, talk: Sequence[Turn]) -> Record:
    """One row of records: the task, everything before the last turn as text, that turn, and the verdict.

    A last turn that calls a tool once more is no right answer, whatever it says besides.
    """
    answer = _said(talk[-1])
    return {key: task[key] for key in COPIED if key in task} | {
        "prompt": "\n".join(f"{turn['role']}: {_said(turn)}" for turn in talk[:-1]),
        "reasoning": talk[-1].get("reasoning_content", ""),
        "answer": answer,
        "gold": task["answer"],
        "correct": is_correct(answer, task["answer"]),
        "abstained": is_abstention(answer),
    }


def skill_metrics(records: Sequence[Record]) -> dict[str, Any]:
    """Numbers from records alone; intervals are clustered by entity (of a chain: where it begins).

    - `read_1`, `read_3`: share of right answers with one page, and with three pages of which one is the subject's
    - `shuffled`, `swapped_names`, `other_person`: the rows of read_3 with the pages in another order; with the names of
      the subject and of another exchanged, so that the other's value is right; with a question about another
    - `read_3_chosen_other`: share of answers that are the value of a wrong page; `read_3_mistakes.*`: share of answers
      that go wrong at each of `MISTAKES`; `read_3_by_position.{1,2,3}` of the
      right page; `read_3_by_namesake.{yes,no}`: whether a wrong page is of somebody with a part of the subject's name
    - `hops_1`, `hops_2`, `hops_3`: share of right answers after searches
    - `false_answer_rate`: share of answers other than "I don't know." to what has no answer (an empty or unfinished one
      too), and `false_answer_by_kind`; `false_refusal_rate`: share of "I don't know." to what has one
    - `known_facts.{A,B}`: share of right closed-book answers
    """
    of = _by(records, lambda row: row["kind"])
    unanswerable = [row for kind in UNANSWERABLE for row in of.get(kind, [])]
    answerable = [row for kind in ANSWERABLE for row in of.get(kind, [])]

    def share(rows: Sequence[Record], outcome: Callable[[Record], bool]) -> Measurement:
        return clustered_proportion([outcome(row) for row in rows], [row["entity"] for row in rows])

    def right(rows: dict[str, list[Record]]) -> dict[str, Measurement]:
        return {name: share(found, lambda row: row["correct"]) for name, found in rows.items()}

    def answered(row: Record) -> bool:
        return not row["abstained"]

    return {
        **right({kind: of[kind] for kind in EXACT}),
        "read_3_chosen_other": share(of["read_3"], _chose_other),
        "read_3_mistakes": {kind: share(of["read_3"], partial(_goes_wrong_at, kind)) for kind in MISTAKES},
        "read_3_by_position": right(_by(of["read_3"], lambda row: str(row["position"]))),
        "read_3_by_namesake": right(_by(of["read_3"], lambda row: "yes" if row["namesake"] else "no")),
        "false_answer_rate": share(unanswerable, answered),
        "false_answer_by_kind": {kind: share(of[kind], answered) for kind in UNANSWERABLE},
        "false_refusal_rate": share(answerable, lambda row: row["abstained"]),
        "known_facts": right(_by(of["known_facts"], lambda row: row["split"])),
    }


def _chose_other(row: Record) -> bool:
    return any(is_correct(row["answer"], value) for value in row["others"])


def mistake(row: Record) -> str | None:
    """Which of `MISTAKES` the reasoning of a reading record makes first; None if the answer is right."""
    if row["correct"]:
        return None
    name, _, rest = row["reasoning"].partition(", ")
    noun, _, value = rest.partition(": ")
    if name != row["name"]:
        return "name"
    if noun != NOUN[row["attribute"]]:
        return "noun"
    if value == NOT_TOLD:
        return "refused"
    return "passage" if any(is_correct(value, other) for other in row["others"]) else "value"


def _goes_wrong_at(kind: str, row: Record) -> bool:
    return mistake(row) == kind


def _by(records: Iterable[Record], key: Callable[[Record], str]) -> dict[str, list[Record]]:
    groups: dict[str, list[Record]] = {}
    for row in records:
        groups.setdefault(key(row), []).append(row)
    return dict(sorted(groups.items()))


def _search_task(kind: str, number: int, entity: str, question: str, answer: str, path: list[str]) -> dict[str, Any]:
    return {
        "id": f"{kind}-{number}", "kind": kind, "entity": entity, "messages": [system(AGENT), user(question)],
        "answer": answer, "path": path, "calls": MOST_CALLS,
    }  # fmt: skip


def _told(world: World, person: Entity, attribute: str) -> str:
    """What the page says, whatever the news made of it."""
    return world.history(person, attribute)[0].value


def _similar(people: Iterable[Entity], name: str) -> list[Entity]:
    """Those who share a first or last name."""
    return [person for person in people if set(person.name.split()) & set(name.split())]


def _said(turn: Turn) -> str:
    """The content; a call is written after it, as "[search] Ada Bell"."""
    call = turn.get("tool_call")
    return f"{turn['content']} [{call['name']}] {call['query']}".strip() if call else turn["content"].strip()
