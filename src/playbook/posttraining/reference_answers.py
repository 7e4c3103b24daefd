"""The model's own answer, shown before the one that is judged: reference-guided grading.

Whether an answer is right is then whether it says what the model itself would have said, which is a comparison of two
texts and not a matter of memory read off one number. Zheng et al., arXiv 2306.05685, section 3.4, for judges that are
asked; here for a reward model, which is trained and used with the same references.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from playbook.data.world.turns import tool
from playbook.inference.generate import generate
from playbook.inference.sampling import GREEDY
from playbook.model.gpt import GPTMini
from playbook.text.chat import decode_answer, encode_prompt, message_texts
from playbook.text.special_tokens import END
from playbook.text.tokenizer import Tokenizer

AT_ONCE = 1024
"""Prompts, of about the same length."""


def with_reference_answers(
    rows: Sequence[Mapping[str, Any]], model: GPTMini, tokenizer: Tokenizer, max_new_tokens: int = 64
) -> list[dict[str, Any]]:
    """The rows with what `model` answers (greedily), its reasoning on a line before it if there is any, as a further
    turn of each prompt, a result to compare with."""
    asked = {str(row["prompt"]): row["prompt"] for row in rows}
    prompts = {key: encode_prompt(prompt, tokenizer) for key, prompt in asked.items()}
    order = sorted(prompts, key=lambda key: len(prompts[key]))
    said: dict[str, str] = {}
    for first in range(0, len(order), AT_ONCE):
        keys = order[first : first + AT_ONCE]
        written = generate(model, [prompts[key] for key in keys], GREEDY, [tokenizer.id_of(END)], max_new_tokens)
        answers = ["\n".join(message_texts(decode_answer(ids, tokenizer))) for ids in written]
        said |= zip(keys, answers, strict=True)
    return [{**row, "prompt": [*row["prompt"], tool(said[str(row["prompt"])])]} for row in rows]
