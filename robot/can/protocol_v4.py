"""CAN protocol of the Allegro hand v4: encode and decode, no state, no I/O.

Identifier = (message << 2) | device, 11 bits, 1 Mbit/s; numbers are little-endian. Angles are raw counts of a
333.3° turn over 16 bits, without offsets or directions. Sources: the vendor's ROS drivers
(allegro_hand_ros_v4 candef.h, AllegroHandDrv.cpp; allegro_hand_ros2 v4_spec) and CAN_Protocol_v4.0. An older
revision of that page has other numbers for torque and configuration, against all drivers; they are not used.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from robot.can.frames import Frame
from robot.can.messages import (
    FINGERS,
    HandInfo,
    Imu,
    Message,
    Pose,
    Rejected,
    Request,
    Serial,
    SetDevice,
    SetPeriod,
    SystemOff,
    SystemOn,
    Temperature,
    Torque,
)
from robot.can.protocol import RANGE_RAD, TimedFrame, by_finger, caps, to_int16, torque_counts
from robot.errors import RobotError

SYSTEM_ON, SYSTEM_OFF = 0x40, 0x41
SET_TORQUE = 0x60
CONFIG = 0x68
HAND_INFO, SET_PERIOD, SERIAL = 0x80, 0x81, 0x88
POSE, IMU, TEMPERATURE = 0x20, 0x30, 0x38

_FOUR = struct.Struct("<4h")
_THREE = struct.Struct("<3h")
_PERIODS = struct.Struct("<3H")
_INFO = struct.Struct("<HHBBB")
_PAUSE_S = 100e-6  # between the frames of the start, as the vendor's driver leaves
_REST_S = 0.01  # between the stop of a hand that was left running and the questions

_RAD_PER_COUNT = RANGE_RAD / 65536.0
# The vendor's caps of 1200 counts: three fingers alike, then the thumb.
_CAPS = [c / 1200.0 for c in (*(375, 675, 450, 285) * 3, 525, 405, 270, 270)]


@dataclass(frozen=True)
class ProtocolV4:
    """The hand with device number `device`, 0–3.

    Raises:
        RobotError: no such device number.
    """

    device: int = 0

    name = "v4"
    rad_per_count = _RAD_PER_COUNT
    pwm_scale = 1200.0  # at 12 V
    has_serial = True
    has_status = True

    def __post_init__(self) -> None:
        if not 0 <= self.device <= 3:
            raise RobotError(f"Device number {self.device} does not exist; an Allegro hand has 0, 1, 2 or 3.")

    @cached_property
    def torque_caps(self) -> np.ndarray:
        """(16,) the vendor's limits of |u|."""
        return caps(_CAPS)

    # -- hand to host and host to hand
    # -------------------------------------------------------------------------

    def decode(self, frame: Frame) -> Message | Rejected:
        """What `frame` says; frames longer than needed are read to where their content ends."""
        if frame.id & 3 != self.device:
            return Rejected("unknown")
        number = frame.id >> 2
        if frame.remote:
            return _REQUESTS.get(number, Rejected("unknown"))
        reader = _READERS.get(number)
        if reader is None:
            return Rejected("unknown")
        length, read = reader
        if len(frame.data) < length:
            return Rejected("malformed")
        return read(self, number, frame.data)

    def encode(self, message: Message) -> Frame:
        """The frame that says `message`; angles are rounded to counts, drives are taken as they are."""
        number, data, remote = self._content(message)
        return Frame((number << 2) | self.device, data, remote)

    def _content(self, message: Message) -> tuple[int, bytes, bool]:
        try:
            if isinstance(message, Request):
                return _REQUEST_NUMBERS[message], b"", True
            writer = _WRITERS.get(type(message))
            if writer is None:
                raise RobotError(f"The protocol {self.name} has no frame for {message}.")
            number, data = writer(self, message)
        except (KeyError, struct.error) as error:
            raise RobotError(f"{message} does not fit a frame of {self.name}: {error}.") from None
        return number, data, False

    # -- sequences
    # ---------------------------------------------------------------------------------------------

    def identity_frames(self) -> tuple[TimedFrame, ...]:
        """Zero torque and off, because a hand keeps its torque when its host dies; then info and serial."""
        stop = self.stop_frames()
        return (
            *(TimedFrame(frame, _PAUSE_S) for frame in stop[:-1]),
            TimedFrame(stop[-1], _REST_S),
            TimedFrame(self.encode(Request("info")), _PAUSE_S),
            TimedFrame(self.encode(Request("serial")), _PAUSE_S),
        )

    def start_frames(self, period_ms: int, temperature_ms: int) -> tuple[TimedFrame, ...]:
        """Periods, zero torque, on."""
        frames = (
            self.encode(SetPeriod(period_ms, 0, temperature_ms)),
            *self.torque_frames(np.zeros(16)),
            self.encode(SystemOn()),
        )
        return tuple(TimedFrame(frame, _PAUSE_S) for frame in frames)

    def torque_frames(self, u: np.ndarray) -> tuple[Frame, ...]:
        """See `HandProtocol.torque_frames`."""
        counts = torque_counts(u, self.pwm_scale, self.torque_caps)
        return tuple(self.encode(Torque(i, pwm)) for i, pwm in enumerate(by_finger(counts)))

    def stop_frames(self) -> tuple[Frame, ...]:
        """Torque 0, off, period 0: the first frame already takes the torque of a finger away."""
        return (
            *self.torque_frames(np.zeros(16)),
            self.encode(SystemOff()),
            self.encode(SetPeriod(0)),
        )

    def status_frames(self) -> tuple[Frame, ...]:
        """Hand info; temperatures come by themselves."""
        return (self.encode(Request("info")),)


