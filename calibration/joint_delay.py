"""How late a robot's joints are, from the motion that was wanted and the one that was measured.

The wanted motion is known at every instant, so it can be moved in time by any delay and compared with the
measured angles where they were measured: the delay of the best correlation is the joint's. A parabola through
the best and its neighbours tells it finer than the steps that are tried.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from calibration.errors import CalibrationError

FEWEST_SAMPLES = 100
_EARLIEST_MS, _LATEST_MS, _STEP_MS = -100.0, 500.0, 5.0
_LEAST_COHERENCE = 0.9
_LEAST_SHARE = 0.2  # of the wanted swing that a joint must make
_FEWEST_JOINTS = 0.5  # of those that were to move
_LARGEST_SPREAD_MS = 15.0
_BELOW_ZERO_MS = 5.0  # taken for zero
_LONGEST_GAP_S = 0.25
_LEAST_WANTED_RAD = 1e-3  # rms; a joint that is to move less stays


@dataclass(frozen=True)
class JointDelay:
    """One joint's answer.

    Attributes:
        name: of the joint.
        ms: by how much its motion is later than wanted.
        coherence: share of its motion that the wanted one, moved by that, explains, 0–1.
        size: its motion, as a share of the wanted one.
    """

    name: str
    ms: float
    coherence: float
    size: float

    @property
    def followed(self) -> bool:
        """Whether the joint did what it was to do, only later."""
        inside = _EARLIEST_MS < self.ms < _LATEST_MS
        return inside and self.coherence >= _LEAST_COHERENCE and self.size >= _LEAST_SHARE


@dataclass(frozen=True)
class ActuatorEstimate:
    """The answer.

    Attributes:
        actuator_ms: median over the joints that followed, 0 or more.
        spread_ms: standard deviation over these joints, as the median distance from the median tells it.
        joints: those that were to move.
    """

    actuator_ms: float
    spread_ms: float
    joints: tuple[JointDelay, ...]

    @property
    def followed(self) -> tuple[JointDelay, ...]:
        """The joints that the answer is of."""
        return tuple(joint for joint in self.joints if joint.followed)


def estimate_actuator_delay(
    t_s: np.ndarray,
    measured_rad: np.ndarray,
    wanted_at: Callable[[np.ndarray], np.ndarray],
    names: Sequence[str],
) -> ActuatorEstimate:
    """The delay from the instant a target is for until the joint is there.

    Args:
        t_s: (M,) increasing, on the clock of the targets.
        measured_rad: (M,n) joint angles.
        wanted_at: (...) seconds to (...,n) targets that are for these instants.
        names: n, of the joints.

    Raises:
        CalibrationError: too little was measured, or the joints did not follow; one sentence.
    """
    if len(t_s) < FEWEST_SAMPLES:
        raise CalibrationError(
            f"the robot told its joint angles {len(t_s)} times during the motion and {FEWEST_SAMPLES} are "
            "needed; check the network, or measure for longer with --seconds"
        )
    gap_s = float(np.diff(t_s).max())
    if gap_s > _LONGEST_GAP_S:
        raise CalibrationError(
            f"the robot told nothing for {gap_s:.2f} s during the motion; check the network, and try again"
        )
    delays_ms = np.arange(_EARLIEST_MS, _LATEST_MS + _STEP_MS / 2, _STEP_MS)
    measured = measured_rad - measured_rad.mean(axis=0)
    size = np.sqrt((measured**2).mean(axis=0))
    size_wanted = np.zeros((len(delays_ms), measured.shape[1]))
    alike = np.zeros_like(size_wanted)  # correlation, by delay and joint
    for i, delay_ms in enumerate(delays_ms):
        wanted = wanted_at(t_s - 1e-3 * delay_ms)
        wanted = wanted - wanted.mean(axis=0)
        size_wanted[i] = np.sqrt((wanted**2).mean(axis=0))
        alike[i] = (wanted * measured).mean(axis=0) / np.maximum(size_wanted[i] * size, 1e-12)
    joints = tuple(
        _joint(name, delays_ms, alike[:, j], float(size[j] / size_wanted[:, j].max()))
        for j, name in enumerate(names)
        if size_wanted[:, j].max() > _LEAST_WANTED_RAD
    )
    return _together(joints)


def _joint(name: str, delays_ms: np.ndarray, alike: np.ndarray, size: float) -> JointDelay:
    peak = int(np.argmax(alike))
    between = 0.0
    if 0 < peak < len(alike) - 1:
        before, top, after = alike[peak - 1 : peak + 2]
        bend = before - 2.0 * top + after
        between = 0.5 * (before - after) / bend if bend < 0.0 else 0.0
    coherence = max(float(alike[peak]), 0.0) ** 2
    return JointDelay(name, float(delays_ms[peak] + between * _STEP_MS), coherence, size)


def _together(joints: tuple[JointDelay, ...]) -> ActuatorEstimate:
    followed = [joint.ms for joint in joints if joint.followed]
    if len(followed) < max(1.0, _FEWEST_JOINTS * len(joints)):
        lazy = ", ".join(joint.name for joint in joints if not joint.followed)
        raise CalibrationError(
            f"only {len(followed)} of {len(joints)} joints followed the motion, not {lazy}; check that "
            "nothing holds the robot, that its motors have power, and that no limit keeps it from moving"
        )
    median_ms = float(np.median(followed))
    spread_ms = 1.4826 * float(np.median(np.abs(np.array(followed) - median_ms)))
    if spread_ms > _LARGEST_SPREAD_MS:
        raise CalibrationError(
            f"the joints' delays differ by {spread_ms:.1f} ms (standard deviation; at most "
            f"{_LARGEST_SPREAD_MS:.0f} are usable); check that nothing touches the robot, and try again"
        )
    if not math.isfinite(median_ms) or median_ms < -_BELOW_ZERO_MS:
        raise CalibrationError(
            f"the joints are {-median_ms:.1f} ms early; start the robot server with a smaller "
            "--actuation-lead-ms"
        )
    return ActuatorEstimate(max(median_ms, 0.0), spread_ms, joints)
