"""Tokens that stand for no text: where a document starts, who speaks, where a turn ends, which tool is called.

They are written by code (`chat.py`), never by encoding text: a document that spells out `<|end|>` gets ordinary tokens,
so no text can speak in somebody else's role.
"""

PAD = "<|pad|>"
"""Fills rows up; never predicted, never attended to by text. Its id is 0 in every tokenizer of ours."""
DOC = "<|document|>"
"""Starts every document: from here on nothing that came before counts."""
END = "<|end|>"
"""Ends a turn and a document. Not PAD: a model must learn to stop, and padding carries no loss."""

SYSTEM, USER, ASSISTANT, TOOL = "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>"
SEARCH, REMEMBER, RECALL = "<|search|>", "<|remember|>", "<|recall|>"
THINK, END_THINK = "<|think|>", "<|/think|>"
"""Around the reasoning that an assistant may write before its answer or call."""

ROLE_MARKERS = {"system": SYSTEM, "user": USER, "assistant": ASSISTANT, "tool": TOOL}
"""role -> the token that opens its turn."""
CALL_MARKERS = {"search": SEARCH, "remember": REMEMBER, "recall": RECALL}
"""tool name -> the one token that calls it."""

SPECIAL_TOKENS = [PAD, DOC, END, *ROLE_MARKERS.values(), *CALL_MARKERS.values(), THINK, END_THINK]
"""In the order of their ids, from 0."""

PAD_ID = SPECIAL_TOKENS.index(PAD)
