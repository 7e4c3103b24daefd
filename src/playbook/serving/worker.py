"""One thread for everything that computes or reads a database.

A web server answers each click in a thread of its own. SQLite connections belong to the thread that opened them, and
two answers at once on two cores take longer than one after the other; so all clicks queue up here.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Worker:
    """Call it with a function: it runs in the one thread, and what it returns or raises comes back."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="playground")

    def __call__(self, work: Callable[[], T]) -> T:
        """Wait for those before, then for `work`."""
        return self._thread.submit(work).result()
