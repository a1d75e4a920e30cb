"""Other programs that want the processor, now and then."""

from __future__ import annotations

import multiprocessing
import os
import signal
from multiprocessing.synchronize import Event
from types import TracebackType

_PATIENCE_S = 0.5
_ROUND = 20_000


class Competitor:
    """As many processes as there are cores, idle until they are told to be busy.

    They have the priority of any program, so that the pipeline gets about half of each core meanwhile.
    """

    def __init__(self, processes: int | None = None) -> None:
        context = multiprocessing.get_context("spawn")
        self._busy = context.Event()
        self._ended = context.Event()
        self._processes = [
            context.Process(target=_compete, args=(self._busy, self._ended), daemon=True)
            for _ in range(processes or os.cpu_count() or 1)
        ]

    def be_busy(self, busy: bool) -> None:
        """Begin or end to use the processor."""
        if busy:
            self._busy.set()
        else:
            self._busy.clear()

    def __enter__(self) -> Competitor:
        for process in self._processes:
            process.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._busy.set()  # wakes those that wait
        for process in self._processes:
            process.join()


def _compete(busy: Event, ended: Event) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this
    parent = multiprocessing.parent_process()
    while not ended.is_set() and (parent is None or parent.is_alive()):
        if busy.wait(_PATIENCE_S) and not ended.is_set():
            sum(number * number for number in range(_ROUND))
