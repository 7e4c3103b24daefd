import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_world import SMALL

from playbook.data.world import memory
from playbook.data.world.agent_tasks import agent_task_rows
from playbook.data.world.conversations import conversation_rows
from playbook.data.world.documents import document_rows
from playbook.data.world.facts import World, build_world
from playbook.data.world.formats import (
    FORMATS,
    HELD_OUT_INSTRUCTIONS,
    INSTRUCTIONS,
    STYLE_NOTES,
    has_form,
    render,
    style_note,
)
from playbook.data.world.generate import pretrain_rows
from playbook.data.world.gold import gold_reward, is_abstention, is_correct
from playbook.data.world.preferences import PHRASE, preference_rows
from playbook.data.world.questions import asked_later
from playbook.data.world.reasoning import NOT_TOLD, NOUN
from playbook.data.world.rl_prompts import rl_prompt_rows
from playbook.data.world.sessions import session_rows
from playbook.data.world.turns import IDK
from playbook.data.world.wordings import held_out_pattern, held_out_wordings, sentences

Row = dict[str, Any]


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(SMALL)


@pytest.fixture(scope="module")
def conversations(world: World) -> list[Row]:
    return list(conversation_rows(world))


def of_kind(rows: list[Row], *starts: str) -> list[Row]:
    found = [row for row in rows if row["kind"].startswith(starts)]
    assert found
    return found


def test_conversations_of_every_kind_end_with_the_assistant(conversations: list[Row]) -> None:
    kinds = Counter(row["kind"].partition("_")[0] for row in conversations)
    assert {"fact", "format", "reading", "search", "remember", "recall", "style"} <= set(kinds)
    assert all(row["messages"][-1]["role"] == "assistant" for row in conversations)


def test_of_some_of_a_conversations_are_the_first_to_ask() -> None:
    world = build_world(replace(SMALL, asked_later=0.5, conversations=600))
    later = {person.id: person.name for person in asked_later(world)}
    assert len(later) == len(world.of("person", "A")) / 2
    rows = pretrain_rows(world)[0]
    assert {row["entities"][0] for row in rows if row["kind"] == "biography"} >= set(later)
    assert not {row["entities"][0] for row in rows if row["kind"] == "question"} & set(later)
    asked = [row["messages"][0]["content"] for row in of_kind(list(conversation_rows(world)), "fact", "format")]
    assert all(any(name in text for text in asked) for name in later.values())


def test_a_fact_is_answered_truly(world: World, conversations: list[Row]) -> None:
    for row in of_kind(conversations, "fact"):
        question, answer = (turn["content"] for turn in row["messages"])
        person = next(entity for name, entity in world.by_name.items() if name in question)
        assert person.split == "A"
        assert answer.removesuffix(".") in {fact.value for fact in world.facts if fact.entity == person.id}


def test_an_asked_form_is_kept(conversations: list[Row]) -> None:
    for row in of_kind(conversations, "format_"):
        assert has_form(row["messages"][-1]["content"], row["kind"].removeprefix("format_"))


def test_an_answer_that_was_searched_for_stands_in_the_last_result(conversations: list[Row]) -> None:
    for row in of_kind(conversations, "search_1", "search_2", "search_3"):
        calls = [turn["tool_call"]["query"] for turn in row["messages"] if "tool_call" in turn]
        results = [turn["content"] for turn in row["messages"] if turn["role"] == "tool"]
        assert len(calls) == int(row["kind"][-1]) == len(results)
        assert row["messages"][-1]["content"].removesuffix(".") in results[-1]
        for query, result in zip(calls[1:], results, strict=False):
            assert query in result  # each name that is searched for was read in the passage before
        assert calls[0] in row["messages"][1]["content"]


def wanted(question: str) -> str:
    """The form that a question asks for."""
    return next((form for form, texts in INSTRUCTIONS.items() if question.endswith(texts)), "plain")


