"""What a detector's errors depend on, and how they are taken apart: turn, size, shape, depth, place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.rotations import axis_angle_from_matrix, matrix_from_axis_angle, procrustes_rotation, unit

NUM_3D = 3 + 1 + 63 + 21
"""Turn, log size, shape, depth of `Errors.stacked`; then come place and score."""
NUM_ERRORS = NUM_3D + 42 + 1
GROUPS = (slice(0, 3), slice(3, 4), slice(4, 67), slice(67, 88), slice(88, 130), slice(130, 131))
"""Turn, log size, shape, depth, place, score among the errors stacked."""
SIZE, DEPTH = GROUPS[1], GROUPS[3]
NUM_CONDITIONS = 8
_SCORE_LIMITS = (0.01, 0.995)
_DEPTH_GAIN = 5.0  # to about unit size
_MIN_DEPTH_M, _MIN_SIZE_PX = 0.02, 8.0


@dataclass(frozen=True)
class View:
    """True hands as a camera sees them; leading dimensions (…).

    Attributes:
        keypoints_m: (…,21,3) relative to the wrist, camera axes.
        keypoints_px: (…,21,2).
        scale_px_m: (…) of the picture at the wrist.
        size_px: (…) longer side of the keypoints' box.
        frame: (…,3,3) hand axes in camera axes, by columns: to the thumb's side, to the fingers, out of the
            back.
        conditions: (…,8) what decides whether a detector finds the hand.
    """

    keypoints_m: np.ndarray
    keypoints_px: np.ndarray
    scale_px_m: np.ndarray
    size_px: np.ndarray
    frame: np.ndarray
    conditions: np.ndarray

    @property
    def depth_px(self) -> np.ndarray:
        """Depth (…,21) away from the camera, relative to the wrist, on the scale of the wrist's pixels."""
        return np.asarray(self.keypoints_m[..., 2] * self.scale_px_m[..., None])


@dataclass(frozen=True)
class Errors:
    """Detections against the truth.

    Attributes:
        turn: (…,3) axis-angle, camera axes, that takes the true hand to the detected one.
        log_size: (…) of how much larger it is.
        shape_m: (…,21,3) what is left, hand axes.
        depth: (…,21) of the second opinion on depth, in hand sizes of the picture.
        place: (…,21,2) of the pixels, in hand sizes.
        score: (…) 0–1.
    """

    turn: np.ndarray
    log_size: np.ndarray
    shape_m: np.ndarray
    depth: np.ndarray
    place: np.ndarray
    score: np.ndarray

    def stacked(self) -> np.ndarray:
        """All numbers (…,131); the score as a logit."""
        lead = self.log_size.shape
        score = np.clip(self.score, *_SCORE_LIMITS)
        logit = np.log(score / (1.0 - score))
        shape, place = self.shape_m.reshape(*lead, 63), self.place.reshape(*lead, 42)
        parts = [self.turn, self.log_size[..., None], shape, self.depth, place, logit[..., None]]
        return np.concatenate(parts, axis=-1)

    @staticmethod
    def from_stacked(values: np.ndarray) -> Errors:
        """Inverse of `stacked`."""
        lead = values.shape[:-1]
        turn, log_size, shape, depth, place, logit = (values[..., group] for group in GROUPS)
        return Errors(
            turn=turn,
            log_size=log_size[..., 0],
            shape_m=shape.reshape(*lead, 21, 3),
            depth=depth,
            place=place.reshape(*lead, 21, 2),
            score=1.0 / (1.0 + np.exp(-logit[..., 0])),
        )

    @staticmethod
    def of(
        view: View,
        observed_m: np.ndarray,
        observed_px: np.ndarray,
        observed_depth_px: np.ndarray,
        score: np.ndarray,
    ) -> Errors:
        """Take detections (N,21,3), (N,21,2), (N,21), (N,) apart."""
        R = procrustes_rotation(view.keypoints_m, observed_m, np.ones(21))
        back = observed_m @ R  # Rᵀ on row vectors
        size = (back * view.keypoints_m).sum(axis=(1, 2)) / (view.keypoints_m**2).sum(axis=(1, 2))
        size = np.clip(size, 0.2, 5.0)
        shape = (back / size[:, None, None] - view.keypoints_m) @ view.frame
        depth = (observed_depth_px - view.depth_px) / view.size_px[:, None]
        place = (observed_px - view.keypoints_px) / view.size_px[:, None, None]
        return Errors(axis_angle_from_matrix(R), np.log(size), shape, depth, place, score)

    def applied(self, view: View) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The detections (…,21,3), (…,21,2) and (…,21) that these errors make of true hands."""
        shaped = view.keypoints_m + self.shape_m @ np.swapaxes(view.frame, -1, -2)
        R = matrix_from_axis_angle(self.turn).astype(shaped.dtype, copy=False)
        observed_m = np.exp(self.log_size)[..., None, None] * (shaped @ np.swapaxes(R, -1, -2))
        observed_px = view.keypoints_px + self.place * view.size_px[..., None, None]
        return observed_m, observed_px, view.depth_px + self.depth * view.size_px[..., None]


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
    points = keypoints_m + wrist_m[..., None, :]
    z = np.maximum(points[..., 2:], _MIN_DEPTH_M)
    pixels = points[..., :2] * (focal_px[:, None, None, None] / z) + centre_px[:, None, None]
    scale_px_m = focal_px[:, None] / z[..., 0, 0]
    # Axis by axis: numpy reduces short inner axes slowly.
    x, y = pixels[..., 0], pixels[..., 1]
    width, height = x.max(axis=-1) - x.min(axis=-1), y.max(axis=-1) - y.min(axis=-1)
    extent = np.maximum(np.maximum(width, height), _MIN_SIZE_PX)
    frame = hand_frame(keypoints_m)
    middle = np.stack([x.mean(axis=-1), y.mean(axis=-1)], axis=-1)
    speed = np.linalg.norm(np.gradient(middle, axis=1), axis=-1) / extent
    right, bottom = size_px[:, 0, None, None], size_px[:, 1, None, None]
    inside = ((x >= 0.0) & (y >= 0.0) & (x < right) & (y < bottom)).mean(axis=-1)
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
    return View(
        keypoints_m, pixels, scale_px_m, extent, frame, conditions.astype(keypoints_m.dtype, copy=False)
    )


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
    return np.concatenate([np.ones_like(size), to_camera, products, pose / size], axis=-1)


def place_features(view: View) -> np.ndarray:
    """What biases in the picture depend on (…,43): the hand's outline."""
    lead = view.size_px.shape
    outline = (view.keypoints_px - view.keypoints_px[..., 9:10, :]) / view.size_px[..., None, None]
    return np.concatenate([np.ones_like(view.size_px)[..., None], outline.reshape(*lead, 42)], axis=-1)


def depth_features(view: View, observed_m: np.ndarray) -> np.ndarray:
    """What the second opinion on depth depends on besides (…,42): the true depth, and the first one's error.

    One network gives both opinions, so they err together; the more so, the further the hand is turned.

    Args:
        view: (…).
        observed_m: (…,21,3) the first opinion, relative to the wrist.
    """
    off_m = observed_m[..., 2] - observed_m[..., :1, 2] - view.keypoints_m[..., 2]
    scale_px_m = view.scale_px_m / view.size_px
    near = np.concatenate([view.keypoints_m[..., 2], off_m], axis=-1)
    return _DEPTH_GAIN * scale_px_m[..., None] * near
