"""`playbook`: ask documents, chat, and see or remove what is remembered.

    playbook ask --docs notes "How is the learning rate scheduled?"
    playbook chat
    playbook memory list
    playbook memory forget "favourite drink"
    playbook evaluate --task instructions --checkpoint models/grpo

A model trained here answers about the world's documents; `--backend openai --base-url URL --model NAME` puts any
OpenAI-compatible endpoint in its place, and then any folder of documents will do.
"""

import argparse
import sys
from collections.abc import Sequence

from playbook.agent.citations import citations
from playbook.agent.loop import run
from playbook.agent.memory import Memory, Note
from playbook.agent.tools import Source
from playbook.agent.trace import StopReason, Trace
from playbook.commands import evaluate
from playbook.commands.assistant import Assistant, add_arguments, add_memory_arguments, build, describe
from playbook.data.world.gold import is_abstention
from playbook.plumbing.errors import InputError
from playbook.text.special_tokens import CALL_MARKERS, END_THINK, THINK

FAILED = 1
LEAVE = ("/quit", "/exit")
HELP = "  /memory  what I remember of you     /forget TOPIC  forget it     /quit  leave"
KEPT_TURNS = 12
"""Of a chat with an endpoint. The model trained here is given the question alone: it was trained on one at a time."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit status is 0 if there was an answer."""
    options = parser().parse_args(arguments)
    try:
        status: int = options.run(options)
        return status
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser("playbook", description="Ask documents, chat, and manage what is remembered.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    asking = commands.add_parser("ask", help="answer a question from documents, with citations")
    add_arguments(asking)
    asking.add_argument("question")
    asking.add_argument("--trace", action="store_true", help="show each step")
    asking.set_defaults(run=ask)
    chatting = commands.add_parser("chat", help="a conversation that remembers you")
    add_arguments(chatting)
    chatting.set_defaults(run=chat)
    evaluating = commands.add_parser("evaluate", help="any checkpoint or endpoint on any task, with records")
    evaluate.add_arguments(evaluating)
    evaluating.set_defaults(run=evaluate.run)
    memory = commands.add_parser("memory", help="what is remembered").add_subparsers(required=True, metavar="WHAT")
    listing = memory.add_parser("list", help="show it, with its history")
    add_memory_arguments(listing)
    listing.set_defaults(run=list_memory)
    forgetting = memory.add_parser("forget", help="remove a topic, or everything")
    add_memory_arguments(forgetting)
    forgetting.add_argument("topic", nargs="?")
    forgetting.add_argument("--all", action="store_true", help="everything about this user")
    forgetting.set_defaults(run=forget)
    return top


def ask(options: argparse.Namespace) -> int:
    """One question; the answer on the standard output, everything else beside it."""
    question = " ".join(options.question.split())
    if not question:
        raise InputError("question", "some words", "none")
    assistant = build(options, remembers=False)
    trace = run([assistant.episode(question)], assistant.backend)[0]
    if options.trace:
        print("\n".join(filter(None, map(describe, trace.steps))), file=sys.stderr)
    if trace.stop is not StopReason.ANSWERED:
        print(f"error: {ended(trace)}", file=sys.stderr)
        return FAILED
    print(trace.answer)
    print_sources(trace)
    return 0


def print_sources(trace: Trace) -> None:
    """Where to check the answer."""
    found = citations(trace.answer, [Source(**source) for source in trace.read()])
    if found.given and not is_abstention(trace.answer):
        print("\nSources:")
        for source in found.given:
            print(f"  {source.cite()}  {source.title}")
    for name in found.made_up:
        print(f"  warning: [{name}] is cited, but no such passage was read", file=sys.stderr)


def ended(trace: Trace) -> str:
    """Why there is no answer."""
    assert trace.stop is not None
    told = {
        StopReason.STEPS: "no answer within so many steps",
        StopReason.TOKENS: "no answer within so many tokens",
        StopReason.TIME: "no answer within so much time (--timeout)",
        StopReason.FORMAT: "the model kept writing malformed calls",
        StopReason.CONTEXT: "what was found does not fit into the model's context",
        StopReason.UNAVAILABLE: "the model did not reply",
    }
    last = next((step.fault for step in reversed(trace.steps) if step.fault), "")
    return ": ".join(filter(None, (told[trace.stop], trace.detail or last)))


def chat(options: argparse.Namespace) -> int:
    """Turn by turn, until the end of the input or /quit."""
    stream = Stream()
    assistant = build(options, watch=stream.write)
    known = assistant.user.current()
    print(f"{len(known)} notes about you." if known else "I know nothing about you yet.", HELP, sep="\n")
    history: list[dict[str, object]] = []
    while True:
        try:
            said = " ".join(input("\nyou> ").split())
        except EOFError:
            print()
            return 0
        if said in LEAVE:
            return 0
        if said.startswith("/"):
            print(told(assistant, said))
        elif said:
            history = answer(assistant, said, history, stream)


SHOWN = {THINK: "  thought:", END_THINK: "\n", **{marker: f"  {name}:" for name, marker in CALL_MARKERS.items()}}
"""Markers, as a reader wants to see them; each but the end of a thought begins a line."""


class Stream:
    """Text of the model on its way to the terminal."""

    def __init__(self) -> None:
        self._fresh = True

    def prompt(self) -> None:
        """Tell whose turn it is."""
        print("model>", end="", flush=True)
        self._fresh = False

    def write(self, text: str) -> None:
        """Show it at once."""
        begins = text in SHOWN and text != END_THINK and not self._fresh
        shown = "\n" * begins + SHOWN.get(text, f" {text}" if self._fresh and text else text)
        print(shown, end="", flush=True)
        self._fresh = shown.endswith("\n")

    def line(self, text: str) -> None:
        """End the line, and print another one, or several, if there is any text."""
        print("\n" * (not self._fresh) + text, end="\n" if text else "", flush=True)
        self._fresh = True


def answer(
    assistant: Assistant, said: str, history: list[dict[str, object]], stream: Stream
) -> list[dict[str, object]]:
    """One turn of the chat; returns what the next one is told of it."""
    stream.prompt()
    episode = assistant.episode(said, None if assistant.ours else history)
    shown = 0

    def watch(_: object) -> None:
        nonlocal shown
        for step in episode.trace.steps[shown:]:
            if told := describe(step, seen=assistant.ours):
                stream.line(told)
        shown = len(episode.trace.steps)

    trace = run([episode], assistant.backend, watch)[0]
    stream.line(f"  {trace.answer}" if trace.stop is not StopReason.ANSWERED and trace.answer else "")
    if trace.stop is StopReason.ANSWERED:
        print_sources(trace)
        for step in trace.calls:
            if step.message["tool_call"]["name"] == "remember" and not step.invalid:
                print(f"  remembered: {step.message['tool_call']['query']}")
    else:
        print(f"  ({ended(trace)})")
    kept: list[dict[str, object]] = [{"role": "user", "content": said}, {"role": "assistant", "content": trace.answer}]
    return [*history, *kept][-KEPT_TURNS:] if trace.answer else history


def told(assistant: Assistant, said: str) -> str:
    """The answer to a command of the chat."""
    command, _, topic = said.partition(" ")
    if command == "/memory":
        return "\n".join(f"  {note.line()}" for note in assistant.user.current()) or "  nothing"
    if command == "/forget" and topic:
        return f"  {assistant.user.forget(topic)} notes removed"
    return HELP


def list_memory(options: argparse.Namespace) -> int:
    """What holds, and what held before."""
    user = Memory(options.memory).of(options.user)
    notes = user.current()
    print("\n".join(filter(None, [f"{options.user}: {len(notes)} notes", *map(_line, notes)])))
    if old := [note for note in user.history() if note not in notes]:
        print("before:", *map(_line, old), sep="\n")
    return 0


def forget(options: argparse.Namespace) -> int:
    """Remove it from the file."""
    user = Memory(options.memory).of(options.user)
    if options.all == bool(options.topic):
        raise InputError("playbook memory forget", "a topic, or --all", "both" if options.all else "neither")
    print(f"{user.forget_all() if options.all else user.forget(options.topic)} notes removed")
    return 0


def _line(note: Note) -> str:
    return f"  {note.line()}  ({', '.join(filter(None, (note.told_at[:10], note.source)))})"


if __name__ == "__main__":
    sys.exit(main())
