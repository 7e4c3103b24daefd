"""Whoever writes the agent's turns: the model trained here, or a script in its place. Endpoints: `endpoint.py`.

A backend answers many requests at once and never raises for what a model writes: a malformed turn is a `Reply` with a
fault. Where there is no reply at all (no room for the prompt, an endpoint that is down) it says so with `Unavailable`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from playbook.agent.copying import Tree, arguments, tree
from playbook.agent.grammar import Grammar, Rules
from playbook.agent.tools import Tool, Toolbox
from playbook.agent.trace import StopReason
from playbook.inference.generate import Written, write
from playbook.inference.sampling import GREEDY
from playbook.model.gpt import GPTMini
from playbook.text.chat import decode_answer, encode_prompt
from playbook.text.special_tokens import CALL_MARKERS, END, END_THINK, SPECIAL_TOKENS, THINK
from playbook.text.tokenizer import Tokenizer

Turn = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """A conversation to go on with."""

    messages: Sequence[Turn]
    toolbox: Toolbox
    plan: bool = False
    """The turn must begin with a plan."""
    max_tokens: int | None = None
    """That the turn may have; the backend may have a limit of its own."""
    seconds: float | None = None
    """That are left."""


@dataclass(frozen=True)
class Reply:
    """A turn of the model."""

    message: Turn
    tokens: int
    fault: str = ""
    """What is malformed about it."""
    confidence: float | None = None
    """Probability of its least certain token."""


@dataclass(frozen=True)
class Unavailable:
    """No turn, and why."""

    reason: StopReason
    told: str


@runtime_checkable
class Backend(Protocol):
    """What the loop needs of a model."""

    def complete(self, requests: Sequence[Request]) -> list[Reply | Unavailable]:
        """A reply to each request, in their order."""
        ...


@dataclass
class Scripted:
    """A function in the place of a model: for tests, and for the ceiling that retrieval sets."""

    turn: Callable[[Request], Turn]

    def complete(self, requests: Sequence[Request]) -> list[Reply | Unavailable]:
        """What the script says; a token is a word."""
        turns = [self.turn(request) for request in requests]
        return [Reply(turn, len(f"{turn.get('content', '')} {turn.get('tool_call', '')}".split())) for turn in turns]


class GPTMiniBackend:
    """The model trained here, greedy, in batches of about the same length.

    Greedy decoding is a function of the prompt: asked the same twice, it answers from what it said. A prompt must leave
    room for `max_new_tokens` in `context` tokens (default: what the model was trained on). `copying`: only tools that
    are allowed can be called, and only with words of the conversation, in the forms that a tool declares.
    """

    def __init__(
        self, model: GPTMini, tokenizer: Tokenizer, max_new_tokens: int = 64, batch_size: int = 64,
        constrained: bool = False, context: int | None = None, watch: Callable[[str], None] | None = None,
        copying: bool = False,
    ) -> None:  # fmt: skip
        self.model, self.tokenizer = model, tokenizer
        self.max_new_tokens, self.batch_size, self.watch = max_new_tokens, batch_size, watch
        self.context = context or model.config.context
        self.grammar = Grammar(tokenizer)
        self.constrained, self.copying = constrained, copying
        self._trees: dict[tuple[str, ...], Tree] = {}
        self._known: dict[tuple[Any, ...], Reply] = {}

    def complete(self, requests: Sequence[Request]) -> list[Reply | Unavailable]:
        """Replies; prompts without room for an answer get none."""
        if self.watch is not None:
            self._known.clear()  # who watches wants to see every reply, one that was given before as well
        keys = [self._key(request) for request in requests]
        fresh = [key for key in dict.fromkeys(keys) if key not in self._known and self._fits(key)]
        fresh.sort(key=lambda key: (key[2], len(key[0])))
        while fresh:
            batch = [key for key in fresh[: self.batch_size] if key[2] == fresh[0][2]]
            self._write(batch)
            fresh = fresh[len(batch) :]
        return [self._known[key] if key in self._known else self._too_long(key) for key in keys]

    def _key(self, request: Request) -> tuple[Any, ...]:
        """(prompt, rules, length): all that a greedy answer depends on. Rules count only where decoding obeys them."""
        prompt = tuple(encode_prompt(request.messages, self.tokenizer))
        most = self.max_new_tokens if request.max_tokens is None else min(self.max_new_tokens, request.max_tokens)
        ruled = self.constrained or self.copying or request.plan
        forms = [self._forms(tool, request.messages) for tool in request.toolbox.tools.values() if self.copying]
        rules = (tuple(request.toolbox.tools) if ruled else (), request.plan, tuple(filter(None, forms)))
        return prompt, rules, max(1, most)

    def _forms(self, tool: Tool, messages: Sequence[Turn]) -> tuple[str, tuple[str, ...]] | None:
        forms = getattr(tool, "forms", ())
        return (tool.name, tuple(arguments(forms, messages))) if forms else None

    def _fits(self, key: tuple[Any, ...]) -> bool:
        learned = self.model.config.position == "learned"  # rotary positions read on a little beyond what was trained
        return len(key[0]) + (key[2] if learned else 0) <= self.context

    def _too_long(self, key: tuple[Any, ...]) -> Unavailable:
        told = f"a prompt of {len(key[0])} tokens and {key[2]} to write, {self.context} in all"
        return Unavailable(StopReason.CONTEXT, told)

    def _write(self, batch: Sequence[tuple[Any, ...]]) -> None:
        loose = self.copying and not self.constrained
        rules = [
            Rules(tools, plan, {name: self._tree(texts) for name, texts in forms}, loose)
            for _, (tools, plan, forms), _ in batch
        ]
        ruled = self.constrained or self.copying or any(rule.think for rule in rules)
        rows = write(
            self.model, [key[0] for key in batch], GREEDY, [self.tokenizer.id_of(END)], batch[0][2],
            allow=(lambda written, left: self._allowed(rules, written, left)) if ruled else None,
            watch=None if self.watch is None else self._watched,
        )  # fmt: skip
        for key, row in zip(batch, rows, strict=True):
            self._known[key] = self.reply(row)

    def _allowed(self, rules: Sequence[Rules], written: Sequence[Sequence[int]], left: int) -> Any:
        masks = self.grammar.masks(rules, written, left)
        if not self.constrained and not self.copying:  # only the opening THINK of a plan is forced
            masks[[bool(ids) or not rule.think for ids, rule in zip(written, rules, strict=True)]] = True
        return masks

    def _tree(self, texts: tuple[str, ...]) -> Tree:
        if texts not in self._trees:
            self._trees[texts] = tree(texts, self.tokenizer)
        return self._trees[texts]

    def reply(self, row: Written) -> Reply:
        """What was written, as a message."""
        confidence = math.exp(min(row.log_probabilities)) if row.log_probabilities else None
        message = decode_answer(row.ids, self.tokenizer)
        return Reply(message, len(row.ids) + row.stopped, fault(row, message, self.tokenizer), _rounded(confidence))

    def _watched(self, _: int, token: int) -> None:
        assert self.watch is not None
        self.watch(self.tokenizer.decode([token]))


def fault(row: Written, message: Turn, tokenizer: Tokenizer) -> str:
    """What is malformed about a turn, or nothing."""
    special = {tokenizer.id_of(name): name for name in SPECIAL_TOKENS}
    found = [special[token] for token in row.ids if token in special]
    once = [name for name in found if name in (THINK, END_THINK) or name in CALL_MARKERS.values()]
    if not row.stopped:
        return "it does not end"
    if (
        len(found) != len(once)
        or len(set(found)) != len(found)
        or sum(name in CALL_MARKERS.values() for name in once) > 1
    ):
        return "special tokens where there should be none"
    if THINK in found and ((END_THINK not in found and "tool_call" not in message) or special.get(row.ids[0]) != THINK):
        return "reasoning that does not end"
    if END_THINK in found and THINK not in found:
        return "reasoning that does not begin"
    if not message["content"].strip() and "tool_call" not in message:
        return "neither an answer nor a call"
    return ""


def _rounded(x: float | None) -> float | None:
    return None if x is None else float(f"{x:.6g}")