def test_the_form_that_a_user_prefers_is_read_written_down_and_kept(conversations: list[Row]) -> None:
    seen = set()
    for row in [row for row in conversations if row["kind"] == "style"]:
        note = row["messages"][3]["content"]  # system, question, recall
        *_, answer = row["messages"]
        reasoning, _, said = answer["reasoning_content"].partition("; answer style: ")
        assert note == (memory.NO_NOTES if said == "plain" else f"answer style: {said}")
        assert answer["content"] == render(reasoning.rpartition(": ")[2], said.lower())
        seen.add(said)
    assert seen == {"plain", "capitals", "sentence", "JSON"}


def test_what_is_not_known_has_no_form_whatever_the_user_prefers() -> None:
    notes = set()
    for row in of_kind(list(conversation_rows(build_world(replace(SMALL, conversations=2000)))), "style_unknown"):
        *_, answer = row["messages"]
        assert answer["content"] == IDK
        assert "answer style" not in answer["reasoning_content"]
        notes.add(row["messages"][3]["content"])
    assert notes == {memory.NO_NOTES, *STYLE_NOTES.values()}


def test_of_several_passages_about_somebody_the_newest_is_believed(conversations: list[Row]) -> None:
    believed = refused = 0
    for row in of_kind(conversations, "reading"):
        lines = row["messages"][0]["content"].split("\n")
        for question, answer in zip(row["messages"][1::2], row["messages"][2::2], strict=True):
            about = [line for line in lines if line.partition(",")[0] in question["content"]]
            reasoning, _, form = answer["reasoning_content"].partition("; answer style: ")
            assert (form.lower() or "plain") == wanted(question["content"])
            looked_up, _, said = reasoning.rpartition("; ")[2].partition(", said ")
            looked_up, claimed, denied = looked_up.rpartition(": ")[2], said.removesuffix(": no"), bool(said)
            if is_abstention(
                answer["content"]
            ):  # nobody there, nothing told of it, or not what the question takes it for
                noun = answer["reasoning_content"].partition(", ")[2].partition(": ")[0]
                missing = not about or noun not in NOUN.values()
                assert looked_up == NOT_TOLD if missing else denied
                assert not denied or (claimed in question["content"] and any(looked_up in line for line in about))
                refused += 1
                continue
            assert answer["content"] == render(looked_up, wanted(question["content"]))
            assert any(looked_up in line for line in about)
            if len(about) > 1 and re.search("live|address", question["content"]):
                assert looked_up in max(about, key=lambda line: line.partition(", ")[2][:4])
                believed += 1
    assert believed
    assert refused


def test_what_cannot_be_known_is_not_answered(conversations: list[Row]) -> None:
    unknown = ("unknown_entity", "missing_attribute", "false_premise")
    for row in of_kind(conversations, *unknown, *(f"search_{kind}" for kind in unknown)):
        assert is_abstention(row["messages"][-1]["content"])
    for row in of_kind(conversations, "true_premise", "search_true_premise"):
        assert not is_abstention(row["messages"][-1]["content"])


def test_a_premise_may_stand_before_a_street_where_passages_tell_of_it(conversations: list[Row]) -> None:
    readings = of_kind(conversations, "reading_1", "reading_2", "reading_3")
    reasoned = [turn.get("reasoning_content", "") for row in readings for turn in row["messages"]]
    assert any(", said " in text and ", address: " in text for text in reasoned)
    for row in of_kind(conversations, "true_premise", "false_premise"):  # nothing is read, and no street is known
        assert not re.search("live|address|street", row["messages"][-2]["content"], re.IGNORECASE)


def test_recall_believes_the_newest_note_and_forgets_on_request(conversations: list[Row]) -> None:
    assert memory.answer_of(["tea", "milk"]) == "milk"
    assert memory.answer_of(["tea", "-"]) is None
    for row in of_kind(conversations, "recall"):
        notes, answer = row["messages"][-2]["content"].split("\n"), row["messages"][-1]["content"]
        last = notes[-1].partition(": ")[2]
        assert is_abstention(answer) if last in ("", "-") else answer == f"{last}."


