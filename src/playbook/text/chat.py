"""The chat template: messages -> one row of ids, and which of them the assistant is taught.

    <|document|> <|user|> content <|end|> <|assistant|> content <|end|> ...

An assistant's tool call follows its content, if any: `<|assistant|> content <|search|> query <|end|>`; the result comes
as a turn of the role tool. Reasoning, if any, comes first: `<|assistant|> <|think|> reasoning <|/think|> content`. The
loss stands on what the assistant itself writes: reasoning, content, call marker, query, END.

Every line of a content is encoded with one space before it (and decoded with one less). In byte-level BPE "Ada" and
" Ada" are different tokens; with the space a name is the same token at the beginning of an answer, inside a sentence
and at the head of each retrieved passage, so copying it is copying one token. Plain documents are written likewise.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playbook.plumbing.errors import InputError
from playbook.text.special_tokens import ASSISTANT, CALL_MARKERS, DOC, END, END_THINK, ROLE_MARKERS, THINK
from playbook.text.tokenizer import Tokenizer

Message = Mapping[str, Any]
"""{"role": "system|user|assistant|tool", "content": str}; the assistant's may carry "reasoning_content": str, and
"tool_call": {"name": "search|remember|recall", "query": str}, with which it needs no content."""


@dataclass(frozen=True)
class Encoded:
    """A document as ids."""

    ids: list[int]
    loss_mask: list[bool]
    """Which ids are to be predicted."""
    text_bytes: int
    """UTF-8 bytes of the text of those ids."""


def encode_chat(messages: Sequence[Message], tokenizer: Tokenizer) -> Encoded:
    """DOC, then a turn for each message; loss on the assistant's words alone. Malformed messages raise `InputError`."""
    ids, mask, size = [tokenizer.id_of(DOC)], [False], 0
    for number, message in enumerate(messages):
        check_message(message, f"messages[{number}]")
        words = _words(message, tokenizer)
        taught = message["role"] == "assistant"
        ids += [tokenizer.id_of(ROLE_MARKERS[message["role"]]), *words, tokenizer.id_of(END)]
        mask += [False, *[taught] * (len(words) + 1)]
        size += sum(len(text.encode()) for text in message_texts(message)) if taught else 0
    return Encoded(ids, mask, size)


def encode_prompt(messages: Sequence[Message], tokenizer: Tokenizer) -> list[int]:
    """The ids after which the assistant answers: all messages, then the marker of its turn."""
    if not messages or messages[-1].get("role") == "assistant":
        raise InputError("messages", "a conversation whose last turn is not the assistant's", "no turn to answer")
    return [*encode_chat(messages, tokenizer).ids, tokenizer.id_of(ASSISTANT)]


def encode_document(text: str, tokenizer: Tokenizer) -> Encoded:
    """Plain text as a document: DOC, its ids, END; everything but DOC is to be predicted."""
    ids = [tokenizer.id_of(DOC), *encode_content(text, tokenizer), tokenizer.id_of(END)]
    return Encoded(ids, [False] + [True] * (len(ids) - 1), len(text.encode()))


def decode_answer(ids: Sequence[int], tokenizer: Tokenizer) -> dict[str, Any]:
    """What the assistant generated (its marker and END excluded) -> its message.

    Reasoning ends with its marker or else with a call; where it never ends it is all there is. The first call marker
    after it starts the query; other special tokens that a bad model writes stand in the text by name.
    """
    calls = {tokenizer.id_of(marker): name for name, marker in CALL_MARKERS.items()}
    thought, ids = _split_reasoning(ids, tokenizer, calls)
    at = next((i for i, token in enumerate(ids) if token in calls), len(ids))
    message: dict[str, Any] = {"role": "assistant", "content": decode_content(ids[:at], tokenizer)}
    if thought:
        message["reasoning_content"] = decode_content(thought, tokenizer)
    if at < len(ids):
        message["tool_call"] = {"name": calls[ids[at]], "query": decode_content(ids[at + 1 :], tokenizer)}
    return message


