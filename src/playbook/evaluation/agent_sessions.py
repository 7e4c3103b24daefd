"""Memory across sessions: users tell, change and take back, session after session; then each is asked in a new one.

All users of all rows share one memory file, so that a leak between them could show. Turns of the same number are played
for all users together. Records first, one a question; the reference turns of the corpus are not shown to the model.

A leak is a note of another user that a tool hands out, or an answer that is what only the other user has told.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from playbook.agent.backends import Backend
from playbook.agent.loop import Episode, run
from playbook.agent.memory import Memory, UserMemory
from playbook.agent.tools import Recall, Remember, Toolbox
from playbook.agent.trace import Trace
from playbook.data.world import gold
from playbook.data.world.memory import SAVED
from playbook.data.world.turns import Turn, user
from playbook.evaluation.agent_arms import Bench, is_right

Record = dict[str, Any]
STYLES = ("style", "no_style")


class Calendar:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.today = datetime(2024, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        """What day it is."""
        return self.today


def play(rows: Sequence[Mapping[str, Any]], bench: Bench, backend: Backend) -> tuple[list[Record], list[Trace]]:
    """Play all sessions, then ask all questions: records of the questions, traces of everything."""
    calendar = Calendar()
    memory = Memory(":memory:", calendar)
    told, traces = tell_all(rows, bench, memory, calendar, backend)
    asked = [(row, question) for row in rows for question in row["questions"]]
    calendar.today = datetime(2025, 1, 1, tzinfo=UTC)
    episodes = [ask(question, bench, memory.of(question["user"])) for _, question in asked]
    answered = run(episodes, backend)
    records = [
        record(row, question, trace, told[question["user"]]) | {"notes": len(memory.of(question["user"]).history())}
        for (row, question), trace in zip(asked, answered, strict=True)
    ]
    memory.close()
    return records, [*traces, *answered]


def tell_all(
    rows: Sequence[Mapping[str, Any]], bench: Bench, memory: Memory, calendar: Calendar, backend: Backend
) -> tuple[dict[str, list[bool]], list[Trace]]:
    """Everything that users tell, in order of dates; of each user, which tellings were written down as they should."""
    told: dict[str, list[bool]] = {name: [] for row in rows for name in row["users"]}
    traces: list[Trace] = []
    sessions = [(row, session) for row in rows for session in row["sessions"]]
    for date in sorted({session["date"] for _, session in sessions}):
        calendar.today = datetime.fromisoformat(f"{date}T12:00:00+00:00")
        today = [session for _, session in sessions if session["date"] == date]
        talks: list[list[Turn]] = [[session["messages"][0]] for session in today]
        said = [list(tellings(session)) for session in today]
        for number in range(max(map(len, said))):
            playing = [i for i, turns in enumerate(said) if number < len(turns)]
            episodes = []
            for i in playing:
                talks[i].append(user(said[i][number][0]))
                words = said[i][number][0] if bench.config.copying else None
                tools = toolbox(memory.of(today[i]["user"]), f"session of {date}", words)
                name = f"tell {today[i]['user']} {date} {number}"
                budget = bench.budget(3)
                episodes.append(Episode(name, talks[i], tools, budget, bench.policy(), lambda: 0.0))
            traces += run(episodes, backend)
            for i, episode in zip(playing, episodes, strict=True):
                talks[i] = episode.messages
                written = [
                    step.message["tool_call"]["query"] for step in episode.trace.calls if step.observation == SAVED
                ]
                told[today[i]["user"]].append(written == [said[i][number][1]])
    return told, traces


def tellings(session: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(what the user says, the note that should be taken of it) of a session."""
    turns = session["messages"]
    for i, turn in enumerate(turns):
        if turn["role"] == "user":
            yield turn["content"], turns[i + 1]["tool_call"]["query"]


def toolbox(memory: UserMemory, source: str, said: str | None, *more: Any) -> Toolbox:
    """The tools of one user, who has just `said` something."""
    return Toolbox.of(*more, Recall(memory), Remember(memory, source, said), strict=True)


def ask(question: Mapping[str, Any], bench: Bench, memory: UserMemory) -> Episode:
    """A question in a new session."""
    search = [bench.search(question)] if question["kind"] in STYLES else []
    words = question["messages"][-1]["content"] if bench.config.copying else None
    tools = toolbox(memory, "session of the questions", words, *search)
    return Episode(f"ask {question['id']}", question["messages"], tools, bench.budget(), bench.policy(), lambda: 0.0)


def record(row: Mapping[str, Any], question: Mapping[str, Any], trace: Trace, told: Sequence[bool]) -> Record:
    """One row of records. Whether the other user's value slipped out is looked up in what that user told."""
    foreign = foreign_values(row, question)
    seen = "\n".join(step.observation or "" for step in trace.calls if step.message["tool_call"]["name"] == "recall")
    return {
        "arm": "sessions", "id": question["id"], "row": row["id"], "user": question["user"], "kind": question["kind"],
        "question": question["messages"][-1]["content"], "answer": trace.answer, "gold": question["answer"],
        "correct": is_right(question, trace.answer), "abstained": gold.is_abstention(trace.answer),
        "leaked": bool(gold.mentions(f"{trace.answer}\n{seen}", foreign)[0]),
        "told_right": sum(told), "told": len(told),
        "calls": [step.message["tool_call"] for step in trace.calls], "stop": trace.stop.value if trace.stop else None,
    }  # fmt: skip


def foreign_values(row: Mapping[str, Any], question: Mapping[str, Any]) -> list[str]:
    """What the other user told of the topic that is asked about, and this user did not."""
    topic, mine, others = question.get("topic"), set[str](), set[str]()
    for session in row["sessions"]:
        for _, note in tellings(session):
            about, _, value = note.partition(": ")
            if about == topic:
                (mine if session["user"] == question["user"] else others).add(value)
    return sorted(others - mine - {"-"})
