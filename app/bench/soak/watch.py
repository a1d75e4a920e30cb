"""What a process and its children take of the machine, sample by sample."""

from __future__ import annotations

import os
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Sample:
    """Taken of one process or several.

    Attributes:
        rss_mib: memory in RAM, what several share counted for each.
        threads: how many.
        handles: open files, sockets and pipes; on Windows all handles.
        cpu_s: processor time used since they started, all cores together.
    """

    rss_mib: float
    threads: int
    handles: int
    cpu_s: float

    def __add__(self, other: Sample) -> Sample:
        return Sample(
            self.rss_mib + other.rss_mib,
            self.threads + other.threads,
            self.handles + other.handles,
            self.cpu_s + other.cpu_s,
        )


NOTHING = Sample(0.0, 0, 0, 0.0)


def sample(pid: int) -> tuple[Sample, Sample] | None:
    """The process `pid`, and all its children and theirs together; None once it is gone."""
    try:
        process = psutil.Process(pid)
        children = process.children(recursive=True)
        own = _sample(process)
    except psutil.NoSuchProcess:
        return None
    theirs = NOTHING
    for child in children:
        try:
            theirs += _sample(child)
        except psutil.NoSuchProcess:  # it has just ended
            continue
    return own, theirs


def _sample(process: psutil.Process) -> Sample:
    with process.oneshot():
        times = process.cpu_times()
        return Sample(
            rss_mib=process.memory_info().rss / 2**20,
            threads=process.num_threads(),
            handles=process.num_handles() if os.name == "nt" else process.num_fds(),
            cpu_s=times.user + times.system,
        )
