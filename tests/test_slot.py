"""The hand-off between threads: newest only, nothing twice, an end that is told."""

from __future__ import annotations

import threading

import pytest

from app.slot import Slot


def test_only_the_newest_item_is_taken_and_once():
    slot: Slot[int] = Slot()
    slot.put(1)
    slot.put(2)
    assert slot.take(0.0) == 2
    assert slot.take(0.0) is None
    assert slot.replaced == 1


def test_what_the_older_item_knew_is_merged_where_asked():
    slot: Slot[tuple[int, ...]] = Slot(lambda older, newer: older + newer)
    for i in range(3):
        slot.put((i,))
    assert slot.take(0.0) == (0, 1, 2)


def test_the_last_item_is_taken_before_the_end_is_told():
    slot: Slot[int] = Slot()
    slot.put(1)
    slot.end(EOFError("no more"))
    assert slot.take(0.0) == 1
    for _ in range(2):
        with pytest.raises(EOFError, match="no more"):
            slot.take(0.0)


def test_a_waiting_taker_is_woken_by_an_item_and_by_the_end():
    for wake, expected in ((lambda slot: slot.put(7), 7), (lambda slot: slot.end(EOFError()), None)):
        slot: Slot[int] = Slot()
        got: list[int | None] = []

        def take(slot: Slot[int] = slot, got: list[int | None] = got) -> None:
            try:
                got.append(slot.take(60.0))
            except EOFError:
                got.append(None)

        taker = threading.Thread(target=take)
        taker.start()
        wake(slot)
        taker.join(30.0)
        assert got == [expected]
