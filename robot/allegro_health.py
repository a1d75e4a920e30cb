"""Decides whether the Allegro's measurements can be believed and whether the hand may go on. Explicit times.

Failures prevented: a torque computed from a number that no joint angle is, and a hot, deaf or half-dead hand
that is driven on. A fault is one sentence; the driver stops the hand for it.

    angle jumps       one the motors cannot do is bridged with the last good value; four in a row stop
    angle range       beyond a joint limit by more than the tolerance stops
    silence           more than 3 incomplete cycles, or 10 ms without a complete one, stops
    temperature       impossible bytes are counted and passed over; hot joints get less torque; two readings
                      in a row at the upper threshold stop; a joint without a possible reading for 10 s
                      gets half the torque; a palm over 70 °C stops
    status            a fault bit stops; servos off while they should be on, twice in a row, stop
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from robot.allegro_config import FeedbackConfig
from robot.can.messages import JOINTS_PER_FINGER, STATUS_SERVO_ON, HandInfo, Temperature, status_text
from robot.hands import HandSpec

_JOINTS = 16
_FIRST_POSE_MS = 500.0  # how long a hand that was just switched on may take to measure
_UNKNOWN_NS = 10_000_000_000  # so long without a temperature, a joint may be hot
_UNKNOWN_SHARE = 0.5
_MAX_TURN_NS = 100_000_000  # a host that stood still heard nothing; that is not the hand's silence
_PALM_STOP_C = 70
_CONFIRMED = 2  # readings in a row that make an alarm


@dataclass
class FeedbackCounters:
    """What was wrong with measurements, since the driver exists.

    Attributes:
        incomplete_cycles: measurement cycles of which a frame was missing.
        bridged_jumps: angles that no joint could have reached.
        implausible_temperatures: bytes that are no temperature.
        unknown_temperatures: joints that got less torque because no possible temperature came for 10 s.
        reduced_torque: temperature readings that took torque away.
        warnings: status bytes with a bit set that is only reported.
    """

    incomplete_cycles: int = 0
    bridged_jumps: int = 0
    implausible_temperatures: int = 0
    unknown_temperatures: int = 0
    reduced_torque: int = 0
    warnings: int = 0


class FeedbackGuard:
    """Watches one hand's measurements.

    Args:
        spec: the hand.
        config: thresholds.
        period_ns: of its measurements, ns.
        has_temperatures: whether this hardware measures them.
    """

    def __init__(
        self, spec: HandSpec, config: FeedbackConfig, period_ns: int, has_temperatures: bool = True
    ) -> None:
        self._spec = spec
        self._config = config
        self._period_ns = period_ns
        self._has_temperatures = has_temperatures
        self._unknown = np.zeros(_JOINTS, dtype=bool)  # without a temperature for too long
        self.counters = FeedbackCounters()
        self.celsius = np.full(_JOINTS, np.nan)  # (16,) newest plausible temperatures
        self.share = np.ones(_JOINTS)  # (16,) of the torque caps that the temperatures allow
        self.restart(0)

    def restart(self, t_ns: int) -> None:
        """The hand was switched on at `t_ns`: forget angles and alarms, but not how hot it is."""
        self.fault = ""
        self._q_rad: np.ndarray | None = None
        self._jumps = np.zeros(_JOINTS, dtype=int)
        self._hot = np.zeros(_JOINTS, dtype=int)
        self._servo_off = 0
        self._checked_ns = self._turn_ns = t_ns
        self._unread_ns = np.zeros(_JOINTS, dtype=np.int64)  # of running since a joint's last temperature
        self._silent_ns = 0
        self._incomplete = 0

    def believe(self, q_rad: np.ndarray, cycles: int, t_ns: int) -> np.ndarray:
        """(16,) rad: a complete measurement with impossible jumps bridged.

        Args:
            q_rad: (16,) as measured, rad.
            cycles: measuring periods since the last complete one.
            t_ns: now.
        """
        self._checked_ns = t_ns
        self._silent_ns = 0
        self._incomplete = 0
        if self._q_rad is not None:
            reach_rad = self._config.max_speed_rad_s * self._period_ns / 1e9 * cycles
            jumped = np.abs(q_rad - self._q_rad) > reach_rad * (1 + self._jumps)
            self._jumps = np.where(jumped, self._jumps + 1, 0)
            self.counters.bridged_jumps += int(jumped.sum())
            q_rad = np.where(jumped, self._q_rad, q_rad)
            if (self._jumps > self._config.max_jumps).any():
                joint = self._spec.joint_names[int(self._jumps.argmax())]
                self._fail(
                    f"The angle of {joint} jumps faster than a joint can move; check its encoder and cable."
                )
        self._q_rad = q_rad
        tolerance = self._config.limit_tolerance_rad
        outside = np.maximum(self._spec.lower_rad - q_rad, q_rad - self._spec.upper_rad) - tolerance
        if (outside > 0.0).any():
            worst = int(outside.argmax())
            self._fail(
                f"{self._spec.joint_names[worst]} reads {q_rad[worst]:.3f} rad, more than {tolerance} "
                f"outside its limits {self._spec.lower_rad[worst]:.3f} to {self._spec.upper_rad[worst]:.3f}; "
                "check the encoder and that this is the right hand and version."
            )
        return q_rad

    def note_incomplete(self, in_a_row: int) -> None:
        """A frame was missing; `in_a_row` cycles have had that since the last complete one."""
        self.counters.incomplete_cycles += max(0, in_a_row - self._incomplete)
        self._incomplete = in_a_row
        if in_a_row > self._config.max_missed_cycles:
            self._fail(f"{in_a_row} measurements in a row were incomplete; check the CAN cable and its ends.")

    def note_temperature(self, message: Temperature) -> None:
        """Take a finger's temperatures."""
        low, high = self._config.plausible_c
        reduce, stop = self._config.reduce_above_c, self._config.stop_at_c
        for k, celsius in enumerate(message.celsius):
            joint = message.finger * JOINTS_PER_FINGER + k
            if not low <= celsius <= high:
                self.counters.implausible_temperatures += 1
                continue
            self.celsius[joint] = celsius
            self._unread_ns[joint] = 0
            self._unknown[joint] = False
            self.share[joint] = min(max((stop - celsius) / (stop - reduce), 0.0), 1.0)
            self.counters.reduced_torque += int(self.share[joint] < 1.0)
            self._hot[joint] = self._hot[joint] + 1 if celsius >= stop else 0
            if self._hot[joint] >= _CONFIRMED:
                name = self._spec.joint_names[joint]
                self._fail(
                    f"{name} is {celsius} °C hot; let the hand cool below {reduce:.0f} °C, then reset."
                )

    def note_info(self, info: HandInfo) -> None:
        """Take the status of a hand whose servos should be on."""
        if info.temperature_c is not None and info.temperature_c > _PALM_STOP_C:
            if info.temperature_c > self._config.plausible_c[1]:
                self.counters.implausible_temperatures += 1
            else:
                self._fail(f"The palm is {info.temperature_c} °C hot; let the hand cool, then reset.")
        if info.status is None:
            return
        bad = info.status & self._config.stop_mask
        if bad:
            self._fail(f"The hand reports: {status_text(bad)}; switch it off, find the cause, then reset.")
        elif info.status & ~STATUS_SERVO_ON:
            self.counters.warnings += 1
        self._servo_off = 0 if info.status & STATUS_SERVO_ON else self._servo_off + 1
        if self._servo_off >= _CONFIRMED:
            self._fail("The hand has switched its servos off; check power and emergency stop, then reset.")

    def check(self, t_ns: int) -> None:
        """Judge the silence; to be called in every turn, after everything that waited was taken in.

        A turn counts for one measuring period at most: a host that comes late may find a measurement that is
        only half there, and that is not the hand's fault.
        """
        self._silent_ns += min(max(t_ns - self._checked_ns, 0), self._period_ns)
        self._checked_ns = t_ns
        limit_ms = _FIRST_POSE_MS if self._q_rad is None else self._config.max_silence_ms
        if self._silent_ns > limit_ms * 1e6:
            self._fail(
                f"No complete measurement came from the hand for {self._silent_ns / 1e6:.0f} ms; "
                "check its power and the CAN cable."
            )
        if self._has_temperatures:
            self._unread_ns += min(max(t_ns - self._turn_ns, 0), _MAX_TURN_NS)
            self._turn_ns = t_ns
            unknown = self._unread_ns > _UNKNOWN_NS
            if unknown.any():
                self.share[unknown] = np.minimum(self.share[unknown], _UNKNOWN_SHARE)
                self.counters.unknown_temperatures += int((unknown & ~self._unknown).sum())
                self._unknown |= unknown

    def _fail(self, fault: str) -> None:
        self.fault = self.fault or fault
