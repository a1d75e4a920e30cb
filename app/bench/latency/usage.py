"""Processor time, memory and threads of a process, looked at from outside, and what others took meanwhile."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import psutil

_SETTLED_S = 2.0  # from the first frame on: what is loaded before is no running cost


@dataclass(frozen=True)
class Usage:
    """What a pipeline took.

    Attributes:
        cpu_share: processor time per time, 1 is one core; NaN of a run too short to tell.
        peak_rss_mib: most memory it had.
        threads: most threads it had.
        others_share: of the machine's processor time, what went to neither the pipeline nor the robot nor
            this benchmark.
    """

    cpu_share: float
    peak_rss_mib: float
    threads: int
    others_share: float


@dataclass(frozen=True)
class _Sample:
    t_s: float
    cpu_s: float
    known_s: float
    machine_s: float


class UsageWatch:
    """Samples a process and its children; `sample` is called a few times a second."""

    def __init__(self, pid: int, robot_pid: int) -> None:
        """
        Args:
            pid: of the pipeline.
            robot_pid: of the robot server, whose work is none of the pipeline's.
        """
        self._pipeline = psutil.Process(pid)
        self._known = [psutil.Process(robot_pid), psutil.Process(os.getpid())]
        self._samples: list[_Sample] = []
        self._peak_bytes = 0
        self._threads = 0

    def sample(self) -> None:
        """Look now; a process that has just ended is left alone."""
        try:
            family = [self._pipeline, *self._pipeline.children(recursive=True)]
            cpu_s = sum(_cpu_s(one) for one in family)
            rss, threads = (
                sum(one.memory_info().rss for one in family),
                sum(one.num_threads() for one in family),
            )
            known_s = sum(_cpu_s(one) for one in self._known)
        except psutil.Error:
            return
        self._peak_bytes, self._threads = max(self._peak_bytes, rss), max(self._threads, threads)
        self._samples.append(_Sample(time.monotonic(), cpu_s, cpu_s + known_s, _machine_s()))

    def usage(self, begin_s: float, end_s: float) -> Usage:
        """Between two moments of the monotonic clock, but for the first two seconds."""
        within = [one for one in self._samples if begin_s + _SETTLED_S <= one.t_s <= end_s]
        cpu = others = float("nan")
        if len(within) > 1:
            first, last = within[0], within[-1]
            passed_s = last.t_s - first.t_s
            cpu = (last.cpu_s - first.cpu_s) / passed_s
            not_known_s = (last.machine_s - first.machine_s) - (last.known_s - first.known_s)
            others = max(0.0, not_known_s) / (passed_s * (os.cpu_count() or 1))
        return Usage(cpu, self._peak_bytes / 2**20, self._threads, others)


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _machine_s() -> float:
    """Processor time that was not idle, of all cores."""
    times = psutil.cpu_times()._asdict()
    # Guests are counted as users, too.
    return float(
        sum(value for name, value in times.items() if name not in ("idle", "iowait", "guest", "guest_nice"))
    )
