"""Anatomical angles of seen keypoints: inverse kinematics with the freedom that real and fitted hands show.

`models.inverse_kinematics` turns every bone the shortest way and so bends hinges sideways as noise will have
it. Here each digit's nine angles are solved for together: bone directions against a prior that keeps hinges
hinges, within ranges a little wider than a healthy hand's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.hand_model import HandModel
from models.inverse_kinematics import fit_rotations
from models.joint_frames import rotation_of_angles
from models.keypoints import FINGER_JOINTS, FINGER_SLICES, FINGERS
from models.rotations import unit

_ITERATIONS = 8
_DIFFERENCE_RAD = 1e-4
_DIRECTION_SIGMA_RAD = 0.03
# How far an angle strays from its usual value, rad: flexion, abduction, twist.
_HINGE_SIGMA_RAD = (2.0, 0.10, 0.12)
_KNUCKLE_SIGMA_RAD = (2.0, 0.8, 0.12)
_CARPAL_SIGMA_RAD = (1.0, 1.0, 0.4)
_THUMB_KNUCKLE_SIGMA_RAD = (2.0, 0.25, 0.12)
_WIDENED_RAD = np.radians(
    [
        [15.0, 18.0, 15.0],  # knuckles
        [12.0, 12.0, 15.0],  # hinges
        [20.0, 20.0, 25.0],  # the thumb's base
        [20.0, 30.0, 15.0],  # the thumb's knuckle: skeletons differ most in where it points
    ]
)


@dataclass(frozen=True)
class AngleFit:
    """Poses found.

    Attributes:
        angles_rad: (N,15,3) flexion, abduction, twist.
        wrist: (N,3,3) rotation of the wrist.
        residual_rad: (N,) mean angle between the bones seen and those of the fit, the palm's not counted.
    """

    angles_rad: np.ndarray
    wrist: np.ndarray
    residual_rad: np.ndarray


def wide_limits(model: HandModel) -> np.ndarray:
    """Joint limits (15,3,2), rad, with the slack that real hands and fits to them need.

    A model's hinges bend about one axis; fits to real hands show some degrees of sideways bend and twist at
    every joint, because no skeleton's axes are exactly a person's.
    """
    limits = model.joint_limits.copy()
    for finger in FINGERS:
        for place, joint in enumerate(FINGER_JOINTS[finger]):
            kind = 1 if place else 0
            if finger == "thumb":
                kind = (2, 3, 1)[place]
            limits[joint - 1, :, 0] -= _WIDENED_RAD[kind]
            limits[joint - 1, :, 1] += _WIDENED_RAD[kind]
    return limits


def fit_angles(keypoints_m: np.ndarray, model: HandModel) -> AngleFit:
    """The angles within `wide_limits` whose bones point as the keypoints' do.

    Args:
        keypoints_m: (N,21,3) of a right hand, finite, any frame, origin and unit.
        model: the hand to pose.
    """
    start = fit_rotations(keypoints_m, model)
    wrist = start[:, 0]
    limits = wide_limits(model)
    angles = np.clip(model.angles_of_rotations(start), limits[..., 0], limits[..., 1])
    residual = np.zeros((len(keypoints_m), 5))
    for i, finger in enumerate(FINGERS):
        seen = unit(np.diff(keypoints_m[:, FINGER_SLICES[finger]], axis=1))
        inside = np.swapaxes(wrist, -1, -2)[:, None] @ seen[..., None]
        rows = [joint - 1 for joint in FINGER_JOINTS[finger]]
        angles[:, rows], residual[:, i] = _fit_digit(_Digit(model, finger), inside[..., 0], angles[:, rows])
    return AngleFit(angles, wrist, residual.mean(axis=1))


class _Digit:
    """One digit's constants and its bone directions as a function of its angles."""

    def __init__(self, model: HandModel, finger: str) -> None:
        rows = [joint - 1 for joint in FINGER_JOINTS[finger]]
        tip = model.tip_offsets_m[FINGERS.index(finger)]
        joints = model.joints_m[list(FINGER_JOINTS[finger])]
        bones = unit(np.stack([joints[1] - joints[0], joints[2] - joints[1], tip]))
        self._frames = model.frames[rows]
        undo = np.swapaxes(self._frames @ rotation_of_angles(model.rest_angles_rad[rows]), -1, -2)
        self._undo = undo
        self._bones = bones
        self.limits = wide_limits(model)[rows]
        self.usual = np.clip(0.0, model.joint_limits[rows][..., 0], model.joint_limits[rows][..., 1])
        self.usual[:, 0] = np.radians(15.0)
        sigma = [_CARPAL_SIGMA_RAD, _KNUCKLE_SIGMA_RAD, _HINGE_SIGMA_RAD]
        if finger != "thumb":
            sigma = [_KNUCKLE_SIGMA_RAD, _HINGE_SIGMA_RAD, _HINGE_SIGMA_RAD]
        else:
            sigma[1] = _THUMB_KNUCKLE_SIGMA_RAD
        self.weights = _DIRECTION_SIGMA_RAD / np.array(sigma)

    def directions(self, angles_rad: np.ndarray) -> np.ndarray:
        """(N,3,3): the three bones' directions in the wrist's frame for angles (N,3,3)."""
        local = self._frames @ rotation_of_angles(angles_rad) @ self._undo
        first = local[:, 0]
        second = first @ local[:, 1]
        third = second @ local[:, 2]
        return np.stack([first @ self._bones[0], second @ self._bones[1], third @ self._bones[2]], axis=1)


def _fit_digit(digit: _Digit, seen: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Damped Gauss–Newton over many poses at once: angles (N,3,3) and mean bone error (N,), rad."""
    count = len(seen)
    low, high = digit.limits[..., 0], digit.limits[..., 1]
    weights = digit.weights.ravel()

    def residual(angles: np.ndarray) -> np.ndarray:
        return (digit.directions(angles) - seen).reshape(count, 9)

    def cost(angles: np.ndarray, r: np.ndarray) -> np.ndarray:
        away = (angles - digit.usual).reshape(count, 9) * weights
        return np.asarray((r**2).sum(axis=1) + (away**2).sum(axis=1))

    angles = start.copy()
    r = residual(angles)
    damping = np.full(count, 1e-3)
    for _ in range(_ITERATIONS):
        J = np.empty((count, 9, 9))
        for k in range(9):
            ahead = angles.copy()
            ahead.reshape(count, 9)[:, k] += _DIFFERENCE_RAD
            J[:, :, k] = (residual(ahead) - r) / _DIFFERENCE_RAD
        away = (angles - digit.usual).reshape(count, 9)
        H = np.swapaxes(J, 1, 2) @ J + np.diag(weights**2) + damping[:, None, None] * np.eye(9)
        g = (np.swapaxes(J, 1, 2) @ r[..., None])[..., 0] + weights**2 * away
        step = np.linalg.solve(H, g[..., None])[..., 0].reshape(count, 3, 3)
        trial = np.clip(angles - step, low, high)
        r_trial = residual(trial)
        better = cost(trial, r_trial) < cost(angles, r)
        angles = np.where(better[:, None, None], trial, angles)
        r = np.where(better[:, None], r_trial, r)
        damping = np.where(better, 0.3 * damping, 10.0 * damping)
    cosine = 1.0 - 0.5 * (r.reshape(count, 3, 3) ** 2).sum(axis=-1)
    return angles, np.arccos(np.clip(cosine, -1.0, 1.0)).mean(axis=1)