def _read_pose(protocol: ProtocolV4, number: int, data: bytes) -> Message:
    a, b, c, d = (count * protocol.rad_per_count for count in _FOUR.unpack_from(data))
    return Pose(number - POSE, (a, b, c, d))


def _read_torque(protocol: ProtocolV4, number: int, data: bytes) -> Message:
    a, b, c, d = _FOUR.unpack_from(data)
    return Torque(number - SET_TORQUE, (a, b, c, d))


def _read_temperature(protocol: ProtocolV4, number: int, data: bytes) -> Message:
    return Temperature(number - TEMPERATURE, (data[0], data[1], data[2], data[3]))


def _read_info(protocol: ProtocolV4, number: int, data: bytes) -> Message | Rejected:
    hardware, firmware, side, temperature_c, status = _INFO.unpack_from(data)
    if side > 1:
        return Rejected("malformed")
    return HandInfo("left" if side else "right", hardware, firmware, temperature_c, status)


def _read_serial(protocol: ProtocolV4, number: int, data: bytes) -> Message:
    text = "".join(chr(byte) if 0x20 < byte < 0x7F else "" for byte in data)
    return Serial(text)


def _read_device(protocol: ProtocolV4, number: int, data: bytes) -> Message | Rejected:
    device = data[0] & 0x7F
    return SetDevice(device) if data[0] & 0x80 and device <= 3 else Rejected("malformed")


_READERS: dict[int, tuple[int, Callable[[ProtocolV4, int, bytes], Message | Rejected]]] = {
    SYSTEM_ON: (0, lambda protocol, number, data: SystemOn()),
    SYSTEM_OFF: (0, lambda protocol, number, data: SystemOff()),
    SET_PERIOD: (6, lambda protocol, number, data: SetPeriod(*_PERIODS.unpack_from(data))),
    CONFIG: (1, _read_device),
    HAND_INFO: (7, _read_info),
    SERIAL: (8, _read_serial),
    IMU: (6, lambda protocol, number, data: Imu(*_THREE.unpack_from(data))),
    **{POSE + finger: (8, _read_pose) for finger in range(FINGERS)},
    **{SET_TORQUE + finger: (8, _read_torque) for finger in range(FINGERS)},
    **{TEMPERATURE + finger: (4, _read_temperature) for finger in range(FINGERS)},
}

_REQUESTS: dict[int, Message | Rejected] = {
    HAND_INFO: Request("info"),
    SERIAL: Request("serial"),
    IMU: Request("imu"),
    **{POSE + finger: Request("pose", finger) for finger in range(FINGERS)},
    **{TEMPERATURE + finger: Request("temperature", finger) for finger in range(FINGERS)},
}
_REQUEST_NUMBERS = {request: number for number, request in _REQUESTS.items()}


def _finger(first: int, finger: int) -> int:
    if not 0 <= finger < FINGERS:
        raise RobotError(f"Finger {finger} does not exist; a hand has 0 (index) to 3 (thumb).")
    return first + finger


def _write_pose(protocol: ProtocolV4, message: Pose) -> tuple[int, bytes]:
    counts = (to_int16(q / protocol.rad_per_count) for q in message.q_rad)
    return _finger(POSE, message.finger), _FOUR.pack(*counts)


def _write_info(protocol: ProtocolV4, message: HandInfo) -> tuple[int, bytes]:
    side = int(message.hand == "left")
    data = _INFO.pack(
        message.hardware, message.firmware, side, message.temperature_c or 0, message.status or 0
    )
    return HAND_INFO, data


def _write_serial(protocol: ProtocolV4, message: Serial) -> tuple[int, bytes]:
    return SERIAL, message.text.encode("ascii", "replace")[:8].ljust(8, b"\0")


_WRITERS: dict[type, Callable[..., tuple[int, bytes]]] = {
    SystemOn: lambda protocol, m: (SYSTEM_ON, b""),
    SystemOff: lambda protocol, m: (SYSTEM_OFF, b""),
    SetPeriod: lambda protocol, m: (SET_PERIOD, _PERIODS.pack(m.pose_ms, m.imu_ms, m.temperature_ms)),
    SetDevice: lambda protocol, m: (CONFIG, struct.pack("<B", m.device | 0x80)),
    Torque: lambda protocol, m: (_finger(SET_TORQUE, m.finger), _FOUR.pack(*m.pwm)),
    Pose: _write_pose,
    Temperature: lambda protocol, m: (
        _finger(TEMPERATURE, m.finger),
        struct.pack("<4B", *m.celsius),
    ),
    Imu: lambda protocol, m: (IMU, _THREE.pack(m.roll, m.pitch, m.yaw)),
    HandInfo: _write_info,
    Serial: _write_serial,
}
