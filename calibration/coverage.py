"""Where, how tilted and how near the board was seen: what decides how well a camera can be known.

Poses are worked out with the camera that is assumed before calibration. That is wrong by a third at most, and
whether a board was tilted, and to which side, does not hang on it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np

from calibration.board import Board, BoardView
from models.camera import Camera

GRID = (6, 4)  # cells across and down an image
Side = Literal["left", "right", "top", "bottom"]
SIDES: tuple[Side, ...] = get_args(Side)
TILTED_RAD = math.radians(15.0)  # enough perspective to tell a focal length from a distance
STEEPEST_RAD = math.radians(60.0)  # beyond it squares are too narrow to place their corners well


@dataclass(frozen=True)
class BoardPose:
    """How the board stood in one image, roughly.

    Attributes:
        tilt_rad: angle between the board and the image plane, 0–π/2.
        away: the side of the picture, as seen in it, towards which the board leads away from the camera; None
            if it is tilted by less than `TILTED_RAD`.
        square_px: how long a square's side would be if the board faced the camera where it is, pixels.
    """

    tilt_rad: float
    away: Side | None
    square_px: float


def board_pose(view: BoardView, board: Board) -> BoardPose | None:
    """The board's pose for the assumed camera; None where no pose explains the corners."""
    camera = Camera.assumed(view.size_px)
    focal_px = camera.focal_px
    matrix = np.array([[focal_px, 0, camera.centre_px[0]], [0, focal_px, camera.centre_px[1]], [0, 0, 1.0]])
    corners_m = board.corners_m[view.ids]
    try:
        solved, rotation, position_m = cv2.solvePnP(
            corners_m, view.corners_px, matrix, np.zeros(5), flags=cv2.SOLVEPNP_IPPE
        )
    except cv2.error:  # degenerate corners
        return None
    normal = cv2.Rodrigues(rotation)[0][:, 2] if solved else np.full(3, np.nan)
    depth_m = (
        float((cv2.Rodrigues(rotation)[0] @ corners_m.mean(axis=0) + position_m[:, 0])[2]) if solved else 0
    )
    if not np.isfinite(normal).all() or depth_m <= 0.0:
        return None
    if normal[2] > 0.0:
        normal = -normal  # towards the camera
    tilt_rad = math.acos(min(1.0, -float(normal[2])))
    away: Side | None = None
    if tilt_rad >= TILTED_RAD:
        if abs(normal[0]) >= abs(normal[1]):
            away = "right" if normal[0] > 0.0 else "left"
        else:
            away = "bottom" if normal[1] > 0.0 else "top"
    return BoardPose(tilt_rad, away, focal_px * board.square_m / depth_m)


@dataclass(frozen=True)
class Coverage:
    """What a set of images covers.

    Attributes:
        cells: (4,6) corners seen in each cell of the image, row by row.
        reach: how far out corners were seen, as a share of the way from the image's middle to its corner.
        tilts_rad: (N,) how far the board was tilted in each image.
        sides: images in which the board led away to each side of `SIDES`.
        squares_px: (N,) how large squares were in each image, pixels.
    """

    cells: np.ndarray
    reach: float
    tilts_rad: np.ndarray
    sides: tuple[int, ...]
    squares_px: np.ndarray

    @property
    def share(self) -> float:
        """Share of the image's cells with a corner in them, 0–1."""
        return float(np.mean(self.cells > 0))

    @property
    def tilted(self) -> int:
        """Images with the board tilted enough to tell a focal length from a distance."""
        return sum(self.sides)

    @property
    def distance_ratio(self) -> float:
        """The farthest distance over the nearest."""
        return float(self.squares_px.max() / self.squares_px.min()) if len(self.squares_px) else 1.0


def measure_coverage(views: Sequence[BoardView], board: Board, size_px: tuple[int, int]) -> Coverage:
    """What these views of images of `size_px` cover together."""
    poses = [pose for view in views if (pose := board_pose(view, board)) is not None]
    corners_px = np.concatenate([view.corners_px for view in views]) if views else np.zeros((0, 2))
    half = 0.5 * np.asarray(size_px, dtype=np.float64)
    out = np.linalg.norm(corners_px - half, axis=1) / np.linalg.norm(half)
    return Coverage(
        cells=count_cells(corners_px, size_px),
        reach=float(out.max(initial=0.0)),
        tilts_rad=np.array([pose.tilt_rad for pose in poses]),
        sides=tuple(sum(pose.away == side for pose in poses) for side in SIDES),
        squares_px=np.array([pose.square_px for pose in poses]),
    )


def count_cells(corners_px: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
    """(4,6) how many of the corners (n,2), pixels, lie in each cell of an image of `size_px`."""
    across, down = GRID
    cells = np.zeros((down, across), dtype=np.int64)
    column = np.clip((corners_px[:, 0] + 0.5) * across / size_px[0], 0, across - 1).astype(int)
    row = np.clip((corners_px[:, 1] + 0.5) * down / size_px[1], 0, down - 1).astype(int)
    np.add.at(cells, (row, column), 1)
    return cells
