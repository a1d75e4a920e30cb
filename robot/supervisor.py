"""Decides, at every instant, what the joints are driven to: mode machine, watchdog and soft start.

Pure logic on explicit times; it reads no clock and does no I/O. Failures prevented: a robot that moves before
it was armed, that jumps when it starts to follow, or that keeps going when its commands stop.

    DISARMED   no torque, whatever is sent           → arm → ENGAGING
               (effort fades over a second where the watchdog disarmed it)
    ENGAGING   holds until the first fresh target, then moves to it slowly, faster with time;
               close to it, or at full speed → TRACKING     targets stale, none within 8 s of arming,
                                                            home reached without one → HOLD
    TRACKING   follows at full speed                        targets stale → HOLD
    HOLD       brakes and stays; fresh targets → ENGAGING   none → DISARMED
    STOPPED    no torque; only reset (→ DISARMED), then arm, leaves it  any mode → stop, or a fault → STOPPED

A robot that nobody feeds is always disarmed in the end: 2 s after its last fresh target, after it reached
home, or after a stall of its loop; 10 s after arming when there never was one. It passes through HOLD before,
whose targets still count, so that an operator who shows a hand again goes on. `home` starts these times anew.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from robot.hands import HandSpec
from robot.intake import TargetIntake
from robot.limits import JointLimits, MotionLimiter
from robot.messages import JointTrajectory, Mode
from robot.supervisor_config import Counters, SupervisorConfig

Command = Literal["arm", "disarm", "stop", "reset", "home"]
COMMANDS: tuple[Command, ...] = ("arm", "disarm", "stop", "reset", "home")

_NS_PER_MS = 1_000_000
_NS_PER_S = 1_000_000_000
_ARRIVED_RAD = 1e-3


class Supervisor:
    """The mode machine of one robot hand.

    Args:
        spec: the hand.
        config: its times and thresholds.

    Attributes:
        mode: where it is in the table above.
        fault: why it stopped itself, one sentence; empty when it did not.
        counters: how often each guard spoke.
        effort: share of the motors' full effort, 0–1, that the last step's output is to be driven with.
    """

    def __init__(self, spec: HandSpec, config: SupervisorConfig | None = None) -> None:
        self.spec = spec
        self.config = config or SupervisorConfig()
        self.mode: Mode = "DISARMED"
        self.fault = ""
        self.counters = Counters()
        self._limits = JointLimits(
            spec.lower_rad, spec.upper_rad, spec.max_velocity_rad_s, spec.max_acceleration_rad_s2
        ).within(self.config.limit_margin_rad)
        self._intake = TargetIntake(spec, self._limits, self.config, self.counters)
        self._limiter: MotionLimiter | None = None  # exists from the first step after arming until disarmed
        self._last_step_ns = 0
        self._engaged_since_ns: int | None = None  # None while an armed robot waits for its first target
        self._waiting_since_ns: int | None = None  # first step of the wait for a target, or of the way home
        self._disarm_at_ns = 0  # when the watchdog disarms a holding robot
        self._hold_rad: np.ndarray | None = None
        self._homing = False
        self._relaxing_since_ns: int | None = None
        self.effort = 0.0

    # -- what comes in
    # -------------------------------------------------------------------------------------------

    def command(self, name: str, t_ns: int) -> str:
        """Carry out one of `COMMANDS`.

        Args:
            name: the command.
            t_ns: now, server clock.

        Returns:
            Empty on success, otherwise one sentence that says why nothing was changed.
        """
        if name in ("disarm", "stop"):
            self.counters.rest_commands += 1
        if name == "stop":
            self._stop("")
            return ""
        if name == "reset":
            if self.mode != "STOPPED":
                return f"The robot is {self.mode}, not STOPPED, so there is nothing to reset."
            self.fault = ""
            self._intake.forget_publisher()
            self._disarm()
            return ""
        if name not in COMMANDS:
            return f'There is no command "{name[:40]}"; the commands are {", ".join(COMMANDS)}.'
        if self.mode == "STOPPED":
            return f"The robot is STOPPED and refuses {name}; send reset first, then arm."
        if name == "arm":
            if self.mode == "DISARMED":
                self._disarm()  # it may still be relaxing
                self.mode = "ENGAGING"
        elif name == "disarm":
            self._disarm()
        elif self.mode == "DISARMED":
            return "The robot is DISARMED and does not move home; send arm first."
        else:
            self.mode = "ENGAGING"
            self._homing = True
            self._engaged_since_ns = self._waiting_since_ns = None
            self._hold_rad = None
        return ""

    def fail(self, fault: str) -> None:
        """Stop for a fault of the robot itself, one sentence; the first one is the one that is told."""
        if self.mode != "STOPPED" or not self.fault:
            self._stop(fault)

    def offer(self, trajectory: JointTrajectory, t_ns: int) -> str:
        """Take a trajectory, in server time, if it is for this robot, in order and timely.

        Args:
            trajectory: the message, its times already on the server's clock.
            t_ns: now, server clock.

        Returns:
            Empty when it was taken, otherwise one sentence that says why not; the matching counter is raised.
        """
        was_fresh, before = self._intake.is_fresh(t_ns), self._intake.playback
        goal_rad = None if before is None else before.at(self._played_ns(t_ns))
        refusal = self._intake.offer(trajectory, t_ns)
        if self._intake.mixed and self.mode not in ("DISARMED", "STOPPED"):
            self._stop("Two publishers drove the robot at once; end one of them, then reset and arm.")
        if refusal:
            return refusal
        if not was_fresh or self._intake.jumped:
            if self._follows and self._limiter is not None:
                self._hold(self._limiter, t_ns)  # what comes after a silence or a jump is followed softly
        elif goal_rad is not None and self._intake.playback is not None:
            blend_ns = int(self.config.blend_ms * _NS_PER_MS)
            self._intake.playback = self._intake.playback.after(goal_rad, self._played_ns(t_ns), blend_ns)
        return ""

    # -- what goes out
    # -------------------------------------------------------------------------------------------

    def step(self, t_ns: int, q_measured_rad: np.ndarray) -> np.ndarray | None:
        """What the joints shall be driven to now.

        Args:
            t_ns: now, server clock; a time before the last step's moves nothing.
            q_measured_rad: (n,) measured joint angles, rad; anything not finite stops the robot.

        Returns:
            (n,) rad, robot joint order, within all limits; None when nothing shall drive the joints. A joint
            that was armed outside its position limits starts where it is and only moves inward.
        """
        if not np.isfinite(q_measured_rad).all():
            self._stop("The measured joint angles are not finite; check the robot, then reset.")
        if self._relaxing_since_ns is not None:
            return self._relax(t_ns, self._relaxing_since_ns)
        if self.mode in ("DISARMED", "STOPPED"):
            return None
        self.effort = 1.0
        config = self.config
        if self._limiter is None:
            self._limiter = MotionLimiter(self._limits, q_measured_rad)
            self._last_step_ns = t_ns
        if self._waiting_since_ns is None:
            self._waiting_since_ns = t_ns
        pause_ns = t_ns - self._last_step_ns
        self._last_step_ns = max(t_ns, self._last_step_ns)
        if pause_ns > config.hold_after_ms * _NS_PER_MS:
            # The joints came to rest, and what lies here was sent to the robot before it stood still.
            self._limiter.rest()
            self._hold_rad = None
            self._intake.forget()
            if self._follows or self._homing:
                self._hold(self._limiter, t_ns)

        goal_rad, velocity_share = self._goal(t_ns, self._limiter)
        if goal_rad is None:  # the watchdog has just disarmed it
            return self._hold_rad
        dt_s = min(max(pause_ns, 0) / _NS_PER_S, config.max_step_s)
        near_rad = (q_measured_rad - config.max_lead_rad, q_measured_rad + config.max_lead_rad)
        target_rad, too_fast, too_sudden = self._limiter.step(goal_rad, dt_s, velocity_share, near_rad)
        self.counters.velocity_limited += too_fast
        self.counters.acceleration_limited += too_sudden
        return target_rad

    def _goal(self, t_ns: int, limiter: MotionLimiter) -> tuple[np.ndarray | None, float]:
        """Where to go, with what share of the velocity limits; changes the mode as time and targets ask."""
        config, intake = self.config, self._intake
        since_ns = t_ns if self._waiting_since_ns is None else self._waiting_since_ns
        waited_ms = (t_ns - since_ns) / _NS_PER_MS
        if self._homing:
            away_rad = np.abs(limiter.q_rad - self.spec.home_rad).max()
            if away_rad > _ARRIVED_RAD and waited_ms <= config.arm_timeout_ms:  # it may be blocked for ever
                return self.spec.home_rad, config.engage_velocity_share
            self._homing = False
            if not intake.is_fresh(t_ns):
                self._hold(limiter, t_ns)
        if intake.playback is not None and intake.is_fresh(t_ns):
            return self._follow(t_ns, limiter, intake.playback.at(self._played_ns(t_ns)))

        if self._follows:
            self._hold(limiter, intake.fresh_ns)
        elif self.mode == "ENGAGING" and waited_ms > config.arm_timeout_ms - config.disarm_after_ms:
            self._hold(limiter, t_ns)
        if self.mode == "HOLD" and t_ns > self._disarm_at_ns:
            self.counters.watchdog_disarms += 1
            last_rad = limiter.q_rad.copy()
            self._disarm()
            self._relaxing_since_ns, self._hold_rad = t_ns, last_rad
            self.effort = 1.0
            return None, 0.0
        if self._hold_rad is None:
            self._hold_rad = limiter.stopping_point()
        # A joint that was armed outside its limits is brought within them, as slowly as it would engage.
        return self._hold_rad, 1.0 if self.mode == "HOLD" else config.engage_velocity_share

    def _played_ns(self, t_ns: int) -> int:
        """Which instant of the newest trajectory is due at `t_ns`; it stands still when that is old."""
        config = self.config
        played_until_ns = self._intake.fresh_ns + int(config.play_for_ms * _NS_PER_MS)
        return min(t_ns, played_until_ns) + int(config.actuation_lead_ms * _NS_PER_MS)

    def _relax(self, t_ns: int, since_ns: int) -> np.ndarray | None:
        """Hold the last pose with less and less effort; afterwards nothing drives the joints."""
        gone_s = max(t_ns - since_ns, 0) / _NS_PER_S
        self.effort = 0.0 if gone_s >= self.config.relax_s else 1.0 - gone_s / self.config.relax_s
        if self.effort == 0.0:
            self._disarm()
            return None
        return self._hold_rad

    @property
    def _follows(self) -> bool:
        """Whether targets move the robot now, so that their end must make it hold."""
        return self.mode == "TRACKING" or self._engaged_since_ns is not None

    def _follow(self, t_ns: int, limiter: MotionLimiter, goal_rad: np.ndarray) -> tuple[np.ndarray, float]:
        """Go to a fresh target: slowly at first, then at full speed."""
        config = self.config
        self._hold_rad = None
        if self.mode == "TRACKING":
            return goal_rad, 1.0
        if self._engaged_since_ns is None:
            self.mode = "ENGAGING"
            self._engaged_since_ns = t_ns
        ramp = (t_ns - self._engaged_since_ns) / _NS_PER_S / config.engage_ramp_s
        if ramp >= 1.0 or np.abs(goal_rad - limiter.q_rad).max() <= config.engaged_within_rad:
            self.mode = "TRACKING"
            return goal_rad, 1.0
        return goal_rad, config.engage_velocity_share + (1.0 - config.engage_velocity_share) * ramp

    # -- the ways to rest
    # ----------------------------------------------------------------------------------------

    def _hold(self, limiter: MotionLimiter, since_ns: int) -> None:
        """Brake and stay; the watchdog counts from `since_ns`."""
        self.mode = "HOLD"
        self.counters.holds += 1
        self._engaged_since_ns = None
        self._homing = False
        self._hold_rad = limiter.stopping_point()
        self._disarm_at_ns = since_ns + int(self.config.disarm_after_ms * _NS_PER_MS)

    def _disarm(self) -> None:
        self.mode = "DISARMED"
        self.effort = 0.0
        self._relaxing_since_ns = None
        self._limiter = None
        self._hold_rad = None
        self._engaged_since_ns = self._waiting_since_ns = None
        self._homing = False

    def _stop(self, fault: str) -> None:
        if fault and not self.fault:
            self.fault = fault
            self.counters.faults += 1
        self._disarm()
        self.mode = "STOPPED"
