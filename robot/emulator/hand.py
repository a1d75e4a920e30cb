"""The emulated hand itself: frames and time in, frames out. Like the real one it has no watchdog."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from robot.allegro_model import Hand
from robot.can.frames import Frame
from robot.can.messages import (
    FINGERS,
    STATUS_SERVO_ON,
    Counts,
    HandInfo,
    Imu,
    Message,
    Pose,
    Request,
    Serial,
    SetPeriod,
    SystemOff,
    SystemOn,
    Temperature,
    Torque,
)
from robot.can.protocol import JOINTS, HandProtocol
from robot.emulator.faults import Faults
from robot.emulator.joints import EmulatedJoints
from robot.hands import HandSpec

_NS_PER_MS = 1_000_000
_BABBLE_ID = 0x7A5
_CELSIUS = 40
_SOUND_NS = 500_000_000  # a joint that reads wrong does so after this long
_MAX_GAP_S = 1.0  # after that every joint has come to rest; a computer that slept has no hours to make up for
Periodic = Literal["pose", "imu", "temperature"]


@dataclass(frozen=True)
class HandReport:
    """What the hand is doing, for tests and the guardian's trials.

    Attributes:
        on: whether the servos are on.
        pwm: (16,) counts the motors are driven with.
        driven: on, with any count other than zero.
        torque_ns: when the newest torque frame came; 0 before the first.
        changed_ns: when `driven` last changed.
        periods_ms: how often it sends pose, IMU and temperature by itself.
        q_rad: (16,) where its joints are.
    """

    on: bool
    pwm: tuple[int, ...]
    driven: bool
    torque_ns: int
    changed_ns: int
    periods_ms: tuple[int, int, int]
    q_rad: tuple[float, ...]


def example_serial(version: str, hand: Hand) -> str:
    """A serial number that says what those of v5 say: the third character the type, the fourth the side."""
    return f"SG{'B' if version == 'v5b' else 'A'}{hand[0].upper()}0001"


class EmulatedHand:
    """One hand.

    Args:
        protocol: its hardware generation.
        spec: what it is built like; the fault `wrong_hand` makes it say that it is the other side.
        faults: what is wrong with it.
        serial: its serial number, where its generation has one.
        t_ns: now.
        seed: of the lost frames.
    """

    def __init__(
        self,
        protocol: HandProtocol,
        spec: HandSpec,
        faults: Faults | None = None,
        serial: str = "",
        t_ns: int = 0,
        seed: int = 0,
    ) -> None:
        self.faults = faults or Faults()
        other: Hand = "left" if spec.hand == "right" else "right"
        self.side: Hand = other if self.faults.wrong_hand else spec.hand
        self.serial = serial
        self._protocol = protocol
        self._joints = EmulatedJoints(spec)
        self._random = np.random.default_rng(seed)
        self._t_ns = self._born_ns = t_ns
        self._on = False
        self._pwm = np.zeros(JOINTS, dtype=int)
        self._torque_ns = self._changed_ns = 0
        self._periods_ms: dict[Periodic, int] = dict.fromkeys(get_args(Periodic), 0)
        self._next_ns: dict[Periodic, int] = {}
        self._babble_ns = t_ns
        self._jump_sign = 1.0
        self._waiting: list[tuple[int, int, Frame]] = []  # due, number, frame; a heap
        self._number = 0

    @property
    def driven(self) -> bool:
        """Whether the motors have torque."""
        return self._on and bool(self._pwm.any())

    def report(self) -> HandReport:
        """What it is doing."""
        periods = self._periods_ms
        return HandReport(
            on=self._on,
            pwm=tuple(int(count) for count in self._pwm),
            driven=self.driven,
            torque_ns=self._torque_ns,
            changed_ns=self._changed_ns,
            periods_ms=(periods["pose"], periods["imu"], periods["temperature"]),
            q_rad=tuple(float(q) for q in self._joints.q_rad),
        )

    # -- host to hand
    # ------------------------------------------------------------------------------------------

    def take(self, frame: Frame, t_ns: int) -> None:
        """A frame came; what it asks for comes out of `advance`. Frames it does not know are passed over."""
        self._move(t_ns)
        if self.faults.deaf:
            return
        message = self._protocol.decode(frame)
        was_driven = self.driven
        if isinstance(message, SystemOn | SystemOff):
            self._on = isinstance(message, SystemOn)
        elif isinstance(message, Torque):
            first = FINGERS * message.finger
            self._pwm[first : first + 4] = message.pwm
            self._torque_ns = t_ns
        elif isinstance(message, SetPeriod):
            self._set_periods(message, t_ns)
        elif isinstance(message, Request):
            self._answer(message, t_ns)
        if self.driven != was_driven:
            self._changed_ns = t_ns

    def _set_periods(self, message: SetPeriod, t_ns: int) -> None:
        given: dict[Periodic, int] = {
            "pose": message.pose_ms,
            "imu": message.imu_ms,
            "temperature": message.temperature_ms,
        }
        self._periods_ms = given
        self._next_ns = {what: t_ns + ms * _NS_PER_MS for what, ms in given.items() if ms}

    def _answer(self, request: Request, t_ns: int) -> None:
        if request.what == "info":
            status = (STATUS_SERVO_ON if self._on else 0) | self.faults.status
            self._say(HandInfo(self.side, 0x0402, 0x0406, _CELSIUS, status), t_ns)
        elif request.what == "serial":
            self._say(Serial(self.serial), t_ns)
        elif request.what == "state":
            for finger in range(FINGERS):
                self._measure("pose", finger, t_ns)
        else:
            self._measure(request.what, request.finger, t_ns)

    # -- hand to host
    # ------------------------------------------------------------------------------------------

    def advance(self, t_ns: int) -> list[Frame]:
        """Everything the hand says until `t_ns`, in order."""
        while self._next_ns:
            what = min(self._next_ns, key=lambda kind: self._next_ns[kind])
            due_ns = self._next_ns[what]
            if due_ns > t_ns:
                break
            self._next_ns[what] = due_ns + self._periods_ms[what] * _NS_PER_MS
            self._move(due_ns)
            for finger in range(1 if what == "imu" else FINGERS):
                self._measure(what, finger, due_ns)
        if self.faults.babble_hz:
            while self._babble_ns <= t_ns:
                self._put(Frame(_BABBLE_ID, b"\xff" * 8), self._babble_ns)
                self._babble_ns += int(1e9 / self.faults.babble_hz)
        self._move(t_ns)
        said = []
        while self._waiting and self._waiting[0][0] <= t_ns:
            said.append(heapq.heappop(self._waiting)[2])
        return said

    def next_ns(self) -> int | None:
        """When it next has something to say, unless something comes before."""
        due = [*self._next_ns.values()]
        if self._waiting:
            due.append(self._waiting[0][0])
        if self.faults.babble_hz:
            due.append(self._babble_ns)
        return min(due) if due else None

    def _measure(self, what: Periodic | str, finger: int, t_ns: int) -> None:
        first = FINGERS * finger
        if what == "imu":
            self._say(Imu(0, 0, 0), t_ns)
        elif finger == self.faults.dead_finger:
            return
        elif what == "temperature":
            joints = range(first, first + 4)
            a, b, c, d = (self.faults.hot_c if j == self.faults.hot_joint else _CELSIUS for j in joints)
            celsius: Counts = (a, b, c, d)
            self._say(Temperature(finger, celsius), t_ns)
        else:
            q_rad = self._joints.q_rad.copy()
            if first <= self.faults.jump_joint < first + 4 and t_ns - self._born_ns > _SOUND_NS:
                self._jump_sign = -self._jump_sign
                q_rad[self.faults.jump_joint] += self._jump_sign
            a_rad, b_rad, c_rad, d_rad = (float(q) for q in q_rad[first : first + 4])
            self._say(Pose(finger, (a_rad, b_rad, c_rad, d_rad)), t_ns)

    def _say(self, message: Message, t_ns: int) -> None:
        faults = self.faults
        if isinstance(message, Temperature | Serial | Imu) and not self._protocol.has_status:
            return
        if 0.0 <= faults.silent_after_s * 1e9 <= t_ns - self._born_ns:
            return
        if faults.drop and self._random.random() < faults.drop:
            return
        self._put(self._protocol.encode(message), t_ns)

    def _put(self, frame: Frame, t_ns: int) -> None:
        self._number += 1
        due_ns = t_ns + int(self.faults.delay_ms * _NS_PER_MS)
        heapq.heappush(self._waiting, (due_ns, self._number, frame))

    def _move(self, t_ns: int) -> None:
        if t_ns <= self._t_ns:
            return
        drive_u = self._pwm / self._protocol.pwm_scale if self._on else np.zeros(JOINTS)
        self._joints.advance(drive_u, min((t_ns - self._t_ns) / 1e9, _MAX_GAP_S))
        self._t_ns = t_ns
