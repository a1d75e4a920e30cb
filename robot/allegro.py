"""Drives a real Allegro hand over CAN: start, identity, the 333 Hz loop's two halves, the ordered stop.

The hand sets the pace: `poll` takes what it sent and says when all sixteen angles are new, `drive` answers
with torques. Nothing here waits or reads a clock. The hand's firmware has no watchdog and keeps its last
torque when its host dies, so torques are cleared before anything else is said to a hand, and
`robot.guardian` has the last word.

    off → (start) → identifying → starting → running → (stop, or any fault) → off

Zero torque is sent in every cycle that nothing drives the hand, with the servos on, so that the first
torque after arming goes out with the next measurement: within one period, 3 ms.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from typing import Literal

import numpy as np

from robot.allegro_config import AllegroConfig
from robot.allegro_control import PoseAssembler, VelocityFilter, pd_drive
from robot.allegro_health import FeedbackGuard
from robot.allegro_identity import refusal
from robot.can.bus import Port
from robot.can.frames import Frame
from robot.can.messages import (
    FingertipPressure,
    HandInfo,
    Imu,
    Pose,
    Rejected,
    Request,
    Serial,
    SystemOff,
    SystemOn,
    Temperature,
    Torque,
)
from robot.can.protocol import JOINTS, HandProtocol, TimedFrame
from robot.errors import RobotError
from robot.hands import HandSpec

log = logging.getLogger(__name__)

FRAME_KINDS = ("accepted", "host", "unknown", "malformed")  # how received frames are counted
Phase = Literal["off", "identifying", "starting", "running"]

_NS_PER_S = 1_000_000_000
_ASK_AGAIN_NS = 100_000_000
_IDENTITY_NS = 1_000_000_000  # a hand that was just plugged in answers well within this
_SERIAL_NS = 200_000_000  # a serial number that does not come is done without
_STATUS_NS = 1_000_000_000  # between two questions for the status
_STOP_AGAIN_NS = 20_000_000
_SWITCHED_OFF_NS = 3_000_000_000  # two answers of the status, which say that the servos are off, and some


class AllegroDriver:
    """One hand on one bus; a `RobotBackend`.

    Args:
        spec: the hand that shall be there.
        protocol: its hardware generation.
        config: gains, caps and what its measurements must look like.
        port: the bus.

    Raises:
        RobotError: a torque cap exceeds the vendor's.
    """

    def __init__(self, spec: HandSpec, protocol: HandProtocol, config: AllegroConfig, port: Port) -> None:
        if (config.torque_caps > protocol.torque_caps + 1e-3).any():
            worst = int((config.torque_caps - protocol.torque_caps).argmax())
            raise RobotError(
                f"The torque cap of {spec.joint_names[worst]} is {config.torque_caps[worst]}; "
                f"the vendor's driver allows {protocol.torque_caps[worst]:.4f} at most."
            )
        self.spec = spec
        self.protocol = protocol
        self.config = config
        self.port = port
        self.period_ns = config.period_ms * 1_000_000
        self.phase: Phase = "off"
        self.fault = ""
        self.info: HandInfo | None = None
        self.serial = ""
        self.frames: Counter[str] = Counter()  # received, by `FRAME_KINDS`
        self.health = FeedbackGuard(spec, config.feedback, self.period_ns, protocol.has_status)
        self.q_rad = np.array(spec.home_rad)
        self.dq_rad_s = np.zeros(JOINTS)
        self.drive_u = np.zeros(JOINTS)  # what was sent last
        self._target_rad: np.ndarray | None = None
        self._assembler = PoseAssembler()
        self._filter = VelocityFilter(config.velocity_cutoff_hz, self.period_ns / _NS_PER_S)
        self._outbox: deque[tuple[int, Frame]] = deque()  # not before t_ns, in order
        self._phase_ns = self._asked_ns = self._measured_ns = 0
        self._rival = False  # whether another host's commands were among the newest frames
        self._switched_off_ns: int | None = None  # when another host took its power away
        self.unsent_stops = 0  # ordered stops the bus did not take
        self._stop_again_ns: int | None = None  # an ordered stop the bus did not take is sent again

    @property
    def target_rad(self) -> np.ndarray:
        """(16,) what the joints are driven to, rad; the measured angles while nothing drives them."""
        return np.array(self.q_rad if self._target_rad is None else self._target_rad)

    @property
    def powered(self) -> bool:
        """Whether the hand may have its servos on."""
        return self.phase in ("starting", "running") or self._stop_again_ns is not None

    def fileno(self) -> int | None:
        """See `RobotBackend.fileno`."""
        return self.port.fileno()

    # -- start and stop
    # ----------------------------------------------------------------------------------------

    def start(self, t_ns: int) -> None:
        """Ask who is there; `poll` switches the right hand on and refuses the wrong one."""
        self.fault = ""
        self.info, self.serial = None, ""
        self._stop_again_ns = self._switched_off_ns = None
        self._outbox.clear()
        self._enter("identifying", t_ns)
        self._asked_ns = t_ns
        try:
            self.port.receive(t_ns)  # drained: an old answer identifies nobody
        except RobotError as error:
            self._fail(str(error), t_ns)
            return
        self._queue(self.protocol.identity_frames(), t_ns)
        self._flush(t_ns)

    def stop(self, t_ns: int) -> None:
        """The ordered stop at once: torque 0, off, period 0, each frame even if one before it failed."""
        self._outbox.clear()
        self._enter("off", t_ns)
        self._target_rad = None
        self.drive_u = np.zeros(JOINTS)
        self.dq_rad_s = np.zeros(JOINTS)
        refused = ""
        for frame in self.protocol.stop_frames():
            try:
                self.port.send(frame, t_ns)
            except RobotError as error:
                refused = refused or str(error)
        self._stop_again_ns = t_ns + _STOP_AGAIN_NS if refused else None
        self.unsent_stops += bool(refused)
        if refused and not self.fault:
            self.fault = refused

    def close(self, t_ns: int) -> None:
        """Stop, then leave the bus."""
        self.stop(t_ns)
        self.port.close()

    def _fail(self, fault: str, t_ns: int) -> None:
        if not self.fault:
            self.fault = fault
        self.stop(t_ns)

    def _enter(self, phase: Phase, t_ns: int) -> None:
        self.phase = phase
        self._phase_ns = t_ns

    # -- the two halves of the loop
    # ----------------------------------------------------------------------------

    def poll(self, t_ns: int) -> bool:
        """Take everything that came; see `RobotBackend.poll`."""
        if self._stop_again_ns is not None and t_ns >= self._stop_again_ns:
            self.stop(t_ns)
        try:
            frames = self.port.receive(t_ns)
        except RobotError as error:
            if self.phase != "off":
                self._fail(str(error), t_ns)
            return False
        self._rival = False
        measured = [q_rad for frame in frames if (q_rad := self._take(frame, t_ns)) is not None]
        if self._rival and self.phase != "off":
            self._fail(
                "Another program commands this hand; end it, or give each hand a device number of its own.",
                t_ns,
            )
        if self.phase == "running":
            return self._watch(measured, t_ns)
        if self.phase == "identifying":
            self._identify(t_ns)
        self._flush(t_ns)
        if self.phase == "starting" and not self._outbox:
            self._enter("running", t_ns)
            self._asked_ns = self._measured_ns = t_ns
            self._assembler = PoseAssembler()
            self._filter.reset()
            self.health.restart(t_ns)
        return False

    def drive(self, target_rad: np.ndarray | None, t_ns: int, effort: float = 1.0) -> None:
        """Send the torques toward a target, within the caps the temperatures leave.

        Args:
            target_rad: (16,) rad; None: zero torque.
            t_ns: now.
            effort: share of the torque that is used, 0–1.
        """
        if self.phase != "running":
            return
        self._target_rad = None if target_rad is None else np.array(target_rad)
        drive = np.zeros(JOINTS)
        if self._target_rad is not None:
            drive = pd_drive(self.config, self.q_rad, self.dq_rad_s, self._target_rad, self.health.share)
            if not np.isfinite(drive).all():
                self._fail("A target or a measurement is no finite number; reset, and look at the log.", t_ns)
                return
        self.drive_u = min(max(effort, 0.0), 1.0) * drive
        self._send(self.protocol.torque_frames(self.drive_u), t_ns)

    def _watch(self, measured: list[np.ndarray], t_ns: int) -> bool:
        """Judge and filter complete measurements of a running hand; whether there was one."""
        # Cycles that waited together, because the host was late, share the time that passed.
        for q_rad in measured:
            elapsed_ns = (t_ns - self._measured_ns) / len(measured)
            cycles = max(1, round(elapsed_ns / self.period_ns))
            self.q_rad = self.health.believe(q_rad, cycles, t_ns)
            self.dq_rad_s = self._filter.update(self.q_rad, cycles)
        if measured:
            self._measured_ns = t_ns
        self.health.check(t_ns)
        if self.health.fault:
            self._fail(self._why(self.health.fault, t_ns), t_ns)
            return False
        if t_ns - self._asked_ns >= _STATUS_NS:
            self._asked_ns = t_ns
            self._send(self.protocol.status_frames(), t_ns)
        return bool(measured) and self.phase == "running"

    def _why(self, fault: str, t_ns: int) -> str:
        """The cause of a fault that its measurements show: a hand that was switched off is silent, too."""
        if self._switched_off_ns is None or t_ns - self._switched_off_ns > _SWITCHED_OFF_NS:
            return fault
        return (
            "Another program on the CAN bus, or this server's guardian, switched the hand off; "
            "end the other one, or look at what the server logged, then reset."
        )

    def _take(self, frame: Frame, t_ns: int) -> np.ndarray | None:
        """Sort one received frame; (16,) rad when it completes a measurement."""
        message = self.protocol.decode(frame)
        if isinstance(message, Rejected):
            self.frames[message.reason] += 1
            return None
        if not isinstance(message, Pose | Temperature | HandInfo | Serial | Imu | FingertipPressure):
            self.frames["host"] += 1
            # A guardian only ever takes power away. Whoever gives it is a second master of the same hand.
            if isinstance(message, SystemOn) or (isinstance(message, Torque) and any(message.pwm)):
                self._rival = True
            if isinstance(message, SystemOff):
                self._switched_off_ns = t_ns
            return None
        self.frames["accepted"] += 1
        if isinstance(message, Pose):
            if self.phase != "running":
                return None
            q_rad = self._assembler.add(message)
            if q_rad is None:
                self.health.note_incomplete(self._assembler.incomplete)
            return q_rad
        if isinstance(message, Temperature):
            self.health.note_temperature(message)
        elif isinstance(message, HandInfo):
            self.info = message
            if self.phase == "running":
                self.health.note_info(message)
        elif isinstance(message, Serial):
            self.serial = message.text
        return None

    # -- identity
    # ----------------------------------------------------------------------------------------------

    def _identify(self, t_ns: int) -> None:
        """Switch the hand on once it said that it is the right one."""
        waited_ns = t_ns - self._phase_ns
        if self.info is not None and (self.serial or not self.protocol.has_serial or waited_ns > _SERIAL_NS):
            self._recognise(self.info, t_ns)
        elif waited_ns > _IDENTITY_NS:
            self._fail(
                f"No Allegro hand of version {self.protocol.name} answers on the bus; check its power, "
                "cable, bit rate (1 Mbit/s), device number and version.",
                t_ns,
            )
        elif t_ns - self._asked_ns > _ASK_AGAIN_NS and not self._outbox:
            self._asked_ns = t_ns
            again = [self.protocol.encode(Request("info"))]
            if self.protocol.has_serial:
                again.append(self.protocol.encode(Request("serial")))
            self._queue(tuple(TimedFrame(frame) for frame in again), t_ns)

    def _recognise(self, info: HandInfo, t_ns: int) -> None:
        """Refuse the wrong hand; start the right one."""
        refused = refusal(self.spec, self.protocol, info, self.serial)
        if refused:
            self._fail(refused, t_ns)
            return
        log.info("%s hand, serial number %s, firmware %#06x", info.hand, self.serial or "-", info.firmware)
        self._enter("starting", t_ns)
        self._queue(
            self.protocol.start_frames(self.config.period_ms, self.config.temperature_period_ms), t_ns
        )

    # -- sending
    # -----------------------------------------------------------------------------------------------

    def _queue(self, sequence: tuple[TimedFrame, ...], t_ns: int) -> None:
        """Send a sequence with its pauses from now on."""
        for timed in sequence:
            self._outbox.append((t_ns, timed.frame))
            t_ns += int(timed.pause_s * _NS_PER_S)

    def _flush(self, t_ns: int) -> None:
        due: list[Frame] = []
        while self._outbox and self._outbox[0][0] <= t_ns:
            due.append(self._outbox.popleft()[1])
        self._send(tuple(due), t_ns)

    def _send(self, frames: tuple[Frame, ...], t_ns: int) -> None:
        try:
            for frame in frames:
                self.port.send(frame, t_ns)
        except RobotError as error:
            self._fail(str(error), t_ns)