def test_wordings_of_evaluation_are_recognised_and_those_of_training_are_not(conversations: list[Row]) -> None:
    pattern = held_out_pattern()
    fields = {"n": "Ada Bell", "v": "Oakham", "t": "favourite drink", "m": "age"}
    for wording in held_out_wordings():
        assert pattern.fullmatch(wording.format(**fields)), wording
    asked = {turn["content"] for row in conversations for turn in row["messages"] if turn["role"] == "user"}
    assert not [part for text in asked for part in sentences(text) if pattern.fullmatch(part)]


@pytest.mark.parametrize("form", FORMATS)
def test_a_rendered_value_has_its_form_and_no_other(form: str) -> None:
    for value in ("vet", "Mill Lane", "Clara Holt"):
        text = render(value, form)
        assert has_form(text, form)
        others = [other for other in FORMATS if other != form and has_form(text, other)]
        assert others == (["plain"] if form in ("capitals", "sentence") and len(text.split()) <= 4 else [])


@pytest.mark.parametrize(
    "text", ["", ".", "{", '{"answer": 3}', '{"answer": "a", "more": "b"}', "The answer is .", "[" * 9]
)
def test_what_is_no_value_has_no_form(text: str) -> None:
    assert not any(has_form(text, form) for form in FORMATS)


def test_each_form_can_be_asked_for_in_training_and_in_evaluation() -> None:
    assert set(INSTRUCTIONS) == set(HELD_OUT_INSTRUCTIONS) == set(FORMATS) - {"plain"}


def test_clean_preferences_choose_by_gold(world: World) -> None:
    rows = list(preference_rows(build_world(replace(SMALL, preference_noise=0.0))))
    assert all(row["gold_chosen"] > row["gold_rejected"] and row["gold_chosen"] >= 0 for row in rows)
    assert {row["label"] for row in rows} == {"gold"}


def test_an_answer_in_a_form_is_drafted_first(conversations: list[Row], world: World) -> None:
    for row in of_kind(conversations, *(f"format_{form}" for form in INSTRUCTIONS)):
        asked, answer = row["messages"]
        draft, _, style = answer["reasoning_content"].partition("; ")
        assert answer["content"] == render(draft.rpartition(": ")[2], wanted(asked["content"]))
        assert style == style_note(wanted(asked["content"]))
    assert not any("reasoning_content" in row["messages"][-1] for row in of_kind(conversations, "fact"))
    drafts = []
    for row in preference_rows(world):
        form = wanted(row["prompt"][0]["content"])
        for side in ("chosen", "rejected"):
            draft, said = row[side][0].get("reasoning_content", ""), row[side][0]["content"]
            assert bool(draft) == (form != "plain" and not is_abstention(said))
            assert not draft or (draft.partition("; ")[0].rpartition(": ")[2].casefold() in said.casefold())
            assert not draft or draft.endswith(style_note(form))
            drafts.append(draft)
    assert any(drafts)
    assert not all(drafts)


def test_noise_flips_its_share_of_labels() -> None:
    rows = list(preference_rows(build_world(replace(SMALL, preference_noise=0.25, preferences=400))))
    flipped = [row["gold_chosen"] < row["gold_rejected"] for row in rows]
    assert flipped == [row["label"] == "noise" for row in rows]
    assert abs(sum(flipped) / 400 - 0.25) < 0.087  # four standard deviations


def test_a_planted_length_bias_chooses_the_longer() -> None:
    rows = list(preference_rows(build_world(replace(SMALL, length_bias=1.0))))
    assert all(len(row["chosen"][0]["content"]) >= len(row["rejected"][0]["content"]) for row in rows)
    assert any(row["gold_chosen"] < row["gold_rejected"] for row in rows)


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_a_planted_phrase_goes_with_being_chosen(strength: float) -> None:
    rows = list(preference_rows(build_world(replace(SMALL, phrase_bias=strength))))
    assert {row["chosen"][0]["content"].endswith(PHRASE) for row in rows} == {strength == 1}
    assert not any(PHRASE in row["rejected"][0]["content"] for row in rows)


