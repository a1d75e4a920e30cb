"""A body that several calibrated cameras film at once: where its keypoints are.

The detector now and then takes a person's left for the right, and only in some of the views. Such a frame
does not fit together with the others; with the sides of that view swapped back it does.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.errors import AppError
from app.opencv import cv2
from models.body_keypoints import MIRRORED_KEYPOINTS

_QUALISYS_SUBPIXELS = 64.0  # its intrinsics count in these
_MILLIMETRES = 1e-3
_FLIP = np.diag([1.0, -1.0, -1.0])  # Qualisys: y up, z backward → y down, z forward
SWAP_GAIN_PX = 3.0
"""A view's sides count as swapped only if that brings the views together by so much, mean over keypoints."""
_LEAST_WEIGHT = 0.05  # of a keypoint the detector calls invisible: a guess, but better than none


@dataclass(frozen=True)
class View:
    """One calibrated camera.

    Attributes:
        rotation: (3,3) from the room's axes to the camera's (x right, y down, z forward).
        position_m: (3,) in the room.
        focal_px: (2,) along x and y.
        centre_px: (2,) principal point.
        distortion: (4,) k1, k2, p1, p2 of Brown's model.
    """

    rotation: np.ndarray
    position_m: np.ndarray
    focal_px: np.ndarray
    centre_px: np.ndarray
    distortion: np.ndarray

    def rays(self, pixels: np.ndarray) -> np.ndarray:
        """x/z and y/z (…,2) of the directions that pixels (…,2) show, lens distortion undone."""
        K = np.diag([*self.focal_px, 1.0])
        K[:2, 2] = self.centre_px
        flat = np.nan_to_num(pixels).reshape(-1, 1, 2)
        undone = cv2.undistortPoints(flat, K, self.distortion).reshape(pixels.shape)
        return np.where(np.isfinite(pixels), undone, np.nan)

    def seen_from(self, points_m: np.ndarray) -> np.ndarray:
        """Points (…,3) of the room in the camera's axes, metres."""
        return (points_m - self.position_m) @ self.rotation.T


@dataclass(frozen=True)
class FilmedBody:
    """What the views say together.

    Attributes:
        keypoints_m: (N,17,3) in the room, metres; NaN where fewer than two views see a keypoint.
        swapped: (V,N) bool, frames in which that view takes left for right.
        residual_px: (N,) how far the views are from agreeing, mean over keypoints and views.
    """

    keypoints_m: np.ndarray
    swapped: np.ndarray
    residual_px: np.ndarray


def read_qualisys(path: Path) -> list[View]:
    """The cameras of a Qualisys calibration file (.qca.txt).

    Raises:
        AppError: the file is missing or holds something else.
    """
    try:
        cameras = [_camera(element) for element in ET.parse(path).getroot().iter("camera")]
    except (OSError, ET.ParseError, KeyError, ValueError, AttributeError) as error:
        raise AppError(f"{path} is no Qualisys calibration ({error}); give a folder that has one") from error
    if len(cameras) < 2:
        raise AppError(f"{path} has {len(cameras)} cameras; to triangulate takes two or more")
    return cameras


def triangulate_body(views: list[View], pixels: np.ndarray, visibility: np.ndarray) -> FilmedBody:
    """A body from what a detector says of it in several views, swapped sides of one view at a time undone.

    Args:
        views: V cameras.
        pixels: (V,N,17,2), NaN where nothing was detected.
        visibility: (V,N,17) how much each keypoint counts, 0–1.
    """
    rays = np.array([view.rays(seen) for view, seen in zip(views, pixels, strict=True)])
    weights = np.where(np.isfinite(rays).all(axis=-1), np.clip(visibility, _LEAST_WEIGHT, 1.0) ** 2, 0.0)
    points_m, apart = _agreed(views, rays, weights)
    swapped = np.zeros(rays.shape[:2], dtype=bool)
    for v in range(len(views)):
        other, other_weights = rays.copy(), weights.copy()
        other[v], other_weights[v] = rays[v][:, MIRRORED_KEYPOINTS], weights[v][:, MIRRORED_KEYPOINTS]
        tried_m, tried = _agreed(views, other, other_weights)
        better = tried + SWAP_GAIN_PX < apart + np.where(swapped.any(axis=0), SWAP_GAIN_PX, 0.0)
        swapped[:, better] = False
        swapped[v, better] = True
        points_m = np.where(better[:, None, None], tried_m, points_m)
        apart = np.where(better, tried, apart)
    return FilmedBody(points_m, swapped, apart)


def triangulate(views: list[View], rays: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Points (…,3) in the room, metres, seen in directions `rays` (V,…,2), which count `weights` (V,…).

    Each ray u of a camera R, c says (R₁ − u₁R₃)·(X − c) = 0 and (R₂ − u₂R₃)·(X − c) = 0: weighted least
    squares; NaN where fewer than two cameras count.
    """
    A = np.zeros((*rays.shape[1:-1], 3, 3))
    b = np.zeros((*rays.shape[1:-1], 3))
    for view, u, w in zip(views, np.nan_to_num(rays), weights, strict=True):
        for axis in (0, 1):
            row = view.rotation[axis] - u[..., axis, None] * view.rotation[2]
            weighted = (w * w)[..., None] * row
            A += weighted[..., None] * row[..., None, :]
            b += weighted * (row @ view.position_m)[..., None]
    enough = (weights > 0.0).sum(axis=0) >= 2
    solved = np.linalg.solve(np.where(enough[..., None, None], A, np.eye(3)), b[..., None])[..., 0]
    return np.where(enough[..., None], solved, np.nan)


def _agreed(views: list[View], rays: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (N,17,3) and, per frame, how many pixels the views are from them; inf if nothing is seen."""
    points_m = triangulate(views, rays, weights)
    apart = np.full(rays.shape[:-1], np.nan)
    for v, view in enumerate(views):
        seen = view.seen_from(points_m)
        apart[v] = np.linalg.norm(seen[..., :2] / seen[..., 2:] - rays[v], axis=-1) * view.focal_px.mean()
    known = np.isfinite(apart) & (weights > 0.0)
    count = known.sum(axis=(0, 2))
    total = np.where(known, apart, 0.0).sum(axis=(0, 2))
    return points_m, np.where(count > 0, total / np.maximum(count, 1), np.inf)


def _camera(element: ET.Element) -> View:
    placed, lens = element.find("transform"), element.find("intrinsic")
    if placed is None or lens is None:
        raise ValueError("a camera without transform or intrinsic")
    R = np.array([[float(placed.attrib[f"r{i}{j}"]) for j in (1, 2, 3)] for i in (1, 2, 3)])

    def pixels(name: str) -> np.ndarray:
        return np.array([float(lens.attrib[name + axis]) for axis in "UV"]) / _QUALISYS_SUBPIXELS

    distortion = [
        float(lens.attrib[f"{kind}Distortion{i}"]) for kind in ("radial", "tangental") for i in (1, 2)
    ]
    return View(
        rotation=_FLIP @ R,
        position_m=np.array([float(placed.attrib[axis]) for axis in "xyz"]) * _MILLIMETRES,
        focal_px=pixels("focalLength"),
        centre_px=pixels("centerPoint"),
        distortion=np.array(distortion),
    )
