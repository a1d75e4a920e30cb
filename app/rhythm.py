"""When the next frame will come, told from those that came."""

from __future__ import annotations

from collections import deque

import numpy as np

# Whose median counts: one late frame does not change the guess, a new rate does in half a second.
_INTERVALS = 15


class Rhythm:
    """The times of a stream's frames."""

    def __init__(self) -> None:
        self._t_ns: deque[int] = deque(maxlen=_INTERVALS + 1)

    def add(self, t_ns: int) -> None:
        """A frame was captured then; one that is not later than the last tells nothing."""
        if not self._t_ns or t_ns > self._t_ns[-1]:
            self._t_ns.append(t_ns)

    @property
    def next_ns(self) -> int | None:
        """When the next frame will be captured; None before the third."""
        if len(self._t_ns) < 3:
            return None
        return self._t_ns[-1] + int(np.median(np.diff(self._t_ns)))
