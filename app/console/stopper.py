"""The stop's own way from the window to the robots: not through the pipeline, and not through drawing."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from typing import Protocol

from robot import RobotError

logger = logging.getLogger(__name__)

_AGAIN_S = 0.2


class Stoppable(Protocol):
    """A robot that can be stopped; `robot.RobotLink` is one."""

    def stop(self) -> None:
        """Stop at once.

        Raises:
            RobotError: it was not confirmed.
        """
        ...


class Stopper:
    """Stops robots, each on a thread of its own: one that does not answer must not delay the next.

    A stop is asked for until it is confirmed.
    """

    def __init__(self, robots: Sequence[Stoppable]) -> None:
        self._alarms = [""] * len(robots)
        self._newest = 0  # stops that were asked for
        self._confirmed = [0] * len(robots)  # the newest of them that each robot has confirmed
        self._closing = False
        self._asked = [threading.Event() for _ in robots]
        for number, robot in enumerate(robots):
            thread = threading.Thread(target=self._serve, args=(number, robot), name="stop", daemon=True)
            thread.start()

    @property
    def alarm(self) -> str:
        """What the operator must know of a stop that a robot did not confirm; empty while all is well."""
        return next((alarm for alarm in self._alarms if alarm), "")

    @property
    def confirmed(self) -> bool:
        """Whether every robot there is has confirmed the newest stop."""
        return self._newest > 0 and bool(self._confirmed) and not self.pending

    @property
    def pending(self) -> bool:
        """Whether a robot has yet to confirm the newest stop."""
        return any(confirmed != self._newest for confirmed in self._confirmed)

    def stop(self) -> None:
        """Stop all robots; returns at once."""
        self._newest += 1
        for asked in self._asked:
            asked.set()

    def close(self) -> None:
        """End the threads; a stop that was asked for is still sent, and no longer repeated."""
        self._closing = True
        for asked in self._asked:
            asked.set()

    def _serve(self, number: int, robot: Stoppable) -> None:
        asked = self._asked[number]
        while True:
            asked.wait()
            asked.clear()
            while self._confirmed[number] != (newest := self._newest):
                if self._stopped(number, robot):
                    self._confirmed[number] = newest
                elif self._closing:
                    return
                else:
                    time.sleep(_AGAIN_S)
            if self._closing:
                return

    def _stopped(self, number: int, robot: Stoppable) -> bool:
        """Ask one robot to stop; whether it confirmed."""
        try:
            robot.stop()
        except RobotError as error:
            alarm = f"STOP NOT CONFIRMED. Cut the hand's power if it moves: {error}"
            if alarm != self._alarms[number]:
                logger.error("%s", alarm)
            self._alarms[number] = alarm
            return False
        if self._alarms[number]:
            logger.warning("the robot has confirmed the stop")
        self._alarms[number] = ""
        return True