def decode_chat(ids: Sequence[int], tokenizer: Tokenizer) -> list[dict[str, Any]]:
    """The inverse of `encode_chat`; ids of another form raise `InputError`."""
    roles = {tokenizer.id_of(marker): role for role, marker in ROLE_MARKERS.items()}
    if not ids or ids[0] != tokenizer.id_of(DOC):
        raise InputError("ids", f"{DOC} first", tokenizer.decode(ids[:1]))
    messages = []
    for turn in _split(ids[1:], tokenizer.id_of(END)):
        if not turn or turn[0] not in roles:
            raise InputError("ids", "a role marker at the start of each turn", tokenizer.decode(turn[:1]))
        role = roles[turn[0]]
        content = {"role": role, "content": decode_content(turn[1:], tokenizer)}
        messages.append(decode_answer(turn[1:], tokenizer) if role == "assistant" else content)
    return messages


def encode_content(text: str, tokenizer: Tokenizer) -> list[int]:
    """Ids of a content, with a space before each line; none for no content."""
    return tokenizer.encode(spaced(text)) if text else []


def decode_content(ids: Sequence[int], tokenizer: Tokenizer) -> str:
    """The inverse of `encode_content`."""
    return tokenizer.decode(ids).replace("\n ", "\n").removeprefix(" ")


def spaced(text: str) -> str:
    """`text` with a space before each line, so that a word is the same token at the start of a line as within it.

    Otherwise "Ada" after a line break is spelt in three tokens, and a name is not found again by its first half.

    >>> spaced("Ada\\nBell")
    ' Ada\\n Bell'
    """
    return " " + text.replace("\n", "\n ")


def message_texts(message: Message) -> list[str]:
    """The texts of a message that are encoded: reasoning, content, query; empty ones left out."""
    call = message.get("tool_call", {})
    texts = [message.get("reasoning_content", ""), message.get("content", ""), call.get("query", "")]
    return [text for text in texts if text]


def check_message(message: Message, where: str) -> None:
    """Raise `InputError` unless the message has the schema of `Message`."""
    role, call = message.get("role"), message.get("tool_call")
    if role not in ROLE_MARKERS:
        raise InputError(f"{where}.role", f"one of {', '.join(ROLE_MARKERS)}", repr(role))
    if not isinstance(message.get("content", "" if call is not None else None), str):
        raise InputError(f"{where}.content", "a string", repr(message.get("content")))
    if "reasoning_content" in message:
        if role != "assistant":
            raise InputError(f"{where}.reasoning_content", "reasoning of the assistant alone", f"some by {role!r}")
        if not isinstance(message["reasoning_content"], str) or not message["reasoning_content"]:
            raise InputError(f"{where}.reasoning_content", "a text", repr(message["reasoning_content"]))
    if call is None:
        return
    if role != "assistant":
        raise InputError(f"{where}.tool_call", "tool calls by the assistant alone", f"one by {role!r}")
    if not isinstance(call, Mapping) or call.get("name") not in CALL_MARKERS or not isinstance(call.get("query"), str):
        raise InputError(
            f"{where}.tool_call", f'{{"name": one of {", ".join(CALL_MARKERS)}, "query": a string}}', repr(call)
        )


def _words(message: Message, tokenizer: Tokenizer) -> list[int]:
    ids = encode_content(message.get("content", ""), tokenizer)
    if thought := message.get("reasoning_content", ""):
        ids = [tokenizer.id_of(THINK), *encode_content(thought, tokenizer), tokenizer.id_of(END_THINK), *ids]
    if (call := message.get("tool_call")) is not None:
        ids += [tokenizer.id_of(CALL_MARKERS[call["name"]]), *encode_content(call["query"], tokenizer)]
    return ids


def _split_reasoning(
    ids: Sequence[int], tokenizer: Tokenizer, calls: Container[int]
) -> tuple[Sequence[int], Sequence[int]]:
    """(reasoning, the rest), without the markers of reasoning."""
    if not ids or ids[0] != tokenizer.id_of(THINK):
        return [], ids
    if (marker := tokenizer.id_of(END_THINK)) in ids:
        end = ids.index(marker)
        return ids[1:end], ids[end + 1 :]
    end = next((i for i, token in enumerate(ids) if token in calls), len(ids))
    return ids[1:end], ids[end:]


def _split(ids: Sequence[int], end: int) -> Iterator[Sequence[int]]:
    """Cut after each END; what follows the last one counts as a turn that never ended."""
    start = 0
    for i, token in enumerate(ids):
        if token == end:
            yield ids[start:i]
            start = i + 1
    if start < len(ids):
        yield ids[start:]
