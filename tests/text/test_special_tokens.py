from playbook.text.special_tokens import DOC, END, PAD, PAD_ID, SPECIAL_TOKENS


def test_the_ids_that_files_and_batches_rely_on() -> None:
    assert SPECIAL_TOKENS[:3] == [PAD, DOC, END]
    assert PAD_ID == 0
    assert len(set(SPECIAL_TOKENS)) == len(SPECIAL_TOKENS) == 12
