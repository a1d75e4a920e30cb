"""What was detected when, in order of time, and which detection belongs into which slot of a window."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

import numpy as np

from models.window import SLOT_PERIOD_NS, WINDOW_SLOTS

Item = TypeVar("Item")


class Timeline(Generic[Item]):
    """Detections of the last 64 slots of 1/30 s.

    The grid ends at the newest frame, so that frame always sits exactly in the last slot and a camera whose
    clock drifts against 30 Hz never slides across a slot border. An earlier detection falls into the slot
    nearest its capture time; a slot no detection falls into stays empty; of two detections in one slot the
    one nearer to the slot's time is kept.

    Attributes:
        t_now_ns: where the grid ends; None before anything was added.
    """

    def __init__(self) -> None:
        self._seen: deque[tuple[int, Item]] = deque()  # with capture times, oldest first
        self.t_now_ns: int | None = None

    def t_ns(self, t_now_ns: int | None = None) -> np.ndarray:
        """(64,) int64 slot times, oldest first; the last is now, or `t_now_ns`.

        Raises:
            ValueError: nothing was added yet, so there is no "now".
        """
        return self._now_ns(t_now_ns) - np.arange(WINDOW_SLOTS - 1, -1, -1, dtype=np.int64) * SLOT_PERIOD_NS

    def advance(self, t_now_ns: int) -> None:
        """Move the end of the grid to `t_now_ns` (ns) if that is later."""
        if self.t_now_ns is None or t_now_ns > self.t_now_ns:
            self.t_now_ns = t_now_ns
        oldest_ns = self.t_now_ns - WINDOW_SLOTS * SLOT_PERIOD_NS
        while self._seen and self._seen[0][0] < oldest_ns:
            self._seen.popleft()

    def insert(self, t_capture_ns: int, item: Item) -> None:
        """Keep a detection; one that arrives late takes its place in time."""
        position = len(self._seen)
        while position and self._seen[position - 1][0] > t_capture_ns:
            position -= 1
        self._seen.insert(position, (t_capture_ns, item))

    def slots(self, t_now_ns: int | None = None) -> dict[int, tuple[int, Item]]:
        """By slot number, 0–63: capture time and detection of the slots that have one.

        Args:
            t_now_ns: when the grid ends; None is now.

        Raises:
            ValueError: nothing was added yet.
        """
        t_now_ns = self._now_ns(t_now_ns)
        chosen: dict[int, tuple[int, Item]] = {}
        for t_capture_ns, item in self._seen:
            age_ns = t_now_ns - t_capture_ns
            slot = WINDOW_SLOTS - 1 - (age_ns + SLOT_PERIOD_NS // 2) // SLOT_PERIOD_NS
            if slot < 0:
                continue
            t_slot_ns = t_now_ns - (WINDOW_SLOTS - 1 - slot) * SLOT_PERIOD_NS
            if slot in chosen and abs(chosen[slot][0] - t_slot_ns) <= abs(t_capture_ns - t_slot_ns):
                continue
            chosen[slot] = (t_capture_ns, item)
        return chosen

    def _now_ns(self, t_now_ns: int | None = None) -> int:
        if t_now_ns is not None:
            return t_now_ns
        if self.t_now_ns is None:
            raise ValueError("the window is empty: add an observation first")
        return self.t_now_ns
