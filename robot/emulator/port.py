"""A bus that ends in this process: everything sent is recorded, and an emulated hand answers. The dry run."""

from __future__ import annotations

import logging
from collections import Counter, deque

from robot.can.frames import Frame
from robot.can.messages import Torque
from robot.can.protocol import HandProtocol
from robot.emulator.hand import EmulatedHand

log = logging.getLogger(__name__)

_KEPT = 4096
_TORQUE_LOG_NS = 1_000_000_000


class EmulatedPort:
    """A `Port` without hardware; no bus is opened and nothing leaves the process.

    Commands are logged as they would have been sent; of the torques, 1,333 frames a second, those of one
    cycle a second and every change to or from zero, unless the level is DEBUG.

    Args:
        hand: who answers.
        protocol: to tell torques from commands in the log.

    Attributes:
        sent: the newest frames, with the time of each, ns.
    """

    def __init__(self, hand: EmulatedHand, protocol: HandProtocol) -> None:
        self.hand = hand
        self.foreign: Counter[str] = Counter()
        self.sent: deque[tuple[int, Frame]] = deque(maxlen=_KEPT)
        self._protocol = protocol
        self._logged: dict[int, tuple[int, bool]] = {}  # by identifier: when, and whether it drove

    def send(self, frame: Frame, t_ns: int) -> None:
        """Record, log, and let the emulated hand have it."""
        self.sent.append((t_ns, frame))
        self._log(frame, t_ns)
        self.hand.take(frame, t_ns)

    def _log(self, frame: Frame, t_ns: int) -> None:
        if isinstance(self._protocol.decode(frame), Torque):
            logged_ns, was_driven = self._logged.get(frame.id, (None, False))
            driven = any(frame.data)
            if logged_ns is not None and t_ns - logged_ns < _TORQUE_LOG_NS and driven == was_driven:
                log.debug("not sent: %s", frame)
                return
            self._logged[frame.id] = (t_ns, driven)
        log.info("not sent: %s", frame)

    def receive(self, t_ns: int) -> list[Frame]:
        """What the emulated hand said until `t_ns`."""
        return self.hand.advance(t_ns)

    def fileno(self) -> int | None:
        """None: there is nothing to wait for."""
        return None

    def close(self) -> None:
        """Nothing to give back."""
