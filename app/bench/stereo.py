"""Two calibrated cameras: where a point seen by both is."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from app.errors import AppError
from app.opencv import cv2
from models.observation import Observation

PALM_M = 0.09  # wrist to index knuckle, to which a triangulation of unknown scale is brought


def read_projections(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """The projection matrices (3,4) of both cameras, from c0.dat, c1.dat, rot_trans_c0.dat, rot_trans_c1.dat.

    Raises:
        AppError: a file is missing or holds something else.
    """
    projections = []
    for camera in (0, 1):
        K = _read_matrix(folder / f"c{camera}.dat", 0, 3)
        R = _read_matrix(folder / f"rot_trans_c{camera}.dat", 0, 3)
        t = _read_matrix(folder / f"rot_trans_c{camera}.dat", 3, 3).reshape(3, 1)
        projections.append(K @ np.hstack([R, t]))
    return projections[0], projections[1]


def triangulate(
    projections: tuple[np.ndarray, np.ndarray], left_px: np.ndarray, right_px: np.ndarray
) -> np.ndarray:
    """Points (…,3), in the calibration's unit, seen at pixels (…,2) by either camera; NaN stays NaN."""
    flat = [pixels.reshape(-1, 2).T.astype(np.float64) for pixels in (left_px, right_px)]
    points = np.full((flat[0].shape[1], 3), np.nan)
    both = np.isfinite(flat[0]).all(axis=0) & np.isfinite(flat[1]).all(axis=0)
    if both.any():
        X = cv2.triangulatePoints(*projections, *(pixels[:, both] for pixels in flat))
        points[both] = (X[:3] / X[3]).T
    return points.reshape(*left_px.shape[:-1], 3)


def triangulated_hand(
    projections: tuple[np.ndarray, np.ndarray], left: list[Observation], right: list[Observation]
) -> np.ndarray:
    """(N,21,3) the hand that both cameras filmed, scaled to a palm of 90 mm; NaN unless both see it."""
    pixels = [np.array([observation.keypoints_px for observation in seen]) for seen in (left, right)]
    points = triangulate(projections, *pixels)
    palms = np.linalg.norm(points[:, 5] - points[:, 0], axis=1)
    if not np.isfinite(palms).any():
        raise AppError("the two cameras never see the hand at once, so there is nothing to triangulate")
    return points * PALM_M / float(np.nanmedian(palms))


def _read_matrix(path: Path, first: int, rows: int) -> np.ndarray:
    """`rows` lines of numbers of a calibration file, from the `first` such line on."""
    try:
        text = path.read_text(encoding="utf-8").splitlines()
        lines = [line.split() for line in text if line.strip() and line[0] in "-0123456789 "]
        return np.array([[float(cell) for cell in line] for line in lines[first : first + rows]])
    except (OSError, ValueError) as error:
        raise AppError(f"{path} is no camera calibration ({error}); give a folder that has one") from error
