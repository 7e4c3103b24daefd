import sys

import pytest

from playbook.plumbing.errors import InputError, tell


def test_the_message_says_where_expected_got_and_what_to_run() -> None:
    error = InputError("params.yaml: model.heads", "a divisor of 128", 5, run="edit params.yaml")
    told = ["params.yaml: model.heads", "  expected: a divisor of 128", "  got:      5", "  do:       edit params.yaml"]
    assert str(error).splitlines() == told
    assert "do:" not in str(InputError("x", "y", "z"))
    assert isinstance(error, ValueError)


def test_tell_shows_an_input_error_without_a_traceback_and_a_fault_of_ours_with(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for error in (InputError("here", "this", "that"), AssertionError("ours")):
        try:
            raise error
        except (InputError, AssertionError):
            kind, value, trace = sys.exc_info()
            assert kind is not None
            assert value is not None
            tell(kind, value, trace)
    told = capsys.readouterr().err
    assert told.startswith("error: here\n  expected: this\n")
    assert told.count("Traceback") == 1
    assert told.rstrip().endswith("AssertionError: ours")
