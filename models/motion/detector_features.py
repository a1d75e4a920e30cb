"""What a detector's errors depend on, and how they are taken apart: turn, size, shape, place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.rotations import axis_angle_from_matrix, matrix_from_axis_angle, procrustes_rotation, unit

NUM_ERRORS = 3 + 1 + 63 + 42 + 1
"""Turn, log size, shape, place, score of `Errors.stacked`."""
NUM_CONDITIONS = 8
_SCORE_LIMITS = (0.01, 0.995)


@dataclass(frozen=True)
class View:
    """True hands as a camera sees them; leading dimensions (…).

    Attributes:
        keypoints_m: (…,21,3) relative to the wrist, camera axes.
        keypoints_px: (…,21,2).
        size_px: (…) longer side of the keypoints' box.
        frame: (…,3,3) hand axes in camera axes, by columns: to the thumb's side, to the fingers, out of the
            back.
        conditions: (…,8) what decides whether a detector finds the hand.
    """

    keypoints_m: np.ndarray
    keypoints_px: np.ndarray
    size_px: np.ndarray
    frame: np.ndarray
    conditions: np.ndarray


@dataclass(frozen=True)
class Errors:
    """Detections against the truth.

    Attributes:
        turn: (…,3) axis-angle, camera axes, that takes the true hand to the detected one.
        log_size: (…) of how much larger it is.
        shape_m: (…,21,3) what is left, hand axes.
        place: (…,21,2) of the pixels, in hand sizes.
        score: (…) 0–1.
    """

    turn: np.ndarray
    log_size: np.ndarray
    shape_m: np.ndarray
    place: np.ndarray
    score: np.ndarray

    def stacked(self) -> np.ndarray:
        """All numbers (…,110); the score as a logit."""
        lead = self.log_size.shape
        score = np.clip(self.score, *_SCORE_LIMITS)
        logit = np.log(score / (1.0 - score))
        shape, place = self.shape_m.reshape(*lead, 63), self.place.reshape(*lead, 42)
        return np.concatenate([self.turn, self.log_size[..., None], shape, place, logit[..., None]], axis=-1)

    @staticmethod
    def from_stacked(values: np.ndarray) -> Errors:
        """Inverse of `stacked`."""
        lead = values.shape[:-1]
        return Errors(
            turn=values[..., :3],
            log_size=values[..., 3],
            shape_m=values[..., 4:67].reshape(*lead, 21, 3),
            place=values[..., 67:109].reshape(*lead, 21, 2),
            score=1.0 / (1.0 + np.exp(-values[..., 109])),
        )

    @staticmethod
    def of(view: View, observed_m: np.ndarray, observed_px: np.ndarray, score: np.ndarray) -> Errors:
        """Take detections (N,21,3), (N,21,2), (N,) apart."""
        R = procrustes_rotation(view.keypoints_m, observed_m, np.ones(21))
        back = observed_m @ R  # Rᵀ on row vectors
        size = (back * view.keypoints_m).sum(axis=(1, 2)) / (view.keypoints_m**2).sum(axis=(1, 2))
        size = np.clip(size, 0.2, 5.0)
        shape = (back / size[:, None, None] - view.keypoints_m) @ view.frame
        place = (observed_px - view.keypoints_px) / view.size_px[:, None, None]
        return Errors(axis_angle_from_matrix(R), np.log(size), shape, place, score)

    def applied(self, view: View) -> tuple[np.ndarray, np.ndarray]:
        """The detections (…,21,3) and (…,21,2) that these errors make of true hands."""
        shaped = view.keypoints_m + self.shape_m @ np.swapaxes(view.frame, -1, -2)
        R = matrix_from_axis_angle(self.turn)
        observed_m = np.exp(self.log_size)[..., None, None] * (shaped @ np.swapaxes(R, -1, -2))
        return observed_m, view.keypoints_px + self.place * view.size_px[..., None, None]


def view_of(
    keypoints_m: np.ndarray,
    wrist_m: np.ndarray,
    focal_px: np.ndarray,
    centre_px: np.ndarray,
    size_px: np.ndarray,
) -> View:
    """See true hands through cameras.

    Args:
        keypoints_m: (B,N,21,3) relative to the wrist, camera axes.
        wrist_m: (B,N,3) camera frame.
        focal_px: (B,); centre_px: (B,2); size_px: (B,2) width and height.
    """
    keypoints_m = np.asarray(keypoints_m, dtype=np.float64)
    points = keypoints_m + wrist_m[..., None, :]
    z = np.maximum(points[..., 2:], 0.02)
    pixels = points[..., :2] / z * focal_px[:, None, None, None] + centre_px[:, None, None]
    extent = np.maximum(np.ptp(pixels, axis=-2).max(axis=-1), 8.0)
    frame = hand_frame(keypoints_m)
    middle = pixels.mean(axis=-2)
    speed = np.linalg.norm(np.gradient(middle, axis=1), axis=-1) / extent
    inside = ((pixels >= 0.0) & (pixels < size_px[:, None, None])).all(axis=-1).mean(axis=-1)
    back, fingers = frame[..., 2, 2], frame[..., 2, 1]
    reach = np.linalg.norm(keypoints_m[..., [8, 12, 16, 20], :], axis=-1).mean(axis=-1)
    open_share = reach / np.linalg.norm(keypoints_m[..., 9, :], axis=-1)
    conditions = np.stack(
        [
            np.ones_like(back),
            back,
            back**2,
            fingers,
            fingers**2,
            np.log(extent / 150.0),
            np.minimum(4.0 * speed, 2.0) - 2.0 * (1.0 - inside),
            open_share - 1.4,
        ],
        axis=-1,
    )
    return View(keypoints_m, pixels, extent, frame, conditions)


def hand_frame(keypoints: np.ndarray) -> np.ndarray:
    """Hand axes (…,3,3) by columns: pinky to index knuckle, wrist to middle knuckle, across both."""
    x = unit(keypoints[..., 5, :] - keypoints[..., 17, :])
    along = keypoints[..., 9, :] - keypoints[..., 0, :]
    y = unit(along - (along * x).sum(axis=-1, keepdims=True) * x)
    return np.stack([x, y, np.cross(x, y)], axis=-1)


def shape_features(view: View) -> np.ndarray:
    """What biases in 3D depend on (…,73): where the camera is, as the hand sees it, and the pose."""
    lead = view.size_px.shape
    to_camera = view.frame[..., 2, :]
    products = to_camera[..., [0, 1, 2, 0, 0, 1]] * to_camera[..., [0, 1, 2, 1, 2, 2]]
    pose = (view.keypoints_m @ view.frame).reshape(*lead, 63)
    size = np.linalg.norm(view.keypoints_m[..., 9, :], axis=-1)[..., None]
    return np.concatenate([np.ones((*lead, 1)), to_camera, products, pose / size], axis=-1)


def place_features(view: View) -> np.ndarray:
    """What biases in the picture depend on (…,43): the hand's outline."""
    lead = view.size_px.shape
    outline = (view.keypoints_px - view.keypoints_px[..., 9:10, :]) / view.size_px[..., None, None]
    return np.concatenate([np.ones((*lead, 1)), outline.reshape(*lead, 42)], axis=-1)
