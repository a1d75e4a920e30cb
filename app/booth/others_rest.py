"""A disarm or stop that somebody asked for elsewhere, of a robot that rests already."""

from __future__ import annotations

from collections.abc import Mapping

from models.observation import Hand
from robot import RobotState


class OthersRest:
    """Tells others' disarms from the booth's own: the robot server's count of them is all they show in."""

    def __init__(self) -> None:
        self._known: dict[Hand, int] = {}  # what the count comes to without others

    def forget(self) -> None:
        """Whoever arms now knows of all that was asked for before."""
        self._known.clear()

    def own(self, commands: Mapping[Hand, tuple[str, ...]]) -> None:
        """Take in what the booth itself tells each hand's robot."""
        for hand, told in commands.items():
            if hand in self._known:
                self._known[hand] += told.count("disarm")

    def seen_in(self, states: Mapping[Hand, RobotState | None]) -> bool:
        """Whether another one shows in the newest state of each hand's robot."""
        seen = False
        for hand, state in states.items():
            if state is None:
                continue
            count = state.counters.get("rest_commands", 0)
            known = self._known.setdefault(hand, count)
            if count > known:
                self._known[hand] = count
                seen = True
        return seen
