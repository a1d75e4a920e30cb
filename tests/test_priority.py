"""Threads that nobody waits for."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.priority import give_way


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere threads have no priority of their own")
def test_only_the_thread_that_asks_gives_way():
    before = niceness()
    with ThreadPoolExecutor(1, initializer=give_way) as beside, ThreadPoolExecutor(1) as other:
        assert beside.submit(niceness).result() == max(before, 10)
        assert other.submit(niceness).result() == before
    assert niceness() == before


def test_where_it_is_not_possible_nothing_happens(monkeypatch):
    def refused(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refused, raising=False)
    monkeypatch.setattr(os, "PRIO_PROCESS", 0, raising=False)
    give_way()
