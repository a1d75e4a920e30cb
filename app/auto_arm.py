"""When a run may arm a robot by itself, and when that is the operator's to say."""

from __future__ import annotations

from robot import RobotState


class AutoArm:
    """Arms once at the start, and again only after the server's own watchdog disarmed.

    Whoever disarms or stops the robot, here or at another console, has the last word: after that only the
    operator's own arm command brings it back.

    Attributes:
        allowed: whether a disarmed robot may be armed without being asked.
    """

    def __init__(self, allowed: bool) -> None:
        self.allowed = allowed
        self._enabled = allowed
        self._mode = ""
        self._watchdog_disarms = 0
        self._rest_commands: int | None = None

    def observe(self, state: RobotState, watchdog_disarms: int | None, rest_commands: int = 0) -> None:
        """Take in a state.

        Args:
            state: the newest.
            watchdog_disarms: the server's count of them, which it began before this run; None if it has none.
            rest_commands: its count of the disarms and stops that clients asked for. A disarm of a robot that
                rests already shows in nothing else.
        """
        if self._rest_commands is not None and rest_commands > self._rest_commands:
            self.allowed = False
        self._rest_commands = rest_commands
        count = 0 if watchdog_disarms is None else watchdog_disarms
        if not self._mode:
            self._watchdog_disarms = count
        if state.mode == "STOPPED":
            self.allowed = False
        elif self.disarmed_now(state):
            self.allowed = self.allowed and count > self._watchdog_disarms
            self._watchdog_disarms = count
        self._mode = state.mode

    def disarmed_now(self, state: RobotState) -> bool:
        """True if this state is the first DISARMED one after another mode."""
        return state.mode == "DISARMED" and self._mode not in ("", "DISARMED")

    def obey(self, command: str) -> None:
        """Take in what the operator asked for."""
        if command in ("disarm", "stop"):
            self.allowed = False
        elif command == "arm":
            self.allowed = self._enabled
            self._rest_commands = None  # what was asked for before it is out of date

    def refuse(self) -> None:
        """The server refused: do not insist."""
        self.allowed = False
