"""Keeps measuring a server's clock from a thread of its own, so that publishing never waits for it."""

from __future__ import annotations

import logging
import threading
import time

from robot import fields as check
from robot.clock import ClockEstimate, ClockSample, ClockTracker
from robot.errors import RobotError
from robot.requester import Requester

log = logging.getLogger(__name__)

FIRST_SAMPLES = 8
PERIOD_S = 0.5
TIMEOUT_MS = 500  # an answer that takes longer says little about the time


class ClockWatch:
    """Measures the offset of a server's clock: several times at once when it is made, then again and again.

    Args:
        requester: asks for the first samples, with as much patience as its owner has.
        background: asks for all others; closed with this object.

    Raises:
        RobotError: the server does not answer.
    """

    def __init__(self, requester: Requester, background: Requester) -> None:
        self._tracker = ClockTracker()
        for _ in range(FIRST_SAMPLES):
            self._tracker.add(sample_clock(requester))
        self._background = background
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clock-watch", daemon=True)
        self._thread.start()

    @property
    def estimate(self) -> ClockEstimate:
        """The newest estimate; never waits."""
        return self._tracker.estimate

    def _run(self) -> None:
        while not self._end.wait(PERIOD_S):
            steps = self._tracker.estimate.steps
            try:
                self._tracker.add(sample_clock(self._background))
            except RobotError as error:
                log.debug("the clock was not measured: %s", error)  # the next answer may come
            if self._tracker.estimate.steps > steps:
                log.warning("the robot's clock jumped; its new offset is used from now on")

    def close(self) -> None:
        """End the thread; takes as long as the answer it may be waiting for."""
        self._end.set()
        self._thread.join()
        self._background.close()


def sample_clock(requester: Requester) -> ClockSample:
    """Ask for the time once.

    Raises:
        RobotError: the server does not answer, or not with a time.
    """
    asked_ns = time.monotonic_ns()
    reply = requester.ask({"command": "clock"})
    received_ns = time.monotonic_ns()
    return ClockSample(asked_ns, check.integer("t_ns", reply.get("t_ns")), received_ns)
