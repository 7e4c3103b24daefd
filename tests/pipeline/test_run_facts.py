import pytest

from playbook.pipeline.run_facts import same_results


@pytest.mark.parametrize(
    ("name", "one", "other", "same"),
    [
        ("a.json", '{"run": {"seconds": 1, "mfu": 0.5}}', '{"run": {"seconds": 2, "mfu": 0.4}}', True),
        ("a.json", '{"run": {"seconds": 1, "tokens": 5}}', '{"run": {"seconds": 1, "tokens": 6}}', False),
        ("a.json", '{"x": 1}', "not JSON", False),
        ("a.jsonl", '{"answer": "vet", "seconds": 1}\n', '{"answer": "vet", "seconds": 2}\n', True),
        ("a.jsonl", '{"answer": "vet"}\n', '{"answer": "baker"}\n', False),
        ("a.csv", "step,seconds,loss\n1,0.2,3\n", "step,seconds,loss\n1,0.9,3\n", True),
        ("a.csv", "step,seconds,loss\n1,0.2,3\n", "step,seconds,loss\n1,0.2,4\n", False),
        ("a.csv", "step,seconds,loss\n1,0.2,3\n", "step,seconds,loss\n1,0.2,3\n2,0.3,2\n", False),
        ("a.md", "took 3 s", "took 4 s", False),
    ],
)
def test_what_counts_as_the_same_result(name: str, one: str, other: str, same: bool) -> None:
    assert same_results(one.encode(), other.encode(), name) is same
