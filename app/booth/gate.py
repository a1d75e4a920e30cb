"""Stands between the detector and the robots: only the hand of one engaged operator gets through.

    attract   no hand near                       → a hand in view → invite
    invite    a hand in view, no open palm       → palm held up → hold
    hold      an open palm is held still         → long enough → engaged (arm); moved or gone → invite
    engaged   the palm's hand drives the robot   → gone, idle, time up, robot stopped or disarmed → goodbye
    goodbye   the robot goes home and is disarmed; then everybody starts again with an open palm

Pure logic on explicit times. Time that goes backwards counts as none, so that no clock can lock the booth up.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.booth.config import BoothConfig
from app.booth.farewell import Farewell
from app.booth.hold import PalmHold
from app.booth.others_rest import OthersRest
from app.booth.palm import HandPlace, is_open_palm, place_of
from app.booth.status import BoothStatus
from app.booth.turn import Turn
from models.observation import Hand, Observation
from robot import RobotState

logger = logging.getLogger(__name__)

INVITE_SHARE = 0.5  # of the size that a hand must have to engage: from there on it is invited
LINGER_S = 0.7  # a hand that flickers in the distance does not make the page flicker
SAME_PICTURE_LENGTHS, SAME_PICTURE_RATIO = 0.5, 1.3
PICTURE_FORGOTTEN_S = 5.0


@dataclass(frozen=True)
class Gated:
    """What one frame came to.

    Attributes:
        observations: what each hand's lane may see.
        status: for the booth's page.
        commands: for each hand's robot, in the order to give them, before its lane's next message.
    """

    observations: dict[Hand, Observation]
    status: BoothStatus
    commands: dict[Hand, tuple[str, ...]] = field(default_factory=dict)


class BoothGate:
    """The booth's doorman.

    Args:
        config: its times; None takes the usual ones.
        paused: let nobody in before staff arm.
    """

    def __init__(self, config: BoothConfig | None = None, paused: bool = False) -> None:
        self.config = config or BoothConfig()
        self._hold = PalmHold(self.config.hold_s)
        self._turn: Turn | None = None
        self._farewells: dict[Hand, Farewell] = {}
        self._goodbye_until_s = 0.0
        self._t_last_ns: int | None = None
        self._t_s = 0.0
        self._near_s: float | None = None  # when a hand was last in view
        self._paused = paused
        self._rested = False  # since it was paused
        self._others_rest = OthersRest()
        self._picture: HandPlace | None = None  # a hand that never stirred
        self._picture_seen_s = 0.0

    def heed(self, command: str) -> None:
        """Take in what staff asked for with a key: after a disarm or stop nobody gets in until they arm."""
        if command in ("disarm", "stop"):
            self._pause()
        elif command == "arm":
            self._paused = False
            self._others_rest.forget()

    def filter(
        self,
        t_ns: int,
        observations: Mapping[Hand, Observation],
        states: Mapping[Hand, RobotState | None],
        others: Sequence[Observation] = (),
    ) -> Gated:
        """Decide what the lanes may see of a frame.

        Args:
            t_ns: capture time of the frame; also where none came, with nothing in it.
            observations: the detector's word on each hand asked for.
            states: the newest state of each hand's robot; None, or no entry, where it states none.
            others: further hands in view, which the detector did not choose.
        """
        t_s = self._time(t_ns)
        sights = [o for o in (*observations.values(), *others) if o.hand in observations]
        blocked = {hand for hand in observations if _mode(states.get(hand)) == "STOPPED"}
        if blocked or self._others_rest.seen_in(states):
            self._pause()
        self._unpause(states)
        through: Observation | None = None
        commands: dict[Hand, tuple[str, ...]] = {}
        if self._turn is None and not self._saying_goodbye(t_s):
            free = set() if self._paused else set(observations) - blocked
            self._admit(t_s, [sight for sight in sights if sight.hand in free], commands)
        if self._turn is not None:
            hand = self._turn.hand
            through = self._turn.update(t_s, [sight for sight in sights if sight.hand == hand])
            commands[hand] = (*commands.get(hand, ()), *self._turn.watch_robot(t_s, states.get(hand)))
            if self._paused:
                self._turn.over = "disarmed"
            if self._turn.over:
                through = None
                self._end(t_s, self._turn)
        for hand, farewell in list(self._farewells.items()):
            commands[hand] = (*commands.get(hand, ()), *farewell.commands(t_s, states.get(hand)))
            if farewell.done:
                del self._farewells[hand]
        seen = {
            hand: through
            if through is not None and through.hand == hand
            else Observation.missing(observation.t_capture_ns, hand, observation.image_size_px)
            for hand, observation in observations.items()
        }
        self._others_rest.own(commands)
        status = self._status(t_s, sights, needs_staff=self._paused)
        return Gated(seen, status, {hand: told for hand, told in commands.items() if told})

    def _time(self, t_ns: int) -> float:
        if self._t_last_ns is not None:
            self._t_s += max(0, t_ns - self._t_last_ns) * 1e-9
        self._t_last_ns = t_ns
        return self._t_s

    def _unpause(self, states: Mapping[Hand, RobotState | None]) -> None:
        """A robot that is armed again though nobody has a turn was armed by staff, at whatever console."""
        rests = all(_mode(state) in ("", "DISARMED", "STOPPED") for state in states.values())
        if self._turn is None and not self._farewells:
            self._rested = self._rested or rests
            if self._paused and self._rested and not rests:
                self._paused = False
                self._others_rest.forget()

    def _pause(self) -> None:
        self._paused, self._rested = True, False

    def _saying_goodbye(self, t_s: float) -> bool:
        return bool(self._farewells) or t_s < self._goodbye_until_s

    def _admit(self, t_s: float, sights: list[Observation], commands: dict[Hand, tuple[str, ...]]) -> None:
        """Let the visitor in whose palm has been held long enough."""
        places = []
        for sight in sights:
            place = place_of(sight)
            if place is None or self._is_picture(t_s, place):
                continue
            if is_open_palm(sight, self.config.near_share):
                places.append(place)
        palm = self._hold.update(t_s, places)
        if palm is not None and self._hold.done:
            self._hold.reset()
            self._turn = Turn(t_s, palm, self.config)
            commands[palm.hand] = ("arm",)
            logger.info("the booth's robot is taken with the %s hand", palm.hand)

    def _is_picture(self, t_s: float, place: HandPlace) -> bool:
        """Whether this is the hand that lost its turn because it never stirred, still in its place."""
        picture = self._picture
        if picture is None:
            return False
        if t_s - self._picture_seen_s > PICTURE_FORGOTTEN_S:
            self._picture = None
            return False
        if (
            place.away_from(picture) > SAME_PICTURE_LENGTHS
            or place.size_ratio(picture) > SAME_PICTURE_RATIO
            or place.hand != picture.hand
        ):
            return False
        self._picture_seen_s = t_s
        return True

    def _end(self, t_s: float, turn: Turn) -> None:
        logger.info("the booth's robot is free again: %s", turn.over)
        if turn.somebody_disarmed:
            self._pause()
        if turn.over == "idle":
            self._picture = turn.place
            self._picture_seen_s = t_s + self.config.goodbye_s
        self._turn = None
        self._farewells[turn.hand] = Farewell(t_s, home=turn.over != "disarmed")
        self._goodbye_until_s = t_s + self.config.goodbye_s

    def _status(self, t_s: float, sights: list[Observation], needs_staff: bool) -> BoothStatus:
        if self._turn is not None:
            return BoothStatus("engaged", 1.0, self._turn.seconds_left(t_s), needs_staff)
        if self._saying_goodbye(t_s):
            return BoothStatus("goodbye", needs_staff=needs_staff)
        if self._hold.palm is not None:
            return BoothStatus("hold", self._hold.progress, needs_staff=needs_staff)
        near = INVITE_SHARE * self.config.near_share
        if any(place is not None and place.share >= near for place in map(place_of, sights)):
            self._near_s = t_s
        lingers = self._near_s is not None and t_s - self._near_s <= LINGER_S
        return BoothStatus("invite" if lingers else "attract", needs_staff=needs_staff)


def _mode(state: RobotState | None) -> str:
    return "" if state is None else state.mode
