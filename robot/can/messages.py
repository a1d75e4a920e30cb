"""What CAN frames say, whatever the hardware generation: small frozen messages in SI units.

Fingers count in driver order on both hands: 0 index, 1 middle, 2 ring, 3 thumb; four joints each from the
knuckle on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from robot.allegro_model import Hand

FINGERS = 4
JOINTS_PER_FINGER = 4
Four = tuple[float, float, float, float]
Counts = tuple[int, int, int, int]

# Bits of the status byte. Two sources disagree from bit 1 on: the vendor calls 1 "high temperature" and 2
# "communication fault"; another driver calls 1 "joint temperature", 2 "throttled", 3 "joint communication",
# 4 "palm temperature". The recorded, working hand has bits 0 and 2 set.
STATUS_SERVO_ON = 0b00001
STATUS_NAMES = (
    "servo on",
    "joint temperature",
    "communication fault or throttled",
    "joint communication fault",
    "palm temperature",
)


@dataclass(frozen=True)
class SystemOn:
    """Switch the servos on (host to hand)."""


@dataclass(frozen=True)
class SystemOff:
    """Switch the servos off (host to hand)."""


@dataclass(frozen=True)
class SetPeriod:
    """How often the hand sends by itself, ms; 0 never (host to hand)."""

    pose_ms: int
    imu_ms: int = 0
    temperature_ms: int = 0


@dataclass(frozen=True)
class SetDevice:
    """Give the hand another device number, 0–3 (host to hand)."""

    device: int


@dataclass(frozen=True)
class Torque:
    """Drive of the four joints of a finger, counts of pulse width (host to hand)."""

    finger: int
    pwm: Counts


@dataclass(frozen=True)
class Request:
    """Ask for one data frame of the hand; `finger` counts where there are four of them."""

    what: Literal["pose", "imu", "temperature", "info", "serial", "state"]
    finger: int = 0


@dataclass(frozen=True)
class Configure:
    """A command of v2/v3 that only switches the hand's working mode (host to hand)."""

    mode: Literal["task", "ahrs"]


@dataclass(frozen=True)
class Pose:
    """Measured joint angles of a finger, rad."""

    finger: int
    q_rad: Four


@dataclass(frozen=True)
class Temperature:
    """Measured temperatures of the four joints of a finger, °C as sent; see `robot.allegro_health`."""

    finger: int
    celsius: Counts


@dataclass(frozen=True)
class Imu:
    """Orientation of the palm in the hand's own counts; no source gives their unit."""

    roll: int
    pitch: int
    yaw: int


@dataclass(frozen=True)
class HandInfo:
    """Who and how the hand is.

    Attributes:
        hand: its side.
        hardware, firmware: version numbers as sent.
        temperature_c: of the palm, °C; None where the protocol has none.
        status: the bits of `STATUS_NAMES`; None where the protocol has none.
    """

    hand: Hand
    hardware: int
    firmware: int
    temperature_c: int | None = None
    status: int | None = None


@dataclass(frozen=True)
class Serial:
    """The serial number, printable characters only."""

    text: str


@dataclass(frozen=True)
class FingertipPressure:
    """Two pressures of the fingertips of v5, Pa."""

    index: int
    pressure_pa: tuple[int, int]


@dataclass(frozen=True)
class Rejected:
    """A frame that says nothing: of an unknown identifier, or too short or out of range for its own."""

    reason: Literal["unknown", "malformed"]


Message = (
    SystemOn
    | SystemOff
    | SetPeriod
    | SetDevice
    | Torque
    | Request
    | Configure
    | Pose
    | Temperature
    | Imu
    | HandInfo
    | Serial
    | FingertipPressure
)


def status_text(status: int) -> str:
    """The set bits of a status byte in words."""
    names = [
        STATUS_NAMES[bit] if bit < len(STATUS_NAMES) else f"bit {bit}"
        for bit in range(8)
        if status & (1 << bit)
    ]
    return ", ".join(names) or "nothing set"
