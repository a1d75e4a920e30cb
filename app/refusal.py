"""What a key is answered with when nothing comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable

SHOWN_S = 8.0  # by then it is read, and may no longer be so


class Refusal:
    """Why nothing came of what the operator asked for last; not told for ever.

    Args:
        clock: seconds now.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sentence = ""
        self._t_said_s = 0.0

    @property
    def told(self) -> str:
        """What to tell the operator now; empty for nothing."""
        return self._sentence if self._clock() - self._t_said_s < SHOWN_S else ""

    def say(self, sentence: str) -> None:
        """Tell this from now on, instead of what was told before; empty for nothing."""
        self._sentence, self._t_said_s = sentence, self._clock()
