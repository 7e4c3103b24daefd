"""All wordings that only evaluation may use, as patterns, so that an audit can look for them."""

import re

from playbook.data.world import memory
from playbook.data.world.chains import CHAINS
from playbook.data.world.formats import HELD_OUT_INSTRUCTIONS
from playbook.data.world.unanswerable import HELD_OUT_MISSING, HELD_OUT_PREMISES, MISSING, MISSING_HELD_OUT

NAME = r"[A-Z]\w+(?: [A-Z]\w+)?"
VALUE = r"[\w-]+(?: [\w-]+){0,3}"
TOPIC = "|".join(memory.TOPICS)


def held_out_wordings() -> list[str]:
    """The templates."""
    wordings = [text for chain in CHAINS for text in chain.held_out]
    wordings += [text for *_, text in HELD_OUT_PREMISES]
    wordings += [*MISSING_HELD_OUT, *memory.TELL_HELD_OUT, *memory.UPDATE_HELD_OUT]
    wordings += [*memory.FORGET_HELD_OUT, *memory.ASK_HELD_OUT]
    for table in (HELD_OUT_INSTRUCTIONS, memory.TELL_STYLE_HELD_OUT):
        wordings += [text for texts in table.values() for text in texts]
    return wordings


def held_out_pattern() -> re.Pattern[str]:
    """Matches a sentence of any held-out wording, whoever and whatever it is about."""
    fields = {"n": NAME, "v": VALUE, "t": f"(?:{TOPIC})", "m": f"(?:{'|'.join(MISSING + HELD_OUT_MISSING)})"}
    patterns = []
    for wording in held_out_wordings():
        pattern = re.escape(wording)
        for field, values in fields.items():
            pattern = pattern.replace(re.escape(f"{{{field}}}"), values)
        patterns.append(pattern)
    return re.compile("|".join(patterns))


def sentences(text: str) -> list[str]:
    """What stands between full stops, question marks and exclamation marks, each with its own.

    >>> sentences("Where was Ada Bell born? Use JSON.")
    ['Where was Ada Bell born?', 'Use JSON.']
    """
    return re.split(r"(?<=[.?!]) ", text)
