"""CAN protocol of the Allegro hands v2 and v3: encode and decode, no state, no I/O.

Identifier = (command << 6) | (destination << 3) | source; the host is 2, the hand 1, its fingers answer as
3–6. Angles are unsigned and little-endian, drives big-endian with the joints of a finger in reverse. Every
hand has its own zeros and directions, kept by serial number in a file that comes with it. These hands have
no status byte, no temperatures and no serial number on the bus. Sources: allegro_hand_ros_catkin and
allegro_hand_ros (candef.h, canAPI, AllegroHandDrv.cpp).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import yaml

from robot.can.frames import Frame
from robot.can.messages import (
    FINGERS,
    Configure,
    HandInfo,
    Message,
    Pose,
    Rejected,
    Request,
    SetPeriod,
    SystemOff,
    SystemOn,
    Torque,
)
from robot.can.protocol import JOINTS, RANGE_RAD, TimedFrame, by_finger, caps, torque_counts
from robot.errors import RobotError

ON, OFF, PERIOD, MODE_TASK = 1, 2, 3, 5
TORQUE = 6
QUERY_STATE, ENCODER, QUERY_ID, AHRS_SET = 0x0E, 0x0F, 0x10, 0x11
HOST, COMMON, FIRST_FINGER = 2, 1, 3

_ENCODER = struct.Struct("<4H")
_TORQUE = struct.Struct(">4h")
_MIDDLE = 32768
_PAUSE_S = 0.01
_RAD_PER_COUNT = RANGE_RAD / 65536.0
# The vendor's limit is 800 counts at 8 V and 500 at 24 V. The supply is not known here, so the lower one
# holds for every joint, and v4's own limits where they are lower still.
_CAPS = [min(c, 500) / 1200.0 for c in (*(375, 675, 450, 285) * 3, 525, 405, 270, 270)]


@dataclass(frozen=True)
class ZeroTable:
    """What is particular to one hand, 16 numbers each in driver order.

    Attributes:
        serial: the number on its label.
        offsets: raw counts at zero angle, less 32768.
        directions: +1 or -1, of the encoders.
        motor_directions: +1 or -1, of the motors.

    Raises:
        RobotError: a table is of another length or a direction is neither +1 nor -1.
    """

    serial: str
    offsets: tuple[int, ...]
    directions: tuple[int, ...]
    motor_directions: tuple[int, ...]

    def __post_init__(self) -> None:
        for name in ("offsets", "directions", "motor_directions"):
            values = getattr(self, name)
            whole = all(type(value) is int for value in values)
            signs = name == "offsets" or (whole and set(values) <= {1, -1})
            if len(values) != JOINTS or not whole or not signs:
                raise RobotError(
                    f"The zero table of hand {self.serial} has {name} = {list(values)}; "
                    f"it takes {JOINTS} whole numbers{'' if name == 'offsets' else ', each 1 or -1'}."
                )


def load_zero_table(path: Path, serial: str) -> ZeroTable:
    """The zeros of one hand from a YAML file: serial number → offsets, directions, motor_directions.

    Raises:
        RobotError: the file cannot be read, or has no valid entry for this hand.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RobotError(f"The zero table {path} cannot be read: {error}.") from error
    # A serial of digits alone is a number to YAML.
    known = {str(key): value for key, value in content.items()} if isinstance(content, dict) else {}
    entry = known.get(serial)
    fields = ("offsets", "directions", "motor_directions")
    if not isinstance(entry, dict) or set(entry) != set(fields):
        raise RobotError(
            f'{path} has no entry with {", ".join(fields)} for the hand "{serial}"; '
            f"it knows {', '.join(known) or 'none'}."
        )
    if not all(isinstance(entry[field], list) for field in fields):
        raise RobotError(f'The entry "{serial}" of {path} holds something else than three lists.')
    return ZeroTable(serial, *(tuple(entry[field]) for field in fields))


