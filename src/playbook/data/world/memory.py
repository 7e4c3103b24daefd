"""What users tell about themselves, and how they ask for it later: wordings, and the turns of the memory tools.

A note is "topic: value". Nothing is overwritten: recall returns all notes on the topic, oldest first, and the newest
counts; "topic: -" says that the user wants it forgotten.
"""

import random

from playbook.data.world.turns import Turn, assistant, call, tool, user

TOPICS: dict[str, tuple[str, ...]] = {
    "favourite drink": ("tea", "coffee", "milk", "cider", "lemonade", "cocoa"),
    "favourite fruit": ("apples", "pears", "plums", "cherries", "melons", "grapes"),
    "favourite colour": ("red", "blue", "green", "yellow", "purple", "orange"),
    "favourite season": ("spring", "summer", "autumn", "winter"),
    "favourite day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"),
    "best subject": ("history", "music", "physics", "algebra", "drawing", "biology"),
}
STYLE = "answer style"

TELL = (
    "My {t} is {v}.",
    "Please remember that my {t} is {v}.",
    "For later: my {t} is {v}.",
    "Note that my {t} is {v}.",
)
TELL_HELD_OUT = ("Remember this: my {t} is {v}.", "Just so that you know, my {t} is {v}.")
UPDATE = ("My {t} is now {v}.", "I have changed my mind: my {t} is {v}.", "My {t} is {v} these days.")
UPDATE_HELD_OUT = ("From today my {t} is {v}.", "My {t} has changed, it is {v} now.")
FORGET = ("Forget my {t}.", "Please forget my {t}.", "Do not remember my {t} any more.")
FORGET_HELD_OUT = ("Forget what my {t} is.",)
ASK = ("What is my {t}?", "Tell me my {t}.", "Do you remember my {t}?", "Which is my {t}?")
ASK_HELD_OUT = ("What was my {t} again?", "Name my {t}.")
TELL_STYLE = {
    "capitals": ("Always answer me in capitals.", "I like answers in capitals."),
    "sentence": ("Always answer me in a sentence.", "I like answers in a sentence."),
    "json": ("Always answer me in JSON.", "I like answers in JSON."),
}
TELL_STYLE_HELD_OUT = {
    "capitals": ("From now on answer me in capitals.",),
    "sentence": ("From now on answer me in a sentence.",),
    "json": ("From now on answer me in JSON.",),
}

SAVED, NO_NOTES, NOTED = "Saved.", "No notes.", "Noted."


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
