"""Reference answers: the model's own, to the bare question, as a turn between prompt and judged answer."""

from posttraining.made_up import ROWS, TOKENIZER, model
from toy import randomised

from playbook.inference.generate import generate
from playbook.inference.sampling import GREEDY
from playbook.posttraining.pairs import encode_pair
from playbook.posttraining.reference_answers import with_reference_answers
from playbook.text.chat import encode_prompt
from playbook.text.special_tokens import END


def test_the_answer_to_the_bare_question_follows_the_prompt() -> None:
    answerer = randomised(model())
    bare = [{"role": "user", "content": "b?"}]
    rows = [ROWS[0], ROWS[1], {**ROWS[2], "question": bare}]
    guided = with_reference_answers(rows, answerer, TOKENIZER, max_new_tokens=4)
    asked = [rows[0]["prompt"], rows[1]["prompt"], bare]
    prompts = [encode_prompt(question, TOKENIZER) for question in asked]
    said = generate(answerer, prompts, GREEDY, [TOKENIZER.id_of(END)], 4)
    for row, whole, ids in zip(rows, guided, said, strict=True):
        assert whole["prompt"][:-1] == row["prompt"]
        assert whole["prompt"][-1] == {"role": "tool", "content": TOKENIZER.decode(ids).strip()}
        assert (whole["chosen"], whole["rejected"]) == (row["chosen"], row["rejected"])


def test_what_the_model_said_itself_is_no_part_of_the_judged_answer() -> None:
    row = {**ROWS[0], "prompt": [*ROWS[0]["prompt"], {"role": "tool", "content": "a."}]}
    plain, guided = encode_pair(ROWS[0], TOKENIZER, 32), encode_pair(row, TOKENIZER, 32)
    assert len(guided.chosen.ids) > len(plain.chosen.ids)
    assert sum(guided.chosen.counts) == sum(plain.chosen.counts)