@dataclass(frozen=True)
class ProtocolV2:
    """One hand of version "v2" or "v3" with its own zeros.

    The versions differ in where the direction applies: v3 turns the difference to zero, v2 the raw reading.
    """

    zeros: ZeroTable
    version: Literal["v2", "v3"] = "v3"

    pwm_scale = 1200.0
    has_serial = False
    has_status = False

    @property
    def name(self) -> str:
        """The version."""
        return self.version

    @cached_property
    def torque_caps(self) -> np.ndarray:
        """(16,) limits of |u|."""
        return caps(_CAPS)

    def decode(self, frame: Frame) -> Message | Rejected:
        """What `frame` says, in either direction."""
        command, destination, source = frame.id >> 6, (frame.id >> 3) & 7, frame.id & 7
        if frame.remote:
            return Rejected("unknown")
        if destination == HOST:
            return self._decode_reply(command, source, frame.data)
        if (destination, source) == (COMMON, HOST):
            return self._decode_command(command, frame.data)
        return Rejected("unknown")

    def _decode_reply(self, command: int, source: int, data: bytes) -> Message | Rejected:
        finger = source - FIRST_FINGER
        if command == ENCODER and 0 <= finger < FINGERS:
            if len(data) < _ENCODER.size:
                return Rejected("malformed")
            a, b, c, d = (
                self._angle(4 * finger + k, raw) for k, raw in enumerate(_ENCODER.unpack_from(data))
            )
            return Pose(finger, (a, b, c, d))
        if command == QUERY_ID:
            if len(data) < 8 or data[7] > 1:
                return Rejected("malformed")
            hardware, firmware = struct.unpack_from("<HH", data, 2)
            return HandInfo("right" if data[7] else "left", hardware, firmware)  # the opposite of v4
        return Rejected("unknown")

    def _decode_command(self, command: int, data: bytes) -> Message | Rejected:
        if TORQUE <= command < TORQUE + FINGERS:
            if len(data) < _TORQUE.size:
                return Rejected("malformed")
            finger = command - TORQUE
            signs = self.zeros.motor_directions[4 * finger : 4 * finger + 4]
            a, b, c, d = (
                sign * raw for sign, raw in zip(signs, _TORQUE.unpack_from(data)[::-1], strict=True)
            )
            return Torque(finger, (a, b, c, d))
        if command == PERIOD:
            return SetPeriod(data[0]) if data else Rejected("malformed")
        return _COMMANDS.get(command, Rejected("unknown"))

    def encode(self, message: Message) -> Frame:
        """The frame that says `message`."""
        try:
            return self._encode(message)
        except (KeyError, struct.error, IndexError) as error:
            raise RobotError(f"{message} does not fit a frame of {self.name}: {error}.") from None

    def _encode(self, message: Message) -> Frame:
        if isinstance(message, Torque):
            signs = self.zeros.motor_directions[4 * message.finger : 4 * message.finger + 4]
            counts = [sign * pwm for sign, pwm in zip(signs, message.pwm, strict=True)]
            return _to_hand(TORQUE + message.finger, _TORQUE.pack(*counts[::-1]))
        if isinstance(message, SetPeriod):
            return _to_hand(PERIOD, struct.pack("<B", message.pose_ms))
        if isinstance(message, Pose):
            counts = [self._raw(4 * message.finger + k, q) for k, q in enumerate(message.q_rad)]
            return _to_host(ENCODER, FIRST_FINGER + message.finger, _ENCODER.pack(*counts))
        if isinstance(message, HandInfo):
            data = struct.pack("<HHH", 0, message.hardware, message.firmware)
            return _to_host(QUERY_ID, COMMON, data + bytes((0, int(message.hand == "right"))))
        if message in _COMMAND_NUMBERS:
            return _to_hand(_COMMAND_NUMBERS[message], b"")
        raise RobotError(f"The protocol {self.name} has no frame for {message}.")

    def _angle(self, joint: int, raw: int) -> float:
        offset, direction = self.zeros.offsets[joint], self.zeros.directions[joint]
        if self.version == "v2":
            return (direction * raw - _MIDDLE - offset) * _RAD_PER_COUNT
        return direction * (raw - _MIDDLE - offset) * _RAD_PER_COUNT

    def _raw(self, joint: int, q_rad: float) -> int:
        offset, direction = self.zeros.offsets[joint], self.zeros.directions[joint]
        count = round(q_rad / _RAD_PER_COUNT)
        if self.version == "v2":
            raw = direction * (count + _MIDDLE + offset)
        else:
            raw = direction * count + _MIDDLE + offset
        return min(max(raw, 0), 65535)

    def identity_frames(self) -> tuple[TimedFrame, ...]:
        """Zero torque, off, who is there."""
        frames = (
            *self.torque_frames(np.zeros(JOINTS)),
            self.encode(SystemOff()),
            self.encode(Request("info")),
        )
        return tuple(TimedFrame(frame, _PAUSE_S) for frame in frames)

    def start_frames(self, period_ms: int, temperature_ms: int) -> tuple[TimedFrame, ...]:
        """Period, task mode, state twice, zero torque, on, as the vendor's driver has it."""
        frames = (
            self.encode(SetPeriod(period_ms)),
            self.encode(Configure("task")),
            self.encode(Request("state")),
            self.encode(Request("state")),
            *self.torque_frames(np.zeros(JOINTS)),
            self.encode(SystemOn()),
        )
        return tuple(TimedFrame(frame, _PAUSE_S) for frame in frames)

    def torque_frames(self, u: np.ndarray) -> tuple[Frame, ...]:
        """See `HandProtocol.torque_frames`."""
        counts = torque_counts(u, self.pwm_scale, self.torque_caps)
        return tuple(self.encode(Torque(i, pwm)) for i, pwm in enumerate(by_finger(counts)))

    def stop_frames(self) -> tuple[Frame, ...]:
        """Torque 0, off, period 0."""
        return (
            *self.torque_frames(np.zeros(JOINTS)),
            self.encode(SystemOff()),
            self.encode(SetPeriod(0)),
        )

    def status_frames(self) -> tuple[Frame, ...]:
        """None: these hands have no status."""
        return ()


def _to_hand(command: int, data: bytes) -> Frame:
    return Frame((command << 6) | (COMMON << 3) | HOST, data)


def _to_host(command: int, source: int, data: bytes) -> Frame:
    return Frame((command << 6) | (HOST << 3) | source, data)


_COMMANDS: dict[int, Message | Rejected] = {
    ON: SystemOn(),
    OFF: SystemOff(),
    MODE_TASK: Configure("task"),
    AHRS_SET: Configure("ahrs"),
    QUERY_STATE: Request("state"),
    QUERY_ID: Request("info"),
}
_COMMAND_NUMBERS = {message: command for command, message in _COMMANDS.items()}