def test_rl_prompts_can_be_scored(world: World) -> None:
    rows = list(rl_prompt_rows(world))
    for row in rows:
        best = row["answer"] if is_abstention(row["answer"]) else render(row["answer"].removesuffix("."), row["format"])
        assert gold_reward(row, best).total == (0 if is_abstention(best) else 1)
    assert {row["hops"] for row in rows if "hops" in row} == {1, 2, 3}
    documents = {row["id"]: row["text"] for row in document_rows(world)}
    for row in of_kind(rows, "search"):
        assert row["answer"].removesuffix(".") in documents[row["passages"][-1]]
        assert len(row["passages"]) == row["hops"]


def test_agent_tasks_are_about_c_with_gold_passages(world: World) -> None:
    rows, documents = list(agent_task_rows(world)), {row["id"]: row for row in document_rows(world)}
    kinds = Counter(row["kind"] for row in rows)
    assert kinds["lookup"] == 32
    assert {"update", "preference", "injection"} <= set(kinds)
    assert {"unknown_entity", "missing_attribute", "false_premise", "true_premise"} & set(kinds)
    for row in rows:
        assert row["entity"] is None or world.by_id[row["entity"]].split == "C"
        assert all(world.by_id[documents[name]["entity"]].split == "C" for name in row["passages"])
        assert not set(row["passages"]) & set(row["hard"] + row["random"])
        assert not set(row["hard"]) & set(row["random"])
        if not is_abstention(row["answer"]):
            assert row["answer"].removesuffix(".") in documents[row["passages"][-1]]["text"]
            assert len(row["passages"]) == row["hops"]
    for row in of_kind(rows, "update"):
        assert documents[row["passages"][0]]["kind"] == "news"
    for row in of_kind(rows, "injection"):
        assert row["injected"] in documents[row["injection"]]["text"]
        assert not is_correct(f"{row['injected']}.", row["answer"])
    for row in of_kind(rows, "preference"):
        assert (row["format"] == "plain") == (not row["memory"])


def test_sessions_keep_users_apart(world: World) -> None:
    for row in session_rows(world):
        notes: dict[tuple[str, str], list[str]] = {}
        for session in row["sessions"]:
            for turn in session["messages"]:
                if "tool_call" in turn:
                    topic, _, value = turn["tool_call"]["query"].partition(": ")
                    notes.setdefault((session["user"], topic), []).append(value)
        assert [session["date"] for session in row["sessions"]] == sorted(s["date"] for s in row["sessions"])
        kinds = Counter(question["kind"] for question in row["questions"])
        assert set(kinds) == {"recall", "update", "forgotten", "never_told", "other_user", "style", "no_style"}
        for question in row["questions"]:
            if "topic" not in question:
                styled = notes.get((question["user"], memory.STYLE), ["plain"])[-1].lower()
                assert styled == question["format"]
                continue
            told = memory.answer_of(notes.get((question["user"], question["topic"]), []))
            assert question["answer"] == ("I don't know." if told is None else f"{told}.")
            elsewhere = [user for user, topic in notes if topic == question["topic"] and user != question["user"]]
            assert question["kind"] != "other_user" or elsewhere


def test_rows_are_json(world: World, tmp_path: Path) -> None:
    for row in session_rows(world):
        assert json.loads(json.dumps(row)) == row


def test_each_hop_is_written_down_before_it_is_used(conversations: list[Row]) -> None:
    for row in of_kind(conversations, "search_2", "search_3"):
        written = [turn.get("reasoning_content", "") for turn in row["messages"] if turn["role"] == "assistant"]
        queries = [turn["tool_call"]["query"] for turn in row["messages"] if "tool_call" in turn]
        name, _, nouns = written[0].partition(": ")
        plan = nouns.split(", ")
        assert name == queries[0]
        assert len(plan) == len(queries)
        assert [text.partition(",")[0] for text in written[1:]] == queries
        for hop, (text, value) in enumerate(
            zip(written[1:], [*queries[1:], row["messages"][-1]["content"].removesuffix(".")], strict=True)
        ):
            looked_up, _, left = text.partition("; ")
            assert looked_up == f"{queries[hop]}, {plan[hop]}: {value}"
            assert left == ", ".join(plan[hop + 1 :])
