"""What pretraining and fine-tuning share; the training itself is tested beside the trainer."""

import pytest
from posttraining.made_up import TOKENIZER

from playbook.data.curriculum import Phase
from playbook.evaluation.training_run import CurriculumConfig, word_weights
from playbook.plumbing.errors import InputError
from playbook.plumbing.runtime import RuntimeConfig, start
from playbook.text.chat import spaced


def test_a_word_that_is_a_token_has_its_weight_and_any_other_has_none() -> None:
    runtime = start(RuntimeConfig(threads=1, device="cpu"))
    weights = word_weights({"": 3.0, "abc": 5.0, "not in the alphabet": 7.0}, TOKENIZER, runtime)
    (space,) = TOKENIZER.encode(spaced(""))
    assert weights[space] == 3
    assert weights.sum() == TOKENIZER.vocab_size + 2


def test_a_weight_of_nothing_is_refused() -> None:
    phases = (Phase(1.0, {"county": 1.0}),)
    with pytest.raises(InputError, match=r"emphasis\.no"):
        CurriculumConfig(tokens=10, curriculum=phases, emphasis={"no": 0.0})
