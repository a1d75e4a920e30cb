"""A thread that does one thing at a time, and can be left behind when it hangs."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Worker:
    """Runs tasks on a thread of its own; whoever asks waits only so long.

    The thread does not keep the program from ending: a call into a driver that never returns cannot be
    broken off.
    """

    def __init__(self, name: str) -> None:
        self._tasks: queue.SimpleQueue[tuple[Callable[[], object], queue.SimpleQueue] | None] = (
            queue.SimpleQueue()
        )
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def call(self, task: Callable[[], T], limit_s: float) -> T:
        """What `task` returns.

        Raises:
            TimeoutError: it has not returned after `limit_s`; it goes on, and nobody learns of its end.
            BaseException: whatever it raised.
        """
        answer: queue.SimpleQueue = queue.SimpleQueue()
        self._tasks.put((task, answer))
        try:
            value, error = answer.get(timeout=limit_s)
        except queue.Empty:
            raise TimeoutError(f"no answer within {limit_s:g} s") from None
        if error is not None:
            raise error
        return value

    def close(self) -> None:
        """End the thread after what it is doing; does not wait."""
        self._tasks.put(None)

    def _work(self) -> None:
        while (asked := self._tasks.get()) is not None:
            task, answer = asked
            try:
                answer.put((task(), None))
            except BaseException as error:  # noqa: BLE001 — raised again where the answer is waited for
                answer.put((None, error))
