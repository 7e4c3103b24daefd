"""The runner against a make-believe queue whose workers do one experiment each time they are looked at, or die."""

from collections.abc import Callable

from playbook.pipeline.experiment_queue import ATTEMPTS, run_all
from playbook.pipeline.sweeps import Experiment

EXPERIMENTS = [Experiment(name, (f"x={name}",)) for name in "abcd"]


class Worker:
    def __init__(self, work: Callable[[], int | None]) -> None:
        self.work, self.ended = work, False
        self.code: int | None = None

    def poll(self) -> int | None:
        self.code = self.work() if self.code is None else self.code
        return self.code

    def terminate(self) -> None:
        self.ended = True


class FakeQueue:
    def __init__(self, done: set[str], killed: dict[str, int], broken: set[str]) -> None:
        self.done, self.killed, self.broken = done, killed, broken
        self.state: dict[str, str] = {}
        self.added: list[str] = []
        self.workers: list[Worker] = []

    def add(self, experiment: Experiment) -> None:
        self.added.append(experiment.name)
        self.state[experiment.name] = "Queued"

    def finished(self) -> set[str]:
        return set(self.done)

    def states(self) -> dict[str, str]:
        return dict(self.state)

    def drop(self, name: str) -> None:
        self.state.pop(name, None)

    def worker(self, number: int) -> Worker:
        self.workers.append(Worker(self._one))
        return self.workers[-1]

    def _one(self) -> int | None:
        """Take the next experiment; the exit code where the worker dies of it, or finds nothing to do."""
        name = next((name for name, state in self.state.items() if state == "Queued"), None)
        if name is None:
            return 0
        if self.killed.get(name, 0) > 0:
            self.killed[name] -= 1
            self.state[name] = "Running"  # for ever: nobody is left to say otherwise
            return -9
        self.state[name] = "Failed" if name in self.broken else "Success"
        if name not in self.broken:
            self.done.add(name)
        return None


def no_wait(seconds: float) -> None:
    assert seconds > 0


def test_all_are_run_and_what_was_done_before_is_not_run_again() -> None:
    queue = FakeQueue({"b"}, {}, set())
    outcome = run_all(queue, EXPERIMENTS, 2, no_wait)
    assert outcome.done == list("abcd")
    assert queue.added == list("acd")
    assert outcome.failed == []
    assert all(worker.ended or worker.code == 0 for worker in queue.workers)


def test_an_experiment_whose_worker_was_killed_is_queued_again() -> None:
    queue = FakeQueue(set(), {"a": 1, "c": 2}, set())
    outcome = run_all(queue, EXPERIMENTS, 2, no_wait)
    assert outcome.done == list("abcd")
    assert sorted(queue.added) == sorted("abcdacc")
    assert outcome.workers >= 4


def test_what_kills_every_worker_is_given_up_and_what_fails_is_not_tried_again() -> None:
    queue = FakeQueue(set(), {"a": 99}, {"d"})
    outcome = run_all(queue, EXPERIMENTS, 1, no_wait)
    assert outcome.done == ["b", "c"]
    assert sorted(outcome.failed) == ["a", "d"]
    assert queue.added.count("a") == ATTEMPTS
    assert queue.added.count("d") == 1
