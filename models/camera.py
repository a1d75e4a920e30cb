"""A pinhole camera and where a hand of known shape stands in front of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from models.canonical import fit_wrist

ASSUMED_FOV_RAD = math.radians(60.0)  # horizontal, the middle of what plain webcams have
# Nearer than the one no webcam shows a whole hand, farther than the other no detector sees one.
MIN_DEPTH_M = 0.05
MAX_DISTANCE_M = 20.0


@dataclass(frozen=True)
class Camera:
    """Pinhole intrinsics in pixels; axes x right, y down, z forward.

    Attributes:
        focal_px: focal length, pixels, the same in x and y.
        centre_px: principal point (cx, cy), pixels.
        size_px: image (width, height).
    """

    focal_px: float
    centre_px: tuple[float, float]
    size_px: tuple[int, int]

    @staticmethod
    def assumed(size_px: tuple[int, int]) -> Camera:
        """The camera to assume before calibration: 60° across, centred."""
        width, height = size_px
        focal_px = 0.5 * width / math.tan(0.5 * ASSUMED_FOV_RAD)
        return Camera(focal_px, (0.5 * width, 0.5 * height), size_px)

    def project(self, points_m: np.ndarray) -> np.ndarray:
        """Pixels (…,2) of camera-frame points (…,3), metres."""
        points_m = np.asarray(points_m, dtype=np.float64)
        return points_m[..., :2] / points_m[..., 2:] * self.focal_px + np.asarray(self.centre_px)

    def locate_wrist(self, keypoints_m: np.ndarray, keypoints_px: np.ndarray) -> np.ndarray:
        """The wrist's position that best explains where the keypoints are seen.

        A point X seen at pixel u obeys f·(X + t) = (u − c)·(Z + t_z): linear in the translation t, so two
        equations a keypoint and least squares, in closed form.

        Args:
            keypoints_m: (21,3) wrist-relative, camera axes, metres.
            keypoints_px: (21,2) pixels.

        Returns:
            (3,) wrist in the camera frame, metres; NaN if the input is not finite or the hand would stand
            behind the lens or beyond any room.
        """
        lost = np.full(3, np.nan)
        if not (np.isfinite(keypoints_m).all() and np.isfinite(keypoints_px).all()):
            return lost
        rays = (keypoints_px - np.asarray(self.centre_px)) / self.focal_px  # (21,2)
        depth_m, aside_m, ray = fit_wrist(keypoints_m, rays)
        wrist_m = np.concatenate([aside_m + ray * depth_m, depth_m])
        plausible = wrist_m[2] > MIN_DEPTH_M and float(np.linalg.norm(wrist_m)) < MAX_DISTANCE_M
        return wrist_m if plausible else lost
