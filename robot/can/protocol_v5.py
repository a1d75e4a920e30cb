"""CAN protocol of the Allegro hand v5, types A and B: that of v4 with other scales, and fingertip pressures.

What the sources do not tell is taken over from v4 and has not met a real hand: the byte order and sign of
the angles, and the reply to the info request. Source: the vendor's allegro_hand_ros2_v5.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from robot.allegro_model import Hand
from robot.can.frames import Frame
from robot.can.messages import FingertipPressure, Message, Rejected
from robot.can.protocol import caps
from robot.can.protocol_v4 import ProtocolV4

PRESSURE = 0xF0
_PRESSURE = struct.Struct("<2i")
_MAX_PWM = 240.0
_HALVED_ON_B = (1, 5, 9)  # the proximal joints of index, middle and ring

HandType = Literal["A", "B"]


@dataclass(frozen=True)
class ProtocolV5(ProtocolV4):
    """The hand with device number `device`; `hand_type` as the third character of its serial number says."""

    hand_type: HandType = "A"

    name = "v5"
    rad_per_count = math.radians(0.088)
    pwm_scale = 1430.0

    @cached_property
    def torque_caps(self) -> np.ndarray:
        """(16,) the vendor's limits of |u|: 240 counts for all joints."""
        return caps([_MAX_PWM / self.pwm_scale] * 16)

    def torque_frames(self, u: np.ndarray) -> tuple[Frame, ...]:
        """As v4; type B gets half the drive in the proximal finger joints."""
        drive = np.array(u, dtype=np.float64)
        if self.hand_type == "B":
            drive = np.clip(drive, -self.torque_caps, self.torque_caps)
            drive[list(_HALVED_ON_B)] *= 0.5
        return super().torque_frames(drive)

    def decode(self, frame: Frame) -> Message | Rejected:
        """As v4, and the fingertip pressures 0xF0–0xF3."""
        index = (frame.id >> 2) - PRESSURE
        if frame.id & 3 == self.device and 0 <= index < 4 and not frame.remote:
            if len(frame.data) < _PRESSURE.size:
                return Rejected("malformed")
            return FingertipPressure(index, _PRESSURE.unpack_from(frame.data))
        return super().decode(frame)

    def encode(self, message: Message) -> Frame:
        """As v4, and fingertip pressures."""
        if isinstance(message, FingertipPressure):
            number = PRESSURE + message.index
            return Frame((number << 2) | self.device, _PRESSURE.pack(*message.pressure_pa))
        return super().encode(message)


def serial_type(serial: str) -> HandType | None:
    """A or B by the third character of the serial number of a v5 hand."""
    letter = serial[2:3].upper()
    return "A" if letter == "A" else "B" if letter == "B" else None


def serial_hand(serial: str) -> Hand | None:
    """Right or left by the fourth character of the serial number of a v5 hand."""
    letter = serial[3:4].upper()
    return "right" if letter == "R" else "left" if letter == "L" else None
