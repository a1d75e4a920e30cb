"""Takes a robot home and disarms it when a turn is over."""

from __future__ import annotations

from robot import RobotState

SETTLE_S = 1.0  # after so long what the robot says is surely about the way home, not about before
LONGEST_WAY_S = 11.0  # the robot server gives up the way home after 10 s
REPEAT_S = 2.0  # a disarm that was not heard is given again
GIVE_UP_S = 20.0


class Farewell:
    """Commands for one robot: home, then disarm once it has arrived; nothing for one that is stopped.

    Args:
        t_s: now.
        home: False only disarms it.

    Attributes:
        done: the robot rests, or does not answer to it.
    """

    def __init__(self, t_s: float, home: bool = True) -> None:
        self._began_s = t_s
        self._homing = False
        self._home = home
        self._on_the_way = False
        self._disarmed_s: float | None = None
        self.done = False

    def commands(self, t_s: float, state: RobotState | None) -> tuple[str, ...]:
        """What to tell the robot now.

        Args:
            t_s: now, never less than before.
            state: the robot's newest state; None where no robot states any.
        """
        if self.done:
            return ()
        mode = "" if state is None else state.mode
        if mode == "STOPPED" or t_s - self._began_s > GIVE_UP_S:
            self.done = True
            return ()
        if self._disarmed_s is not None:
            return self._wait_for_rest(t_s, mode)
        if not self._home or mode == "DISARMED":
            self._disarmed_s = t_s
            return ("disarm",)
        if not self._homing:
            self._homing = True
            return ("home",)
        self._on_the_way = self._on_the_way or mode == "ENGAGING"
        gone_s = t_s - self._began_s
        arrived = mode != "ENGAGING" and (self._on_the_way or gone_s > SETTLE_S)
        if arrived or gone_s > LONGEST_WAY_S:
            self._disarmed_s = t_s
            return ("disarm",)
        return ()

    def _wait_for_rest(self, t_s: float, mode: str) -> tuple[str, ...]:
        if mode in ("", "DISARMED"):
            self.done = True
        elif self._disarmed_s is not None and t_s - self._disarmed_s > REPEAT_S:
            self._disarmed_s = t_s
            return ("disarm",)
        return ()
