"""What users tell about themselves, and how they ask for it later: wordings, and the turns of the memory tools.

A note is "topic: value". Nothing is overwritten: recall returns all notes on the topic, oldest first, and the newest
counts; "topic: -" says that the user wants it forgotten.
"""

import random

from playbook.data.world.turns import Turn, assistant, call, tool, user
from playbook.data.world.values import HOBBIES, JOBS, PRODUCTS, made_up

TOPICS: dict[str, tuple[str, ...]] = {
    "favourite drink": ("tea", "coffee", "milk", "cider", "lemonade", "cocoa"),
    "favourite fruit": ("apples", "pears", "plums", "cherries", "melons", "grapes"),
    "favourite colour": ("red", "blue", "green", "yellow", "purple", "orange"),
    "favourite season": ("spring", "summer", "autumn", "winter"),
    "favourite day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"),
    "best subject": ("history", "music", "physics", "algebra", "drawing", "biology"),
}
STYLE = "answer style"
WHICH = ("favourite", "best", "usual", "lucky", "second", "old")
WHAT = ("animal", "book", "dish", "film", "name", "number", "poem", "street", "town", "tool", "game", "tune")


def _with_openers(openers: tuple[str, ...], texts: tuple[str, ...]) -> tuple[str, ...]:
    """Every text after every opener: so many wordings that what they have in common is learnt."""
    return tuple(_sentence(f"{opener}{text}") for opener in openers for text in texts)


def _sentence(text: str) -> str:
    return text if text.startswith("{") else text[0].upper() + text[1:]


TELL = _with_openers(
    (
        "", "please remember that ", "for later: ", "note that ", "keep in mind that ", "you should know that ",
        "write down that ", "let me tell you that ", "by the way, ", "just one thing: ",
        "so that you can remember this, ",
    ),
    ("my {t} is {v}.", "{v} is my {t}."),
)  # fmt: skip
TELL_HELD_OUT = ("Remember this: my {t} is {v}.", "Just so that you know, my {t} is {v}.")
UPDATE = _with_openers(
    (
        "", "I have changed my mind: ", "that is no longer so: ", "please note that ", "since last week ",
        "as of today ", "something has changed: ",
    ),
    (
        "my {t} is now {v}.",
        "my {t} is {v} these days.",
        "{v} is now my {t}.",
        "my new {t} is {v}.",
        "my {t} is no longer the same: {v}.",
        "change my {t} to {v}.",
        "as for my {t}, {v} is right now.",
        "as for my {t}, from here on it is {v}.",
        "{v} has become my {t}.",
        "I have another {t}: {v}.",
        "my {t} was something else, but now it is {v}.",
        "my {t} is different now, namely {v}.",
    ),
)  # fmt: skip
UPDATE_HELD_OUT = ("From today my {t} is {v}.", "My {t} has changed, it is {v} now.")
FORGET = _with_openers(
    ("", "please "),
    (
        "forget my {t}.", "do not remember my {t} any more.", "delete my {t}.", "forget all about my {t}.",
        "remove my {t} from your notes.", "forget what you know of my {t}.", "drop my {t} from memory.",
    ),
)  # fmt: skip
FORGET_HELD_OUT = ("Forget what my {t} is.",)
ASK = (
    "What is my {t}?", "Tell me my {t}.", "Do you remember my {t}?", "Which is my {t}?", "Can you tell me my {t}?",
    "What did I say my {t} is?", "Remind me of my {t}.", "Do you know my {t}?", "Please look up my {t}.",
    "What have you noted as my {t}?", "I should like to hear my {t}.", "And my {t}?", "What was my {t}?",
    "Which was my {t}, please?", "What did I tell you about my {t}?", "Say my {t}.", "What is my {t} at present?",
    "I forgot my {t}.", "Repeat my {t}, please.", "Once again, what is my {t}?", "Can you name my {t}?",
)  # fmt: skip
ASK_HELD_OUT = ("What was my {t} again?", "Name my {t}.")
TELL_STYLE = {
    style: tuple(
        text.format(s=spoken)
        for text in (
            "Always answer me in {s}.", "I like answers in {s}.", "Please answer me in {s} every time.",
            "I want all answers in {s}.", "Write your answers in {s}.", "Answer me in {s}, please.",
            "From today on I want answers in {s}.", "Now and always answer me in {s}.",
        )
    )
    for style, spoken in (("capitals", "capitals"), ("sentence", "a sentence"), ("json", "JSON"))
}  # fmt: skip
TELL_STYLE_HELD_OUT = {
    "capitals": ("From now on answer me in capitals.",),
    "sentence": ("From now on answer me in a sentence.",),
    "json": ("From now on answer me in JSON.",),
}

SAVED, NO_NOTES, NOTED = "Saved.", "No notes.", "Noted."


def some_topic(rng: random.Random) -> tuple[str, tuple[str, ...]]:
    """A topic and values that it can have; half of the time any words, so that notes are copied and not chosen."""
    if rng.random() < 0.5:
        return rng.choice(list(TOPICS.items()))
    what = rng.choice(WHAT) if rng.random() < 0.5 else made_up(rng)
    values = rng.sample((*HOBBIES, *PRODUCTS, *JOBS), 2)
    return f"{rng.choice(WHICH)} {what}", (*values, made_up(rng), made_up(rng))


def tell(rng: random.Random, topic: str, value: str, wordings: tuple[str, ...]) -> list[Turn]:
    """The user tells something, the assistant writes a note. `value` "-" is to forget."""
    return remember(rng.choice(wordings).format(t=topic, v=value), f"{topic}: {value}")


def remember(words: str, note: str) -> list[Turn]:
    """What the user says, the note taken of it, and the confirmation."""
    return [user(words), call("remember", note), tool(SAVED), assistant(NOTED)]


def recall(topic: str, values: list[str]) -> list[Turn]:
    """The call that looks up a topic, and all notes on it."""
    return [call("recall", topic), tool("\n".join(f"{topic}: {value}" for value in values) or NO_NOTES)]


def answer_of(values: list[str]) -> str | None:
    """What holds after these notes on one topic: the newest, unless it is "-"."""
    return values[-1] if values and values[-1] != "-" else None
