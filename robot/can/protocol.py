"""What driver, guardian and emulated hand ask of a protocol, and the arithmetic all protocols share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from robot.can.frames import Frame
from robot.can.messages import FINGERS, Counts, Message, Rejected

JOINTS = 16
RANGE_RAD = math.radians(333.3)  # turn of a v2–v4 potentiometer over its 16 bits
INT16_MIN, INT16_MAX = -(2**15), 2**15 - 1


@dataclass(frozen=True)
class TimedFrame:
    """A frame of a sequence, and how long the bus shall rest after it, s."""

    frame: Frame
    pause_s: float = 0.0


class HandProtocol(Protocol):
    """One hardware generation: encodes and decodes, keeps no state and does no I/O.

    Attributes:
        name: "v2", "v3", "v4" or "v5".
        pwm_scale: counts of pulse width at u = 1.
        torque_caps: (16,) what the vendor's driver limits |u| to.
        has_serial, has_status: whether the hand answers these requests.
    """

    @property
    def name(self) -> str: ...

    @property
    def pwm_scale(self) -> float: ...

    @property
    def torque_caps(self) -> np.ndarray: ...

    @property
    def has_serial(self) -> bool: ...

    @property
    def has_status(self) -> bool: ...

    def decode(self, frame: Frame) -> Message | Rejected:
        """What any frame says; never raises."""
        ...

    def encode(self, message: Message) -> Frame:
        """The frame that says `message`.

        Raises:
            RobotError: this protocol has no such frame, or a field is out of range.
        """
        ...

    def identity_frames(self) -> tuple[TimedFrame, ...]:
        """Asks who is there; brings a hand that was left running to rest first."""
        ...

    def start_frames(self, period_ms: int, temperature_ms: int) -> tuple[TimedFrame, ...]:
        """Periodic measurements and the servos on, without torque."""
        ...

    def torque_frames(self, u: np.ndarray) -> tuple[Frame, ...]:
        """Four frames for (16,) dimensionless drives u; 1 is the full pulse width, NaN counts as 0."""
        ...

    def stop_frames(self) -> tuple[Frame, ...]:
        """The ordered stop: no torque, servos off, no periodic measurements."""
        ...

    def status_frames(self) -> tuple[Frame, ...]:
        """Asks for status and temperatures, where the hand has them."""
        ...


def torque_counts(u: np.ndarray, scale: float, caps: np.ndarray) -> np.ndarray:
    """(16,) int counts of pulse width for (16,) drives `u`, each within ± `caps` · `scale`, toward zero."""
    finite = np.nan_to_num(np.asarray(u, dtype=np.float64), nan=0.0, posinf=np.inf, neginf=-np.inf)
    # A product that is a whole number must not lose one to rounding: 0.3 · 1200 is 359.99….
    counts = np.clip(finite, -caps, caps) * scale
    return np.trunc(counts + np.copysign(1e-6, counts)).astype(int)


def by_finger(values: Sequence[int] | np.ndarray) -> list[Counts]:
    """Sixteen whole numbers in driver order as four fingers of four."""
    v = [int(value) for value in values]
    return [(v[4 * i], v[4 * i + 1], v[4 * i + 2], v[4 * i + 3]) for i in range(FINGERS)]


def to_int16(value: float) -> int:
    """The nearest whole number that fits 16 bits with a sign."""
    return min(max(round(value), INT16_MIN), INT16_MAX)


def caps(values: Sequence[float]) -> np.ndarray:
    """(16,) read-only array of torque caps."""
    array = np.array(values, dtype=np.float64)
    array.setflags(write=False)
    return array
