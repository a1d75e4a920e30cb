"""A hand-off between two threads that holds the newest item only: who is late gets what is new."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Slot(Generic[Item]):
    """One place for one item.

    Attributes:
        replaced: how many items gave way to a newer one before anybody took them.
    """

    def __init__(self, merge: Callable[[Item, Item], Item] | None = None) -> None:
        """
        Args:
            merge: makes one item of one that was not taken and the newer one, where what the older one knows
                must not be lost; None drops the older one.
        """
        self.replaced = 0
        self._merge = merge
        self._item: Item | None = None
        self._end: BaseException | None = None
        self._condition = threading.Condition()

    def put(self, item: Item) -> None:
        """Leave an item; one that is still there gives way to it."""
        with self._condition:
            if self._item is not None:
                self.replaced += 1
                item = item if self._merge is None else self._merge(self._item, item)
            self._item = item
            self._condition.notify()

    def end(self, reason: BaseException) -> None:
        """Nothing more will come: `take` raises `reason` once the last item has been taken."""
        with self._condition:
            self._end = reason
            self._condition.notify()

    def take(self, timeout_s: float) -> Item | None:
        """The item, which leaves the slot; None if none came within `timeout_s`.

        Raises:
            BaseException: what `end` was given.
        """
        with self._condition:
            self._condition.wait_for(lambda: self._item is not None or self._end is not None, timeout_s)
            item, self._item = self._item, None
            if item is None and self._end is not None:
                raise self._end
            return item
