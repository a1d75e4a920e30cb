"""Plays a script with a hand: poses, arm movements and their timing, as smooth, human motion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.synthetic.poses import hand_poses
from app.synthetic.scripts import Beat
from models.hand_model import HandModel
from models.keypoints import FINGER_JOINTS, FINGERS
from models.rotations import matrix_from_axis_angle

FACING = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""Rest pose → camera: fingers up, palm to the camera; a right hand's thumb is then on the picture's right."""

FOREARM_M = 0.26
_FINGER_DELAY_S = {"thumb": 0.03, "index": 0.0, "middle": 0.02, "ring": 0.045, "pinky": 0.06}

# Slow drift and physiological tremor of a raised hand: amplitude and frequency range, a sum of three sines
# each.
_DRIFT_HZ, _TREMOR_HZ = (0.15, 0.7), (7.0, 11.0)
_DRIFT_M, _TREMOR_M = 0.0025, 0.00025
_DRIFT_ARM_RAD, _TREMOR_ARM_RAD = np.radians(1.2), np.radians(0.10)
_DRIFT_FINGER_RAD, _TREMOR_FINGER_RAD = np.radians(0.5), np.radians(0.05)

# Arm channels: position of the wrist when the arm stands upright (m), arm angles and wrist angles (deg).
ARM_CHANNELS = ("x", "y", "z", "tilt", "lean", "turn", "bend", "deviation")


@dataclass(frozen=True)
class Motion:
    """What the hand does, frame by frame.

    Attributes:
        fps: frame rate, Hz.
        rotations: (N,16,3,3) MANO order, the first to the camera frame.
        wrist_m: (N,3) camera frame.
        forearm: (N,3,3) rotation of the forearm, the wrist's when the wrist is straight.
    """

    fps: float
    rotations: np.ndarray
    wrist_m: np.ndarray
    forearm: np.ndarray


def play(
    beats: Sequence[Beat], model: HandModel, fps: float, home_m: np.ndarray, rng: np.random.Generator
) -> Motion:
    """A script by one person: timing, poses and steadiness differ from seed to seed.

    Args:
        beats: the script.
        model: the hand.
        fps: frame rate, Hz.
        home_m: (3,) where the wrist rests, camera frame.
        rng: the person.
    """
    poses = hand_poses(model)
    pace = rng.uniform(0.95, 1.05, size=(len(beats), 2))
    moves = np.array([beat.move_s for beat in beats]) * pace[:, 0]
    holds = np.array([beat.hold_s for beat in beats]) * pace[:, 1]
    starts = np.cumsum(moves + holds) - moves - holds
    t = np.arange(round((starts[-1] + moves[-1] + holds[-1]) * fps)) / fps

    fingers = np.array([poses[beat.pose] for beat in beats])  # (B,15,3)
    arm = np.array([[dict(beat.arm).get(channel, 0.0) for channel in ARM_CHANNELS] for beat in beats])
    arm[1:-1, :3] += rng.normal(0.0, 0.006, size=(len(beats) - 2, 3))
    arm[1:-1, 3:] += rng.normal(0.0, 1.5, size=(len(beats) - 2, 5))

    angles = np.empty((len(t), 15, 3))
    for finger in FINGERS:
        joints = [joint - 1 for joint in FINGER_JOINTS[finger]]
        angles[:, joints] = _travel(t - _FINGER_DELAY_S[finger], starts, moves, fingers[:, joints])
    hinges = model.joint_limits[..., 1] - model.joint_limits[..., 0] < 1e-9
    angles += np.where(hinges, 0.0, _unsteady(t, (15, 3), _DRIFT_FINGER_RAD, _TREMOR_FINGER_RAD, rng))
    angles = np.clip(angles, model.joint_limits[..., 0], model.joint_limits[..., 1])

    channels = _travel(t, starts, moves, arm)
    channels[:, :3] += _unsteady(t, (3,), _DRIFT_M, _TREMOR_M, rng)
    arm_rad = np.radians(channels[:, 3:]) + _unsteady(t, (5,), _DRIFT_ARM_RAD, _TREMOR_ARM_RAD, rng)
    tilt, lean, turn, bend, deviation = arm_rad.T
    forearm = _about(2, tilt) @ _about(0, -lean) @ FACING @ _about(0, turn)
    wrist = forearm @ _about(2, bend) @ _about(1, -deviation)
    # The forearm swings about the elbow; `home` is the wrist of the upright arm.
    up = -forearm[:, :, 0]
    elbow = home_m + channels[:, :3] + FOREARM_M * FACING[:, 0]
    return Motion(fps, model.rotations_of_angles(angles, wrist), elbow + FOREARM_M * up, forearm)


def minimum_jerk(share: np.ndarray) -> np.ndarray:
    """The smoothest way from 0 to 1 (Flash and Hogan 1985): zero speed and acceleration at both ends."""
    s = np.clip(share, 0.0, 1.0)
    return s**3 * (10.0 - 15.0 * s + 6.0 * s**2)


def _travel(t: np.ndarray, starts: np.ndarray, moves: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Values (N,…) at times t (N,) of a chain of minimum-jerk moves to targets (B,…)."""
    values = np.broadcast_to(targets[0], (len(t), *targets.shape[1:])).copy()
    for i in range(1, len(targets)):
        share = minimum_jerk((t - starts[i]) / moves[i])
        values += share.reshape(-1, *[1] * (targets.ndim - 1)) * (targets[i] - targets[i - 1])
    return values


def _unsteady(
    t: np.ndarray, shape: tuple[int, ...], drift: float, tremor: float, rng: np.random.Generator
) -> np.ndarray:
    """Drift and tremor (N,*shape), each the mean of three sines of random frequency and phase."""
    total = np.zeros((len(t), *shape))
    for amplitude, band in ((drift, _DRIFT_HZ), (tremor, _TREMOR_HZ)):
        for _ in range(3):
            frequency = rng.uniform(*band, size=shape)
            phase = rng.uniform(0.0, 2.0 * np.pi, size=shape)
            time = t.reshape(-1, *[1] * len(shape))
            total += amplitude / np.sqrt(3.0) * np.sin(2.0 * np.pi * frequency * time + phase)
    return total


def _about(axis: int, angles_rad: np.ndarray) -> np.ndarray:
    """Rotations (N,3,3) about a coordinate axis."""
    vectors = np.zeros((len(angles_rad), 3))
    vectors[:, axis] = angles_rad
    return matrix_from_axis_angle(vectors)
