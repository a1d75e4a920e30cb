"""Settings of the supervisor, and the counters its guards keep."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from robot.errors import RobotError

_MAY_BE_ZERO = ("relax_s", "actuation_lead_ms", "blend_ms", "limit_margin_rad")


@dataclass(frozen=True)
class SupervisorConfig:
    """Times and thresholds of the supervisor.

    Attributes:
        hold_after_ms: age of the newest fresh target at which the robot stops following; older arrivals are
            refused.
        disarm_after_ms: age at which a holding robot is disarmed; counted from the end of homing, or of a
            stall, where that was what made it hold.
        arm_timeout_ms: how long an armed robot waits for a fresh target before it is disarmed, in HOLD for
            the last `disarm_after_ms` of it; also the longest that going home may take.
        play_for_ms: how long past its publication a trajectory is played; then its goal stands still, so
            that a robot whose publisher died has braked before it is put on hold.
        relax_s: time in which the watchdog, disarming, lets the motors' effort fade away, so that a hand
            does not fall limp with what it holds.
        actuation_lead_ms: how much earlier than due the targets are played, for what the motors lag behind.
        blend_ms: time in which a new trajectory takes over from the one before, where they differ.
        clamp_rad: a joint target this far from the one before it is counted: the joint cannot follow as fast
            and goes there at its velocity limit.
        reject_rad: and this far, it is not followed at all, unless it was meant:
        reaccept_after: so many targets in a row that agree with each other are followed after all, softly.
        limit_margin_rad: how far inside the joint limits the robot is kept.
        max_ahead_ms: how far in the future a target may claim to be published before its clock is taken for
            wrong.
        engage_velocity_share: share of the velocity limits allowed at the start of engaging and for homing.
        engage_ramp_s: time in which that share grows to all of it, so that a moving operator is always caught
            up with.
        engaged_within_rad: every joint this close to its target ends the engaging.
        max_step_s: a longer pause between two steps counts as this long, about two control periods, so that a
            late step is no large one; a robot that is stepped less often moves slower than its limits.
        max_lead_rad: how far a joint's goal may be ahead of the measured joint, so that a joint that is held
            up does not snap when it comes free; at full speed a free joint lags 0.11 rad and needs 0.07 more
            to brake in.
    """

    hold_after_ms: float = 150.0
    disarm_after_ms: float = 2000.0
    arm_timeout_ms: float = 10_000.0
    play_for_ms: float = 120.0
    relax_s: float = 1.0
    actuation_lead_ms: float = 0.0
    blend_ms: float = 20.0
    clamp_rad: float = 0.3
    reject_rad: float = 1.2
    reaccept_after: int = 5
    limit_margin_rad: float = 0.005
    max_ahead_ms: float = 100.0
    engage_velocity_share: float = 0.2
    engage_ramp_s: float = 1.5
    engaged_within_rad: float = 0.1
    max_step_s: float = 0.005
    max_lead_rad: float = 0.18

    def __post_init__(self) -> None:
        for setting in fields(self):
            value = getattr(self, setting.name)
            least = 0.0 if setting.name in _MAY_BE_ZERO else np.finfo(float).tiny
            if not (np.isfinite(value) and value >= least):
                rule = "0 or more" if setting.name in _MAY_BE_ZERO else "a positive number"
                raise RobotError(f"Supervisor setting {setting.name} is {value}; it must be {rule}.")
        if self.reject_rad <= self.clamp_rad:
            raise RobotError(
                f"Supervisor setting reject_rad is {self.reject_rad}; it must be more than clamp_rad, "
                f"{self.clamp_rad}."
            )
        if self.engage_velocity_share > 1.0:
            raise RobotError(
                f"Supervisor setting engage_velocity_share is {self.engage_velocity_share}; "
                "it must be at most 1."
            )
        if self.play_for_ms > self.hold_after_ms:
            raise RobotError(
                f"Supervisor setting play_for_ms is {self.play_for_ms}; it must not be longer than "
                f"hold_after_ms, {self.hold_after_ms}."
            )
        if self.disarm_after_ms < self.hold_after_ms:
            raise RobotError(
                f"Supervisor setting disarm_after_ms is {self.disarm_after_ms}; it must not be shorter than "
                f"hold_after_ms, {self.hold_after_ms}."
            )
        if self.arm_timeout_ms < self.disarm_after_ms:
            raise RobotError(
                f"Supervisor setting arm_timeout_ms is {self.arm_timeout_ms}; it must not be shorter than "
                f"disarm_after_ms, {self.disarm_after_ms}."
            )


@dataclass
class Counters:
    """How often each guard spoke, since the server started.

    Attributes:
        accepted: targets that were taken.
        not_fresh: well-formed targets that say there is nothing to follow (invalid, or the hand was lost).
        malformed: frames that are no valid message.
        wrong_hand, unknown_joints: targets meant for another robot.
        out_of_order: old, duplicated or reordered targets.
        takeovers: targets of a second publisher while the present one was not silent; of an armed robot,
            that is a fault.
        too_old, from_future: targets whose publication time cannot be trusted.
        joint_limits: joints of accepted targets that were beyond a limit and were brought to it.
        clamped: accepted targets so far from the one before that the joints follow at their own pace.
        discontinuities: targets refused because they jump.
        reaccepted: times a jump was followed after all, because what came after it agreed with it.
        velocity_limited: control steps in which the velocity limit held a joint back.
        acceleration_limited: control steps in which the acceleration limit did.
        holds: times the robot stopped following or waiting and held its pose.
        watchdog_disarms: times the watchdog disarmed it; a DISARMED without a new count was a command.
        rest_commands: disarms and stops that clients asked for, of a robot at rest too.
        faults: times a fault stopped the robot.
        overruns: times the control loop fell behind and dropped simulated time.
        refused_connections: connections that ended before they were a client's: wrong key, no key, or
            half a greeting.
    """

    accepted: int = 0
    not_fresh: int = 0
    malformed: int = 0
    wrong_hand: int = 0
    unknown_joints: int = 0
    out_of_order: int = 0
    takeovers: int = 0
    too_old: int = 0
    from_future: int = 0
    joint_limits: int = 0
    clamped: int = 0
    discontinuities: int = 0
    reaccepted: int = 0
    velocity_limited: int = 0
    acceleration_limited: int = 0
    holds: int = 0
    watchdog_disarms: int = 0
    rest_commands: int = 0
    faults: int = 0
    overruns: int = 0
    refused_connections: int = 0
