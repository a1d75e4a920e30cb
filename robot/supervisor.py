"""Decides, at every instant, what the joints are driven to: mode machine, watchdog and soft start.

Pure logic on explicit times; it reads no clock and does no I/O. Failures prevented: a robot that moves before
it was armed, that jumps when it starts to follow, or that keeps going when its commands stop.

    DISARMED   no torque, whatever is sent           → arm → ENGAGING
    ENGAGING   holds until the first fresh target, then moves to it slowly, faster with time;
               close to it → TRACKING                                   targets stale → HOLD
    TRACKING   follows at full speed                                    targets stale → HOLD
    HOLD       brakes and stays; fresh targets → ENGAGING               2 s without → DISARMED
    STOPPED    no torque; only reset (→ DISARMED), then arm, leaves it  any mode → stop, or a fault → STOPPED
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from robot.hands import HandSpec
from robot.limits import JointLimits, MotionLimiter
from robot.messages import JointTrajectory, Mode
from robot.playback import Playback
from robot.supervisor_config import Counters, SupervisorConfig

Command = Literal["arm", "disarm", "stop", "reset", "home"]
COMMANDS: tuple[Command, ...] = ("arm", "disarm", "stop", "reset", "home")

_NS_PER_MS = 1_000_000
_NS_PER_S = 1_000_000_000


class Supervisor:
    """The mode machine of one robot hand.

    Args:
        spec: the hand.
        config: its times and thresholds.
    """

    def __init__(self, spec: HandSpec, config: SupervisorConfig | None = None) -> None:
        self.spec = spec
        self.config = config or SupervisorConfig()
        self.mode: Mode = "DISARMED"
        self.fault = ""
        self.counters = Counters()
        self._limits = JointLimits(
            spec.lower_rad, spec.upper_rad, spec.max_velocity_rad_s, spec.max_acceleration_rad_s2
        )
        self._limiter: MotionLimiter | None = None  # exists from the first step after arming until disarmed
        self._playback: Playback | None = None
        self._fresh_ns = 0  # publication of the newest target that may be followed
        self._last_seq = -1
        self._last_publish_ns = -1
        self._last_step_ns: int | None = None
        self._engaged_since_ns: int | None = None  # None while an armed robot waits for its first target
        self._hold_rad: np.ndarray | None = None
        self._homing = False
        self._columns: dict[tuple[str, ...], list[int]] = {}

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
        if name == "stop":
            self._stop("")
            return ""
        if name == "reset":
            if self.mode != "STOPPED":
                return f"The robot is {self.mode}, not STOPPED, so there is nothing to reset."
            self.fault = ""
            self._disarm()
            return ""
        if name not in COMMANDS:
            return f'There is no command "{name[:40]}"; the commands are {", ".join(COMMANDS)}.'
        if self.mode == "STOPPED":
            return f"The robot is STOPPED and refuses {name}; send reset first, then arm."
        if name == "arm":
            if self.mode == "DISARMED":
                self.mode = "ENGAGING"
                self._last_step_ns = t_ns
        elif name == "disarm":
            self._disarm()
        elif self.mode == "DISARMED":
            return "The robot is DISARMED and does not move home; send arm first."
        else:
            self.mode = "ENGAGING"
            self._homing = True
            self._engaged_since_ns = None
            self._hold_rad = None
        return ""

    def offer(self, trajectory: JointTrajectory, t_ns: int) -> str:
        """Take a trajectory, in server time, if it is for this robot, in order and timely.

        Args:
            trajectory: the message, its times already on the server's clock.
            t_ns: now, server clock.

        Returns:
            Empty when it was taken, otherwise one sentence that says why not; the matching counter is raised.
        """
        counters, config = self.counters, self.config
        if trajectory.hand != self.spec.hand:
            counters.wrong_hand += 1
            return f"The target is for the {trajectory.hand} hand; this robot is the {self.spec.hand} one."
        columns = self._columns_of(trajectory.joint_names)
        if columns is None:
            counters.unknown_joints += 1
            return (
                f"The target names the joints {', '.join(trajectory.joint_names)[:200]}; "
                f"this robot has {', '.join(self.spec.joint_names)}, and needs all of them."
            )
        age_ms = (t_ns - trajectory.t_publish_ns) / _NS_PER_MS
        if age_ms < -config.max_ahead_ms:
            counters.from_future += 1
            return f"The target is from {-age_ms:.0f} ms ahead; measure the clock offset and send it in meta."
        if age_ms > config.hold_after_ms:
            counters.too_old += 1
            return f"The target is {age_ms:.0f} ms old; at most {config.hold_after_ms:.0f} ms are accepted."
        if not self._in_order(trajectory):
            counters.out_of_order += 1
            return (
                f"The target number {trajectory.seq} is a duplicate, or older than number {self._last_seq}."
            )
        self._last_seq, self._last_publish_ns = trajectory.seq, trajectory.t_publish_ns
        if not trajectory.valid or trajectory.source_state == "lost":
            counters.not_fresh += 1
            return "The target says that there is nothing to follow."
        self._playback = Playback.of(trajectory, columns, self._limits)
        self._fresh_ns = min(trajectory.t_publish_ns, t_ns)
        counters.accepted += 1
        counters.joint_limits += self._playback.clipped
        return ""

    def _columns_of(self, joint_names: tuple[str, ...]) -> list[int] | None:
        """Which column of a message belongs to each joint of the robot; None unless the names match."""
        if joint_names in self._columns:
            return self._columns[joint_names]
        if set(joint_names) != set(self.spec.joint_names):
            return None  # not remembered: a stranger could fill the memory with names
        self._columns = {joint_names: [joint_names.index(name) for name in self.spec.joint_names]}
        return self._columns[joint_names]

    def _in_order(self, trajectory: JointTrajectory) -> bool:
        """Newer than all before; one that starts over is accepted once the publisher before is silent."""
        if trajectory.seq > self._last_seq:
            return trajectory.t_publish_ns > self._last_publish_ns
        silence_ms = (trajectory.t_publish_ns - self._last_publish_ns) / _NS_PER_MS
        return silence_ms > self.config.hold_after_ms

    # -- what goes out
    # -------------------------------------------------------------------------------------------

    def step(self, t_ns: int, q_measured_rad: np.ndarray) -> np.ndarray | None:
        """What the joints shall be driven to now.

        Args:
            t_ns: now, server clock; a time before the last step's moves nothing.
            q_measured_rad: (n,) measured joint angles, rad; anything not finite stops the robot.

        Returns:
            (n,) rad, robot joint order, within all limits; None when nothing shall drive the joints.
        """
        if not np.isfinite(q_measured_rad).all():
            self._stop("The measured joint angles are not finite; check the robot, then reset.")
        if self.mode in ("DISARMED", "STOPPED"):
            self._last_step_ns = t_ns
            return None
        if self._limiter is None:
            self._limiter = MotionLimiter(self._limits, q_measured_rad)
        last_ns = t_ns if self._last_step_ns is None else self._last_step_ns
        dt_s = min(max(t_ns - last_ns, 0) / _NS_PER_S, self.config.max_step_s)
        self._last_step_ns = max(t_ns, last_ns)

        goal_rad, velocity_share = self._goal(t_ns, self._limiter)
        if goal_rad is None:
            return None
        target_rad, held_back = self._limiter.step(goal_rad, dt_s, velocity_share)
        self.counters.velocity_limited += held_back
        return target_rad

    def _goal(self, t_ns: int, limiter: MotionLimiter) -> tuple[np.ndarray | None, float]:
        """Where to go, with what share of the velocity limits; changes the mode as time and targets ask."""
        config = self.config
        if self._homing:
            self._homing = bool(np.abs(limiter.q_rad - self.spec.home_rad).max() > 1e-3)
            return self.spec.home_rad, config.engage_velocity_share
        age_ms = (t_ns - self._fresh_ns) / _NS_PER_MS
        if self._playback is not None and age_ms <= config.hold_after_ms:
            return self._follow(t_ns, limiter, self._playback.at(t_ns))

        if self.mode == "TRACKING" or self._engaged_since_ns is not None:
            self.mode = "HOLD"
            self.counters.holds += 1
            self._engaged_since_ns = None
            self._hold_rad = limiter.stopping_point()
        if self.mode == "HOLD" and age_ms > config.disarm_after_ms:
            self.counters.watchdog_disarms += 1
            self._disarm()
            return None, 0.0
        if self._hold_rad is None:
            self._hold_rad = limiter.stopping_point()
        return self._hold_rad, 1.0

    def _follow(self, t_ns: int, limiter: MotionLimiter, goal_rad: np.ndarray) -> tuple[np.ndarray, float]:
        """Go to a fresh target: slowly at first, then at full speed."""
        config = self.config
        self._hold_rad = None
        if self.mode == "TRACKING":
            return goal_rad, 1.0
        if self._engaged_since_ns is None:
            self.mode = "ENGAGING"
            self._engaged_since_ns = t_ns
        if np.abs(goal_rad - limiter.q_rad).max() <= config.engaged_within_rad:
            self.mode = "TRACKING"
            return goal_rad, 1.0
        ramp = min(1.0, (t_ns - self._engaged_since_ns) / _NS_PER_S / config.engage_ramp_s)
        return goal_rad, config.engage_velocity_share + (1.0 - config.engage_velocity_share) * ramp

    # -- the ways to rest
    # ----------------------------------------------------------------------------------------

    def _disarm(self) -> None:
        self.mode = "DISARMED"
        self._limiter = None
        self._hold_rad = None
        self._engaged_since_ns = None
        self._homing = False

    def _stop(self, fault: str) -> None:
        if fault and not self.fault:
            self.fault = fault
            self.counters.faults += 1
        self._disarm()
        self.mode = "STOPPED"
