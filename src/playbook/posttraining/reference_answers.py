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
from playbook.text.chat import encode_prompt
from playbook.text.special_tokens import END
from playbook.text.tokenizer import Tokenizer

AT_ONCE = 256
"""Prompts."""


def with_reference_answers(
    rows: Sequence[Mapping[str, Any]], model: GPTMini, tokenizer: Tokenizer, max_new_tokens: int = 32
) -> list[dict[str, Any]]:
    """The rows with what `model` answers (greedily) as a further turn of each prompt, a result to compare with.

    Asked is a row's `question`, where it has one: the prompt without what it says of the answer's form, in which the
    model may not be able to say what it knows.
    """
    questions = [row.get("question", row["prompt"]) for row in rows]
    asked = {str(question): question for question in questions}
    keys, answers = list(asked), list[str]()
    for first in range(0, len(keys), AT_ONCE):
        prompts = [encode_prompt(asked[key], tokenizer) for key in keys[first : first + AT_ONCE]]
        written = generate(model, prompts, GREEDY, [tokenizer.id_of(END)], max_new_tokens)
        answers += [tokenizer.decode(ids).strip() for ids in written]
    said = dict(zip(keys, answers, strict=True))
    return [
        {**row, "prompt": [*row["prompt"], tool(said[str(question)])]}
        for row, question in zip(rows, questions, strict=True)
    ]
