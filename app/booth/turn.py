"""One operator's turn: from the held palm until the hand is gone, idle, or somebody ends it."""

from __future__ import annotations

from collections.abc import Sequence

from app.booth.config import BoothConfig
from app.booth.lock import OperatorLock
from app.booth.palm import HandPlace, place_of
from app.booth.stirring import Stirring
from models.observation import Hand, Observation
from robot import RobotState

ARMED_WITHIN_S = 2.0  # a robot that is still disarmed then has refused
SHORT_GAP_S = 0.4  # a hand missing for longer is worth a word


class Turn:
    """The operator who holds the robot.

    Args:
        t_s: when the palm had been held long enough.
        place: where it is.
        config: the booth's times.

    Attributes:
        over: why the turn is over, one word for the log; empty while it goes on.
        somebody_disarmed: the robot was disarmed, and not by its own watchdog.
    """

    def __init__(self, t_s: float, place: HandPlace, config: BoothConfig) -> None:
        self.hand: Hand = place.hand
        self.over = ""
        self.somebody_disarmed = False
        self._config = config
        self._began_s = t_s
        self._lock = OperatorLock(place, t_s)
        self._stirring = Stirring(t_s)
        self._armed = False
        self._homed = False
        self._watchdog_disarms: int | None = None

    @property
    def place(self) -> HandPlace:
        """Where the operator's hand was last seen."""
        return self._lock.place

    def update(self, t_s: float, hands: Sequence[Observation]) -> Observation | None:
        """The operator's hand among those of a frame; None when it is not there.

        Args:
            t_s: time of the frame, never less than the one before.
            hands: the hands in it, any order.
        """
        places, sights = [], []
        for observation in hands:
            place = place_of(observation)
            if place is not None:
                places.append(place)
                sights.append(observation)
        found = self._lock.find(t_s, places)
        if found is not None:
            self._homed = False
            self._stirring.update(t_s, sights[found], places[found])
        elif self._lock.missing_s(t_s) >= self._config.lost_s:
            self.over = "gone"
        if self._stirring.idle_s(t_s) >= self._config.idle_s:
            self.over = "idle"
        if self._config.turn_s is not None and t_s - self._began_s >= self._config.turn_s:
            self.over = "time"
        return None if found is None or self.over else sights[found]

    def watch_robot(self, t_s: float, state: RobotState | None) -> tuple[str, ...]:
        """What to tell the robot, from what it says; its stop or its rest ends the turn."""
        if state is None:
            return self._way_home(t_s)
        disarms = state.counters.get("watchdog_disarms", 0)
        if self._watchdog_disarms is None:
            self._watchdog_disarms = disarms
        if state.mode == "STOPPED":
            self.over = "stopped"
        elif state.mode != "DISARMED":
            self._armed = True
        elif self._armed:
            self.over = "disarmed"
            self.somebody_disarmed = disarms <= self._watchdog_disarms
        elif t_s - self._began_s > ARMED_WITHIN_S:
            self.over = "refused"
        return () if self.over else self._way_home(t_s)

    def seconds_left(self, t_s: float) -> float | None:
        """Until the turn ends if nothing changes; None while no end is in sight."""
        config, missing_s = self._config, self._lock.missing_s(t_s)
        ends = []
        if missing_s > SHORT_GAP_S:
            ends.append(config.lost_s - missing_s)
        if config.turn_s is not None:
            ends.append(config.turn_s - (t_s - self._began_s))
        return max(0.0, min(ends)) if ends else None

    def _way_home(self, t_s: float) -> tuple[str, ...]:
        """Sends a robot home whose operator is missing; a hand that comes back is followed from there."""
        if self._homed or self._lock.missing_s(t_s) < self._config.home_after_s:
            return ()
        self._homed = True
        return ("home",)
