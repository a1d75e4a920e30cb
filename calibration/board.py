"""The board a camera is calibrated with, and how an image of it is read.

A ChArUco board is a chessboard whose white squares carry markers: every marker says which corner is which, so
a board that is half outside the image, or partly covered by a hand, still counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from calibration.errors import CalibrationError

DICTIONARY = cv2.aruco.DICT_4X4_50  # the fewest bits: readable from farthest away
DICTIONARY_NAME = "DICT_4X4_50"
COLUMNS, ROWS = 6, 8  # fills A4 and US Letter alike with squares of 30 mm, and leaves room for a ruler
SQUARE_M = 0.030
MARKER_SHARE = 22.0 / 30.0  # of the square's side
FEWEST_CORNERS = 8  # of one image: two more than its pose has unknowns
_FEWEST_ACROSS = 2  # rows and columns that the corners of one image must come from
_LEGAL_SQUARE_M = (0.005, 0.5)
# Around a corner, of the distance to the next one: a marker's own corners, at 0.13, must stay outside.
_REFINING_SHARE = 0.10
_REFINING_PX = (2, 12)
_EDGE_SAMPLES = 25
_EDGE_REACH = 0.3  # of a square to either side of an edge


@dataclass(frozen=True)
class Board:
    """Shape of a ChArUco board.

    Attributes:
        columns, rows: squares across and down.
        square_m: side of a square as printed, metres. Intrinsics do not depend on it, distances do.
        marker_m: side of a marker, metres.
    """

    columns: int = COLUMNS
    rows: int = ROWS
    square_m: float = SQUARE_M
    marker_m: float = SQUARE_M * MARKER_SHARE

    def __post_init__(self) -> None:
        low, high = _LEGAL_SQUARE_M
        if not (math.isfinite(self.square_m) and low <= self.square_m <= high):
            raise CalibrationError(
                f"the board's squares measure {self.square_m * 1e3:g} mm; give the side of one square, from "
                f"{low * 1e3:g} to {high * 1e3:g} mm"
            )

    @staticmethod
    def printed(square_m: float = SQUARE_M) -> Board:
        """The board that ships, as a printer made it: with squares of `square_m`, metres.

        Raises:
            CalibrationError: no board has such squares.
        """
        return Board(square_m=square_m, marker_m=square_m * MARKER_SHARE)

    @property
    def size_m(self) -> tuple[float, float]:
        """Width and height, metres."""
        return self.columns * self.square_m, self.rows * self.square_m

    @property
    def corners_m(self) -> np.ndarray:
        """(n,3) inner corners by id, metres; x right and y down from the board's upper left corner, z 0."""
        x, y = np.meshgrid(np.arange(1, self.columns), np.arange(1, self.rows))
        return np.stack([x, y, np.zeros_like(x)], axis=-1).reshape(-1, 3) * self.square_m

    def charuco(self) -> cv2.aruco.CharucoBoard:
        """The same board as OpenCV knows it."""
        dictionary = cv2.aruco.getPredefinedDictionary(DICTIONARY)
        return cv2.aruco.CharucoBoard((self.columns, self.rows), self.square_m, self.marker_m, dictionary)


@dataclass(frozen=True)
class BoardView:
    """The board as one image shows it.

    Attributes:
        name: of the image.
        size_px: image (width, height).
        ids: (n,) which of the board's inner corners were seen.
        corners_px: (n,2) where, pixels; a pixel's centre has whole coordinates.
        blur_px: how far edges are smeared, as the standard deviation of a Gaussian, pixels.
    """

    name: str
    size_px: tuple[int, int]
    ids: np.ndarray
    corners_px: np.ndarray
    blur_px: float


class BoardDetector:
    """Finds one board in images."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self._detector = cv2.aruco.CharucoDetector(board.charuco())

    def detect(self, image: np.ndarray, name: str = "") -> BoardView | None:
        """The board in one image; None if fewer than `FEWEST_CORNERS` corners show, or only a line of them.

        Args:
            image: (height, width, 3) BGR or (height, width) grey, uint8.
            name: of the image, for messages.
        """
        grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        corners, ids, _, _ = self._detector.detectBoard(grey)
        if ids is None or len(ids) < FEWEST_CORNERS:
            return None
        ids = np.asarray(ids, dtype=np.int64).reshape(-1)
        corners_px = np.asarray(corners, dtype=np.float64).reshape(-1, 2)
        row, column = np.divmod(ids, self.board.columns - 1)
        if min(len(np.unique(row)), len(np.unique(column))) < _FEWEST_ACROSS:
            return None
        corners_px = _refined(grey, corners_px)
        blur_px = edge_blur_px(grey, ids, corners_px, self.board.columns - 1)
        return BoardView(name, (grey.shape[1], grey.shape[0]), ids, corners_px, blur_px)


def _refined(grey: np.ndarray, corners_px: np.ndarray) -> np.ndarray:
    """Corners (n,2) placed anew, pixels.

    The detector's own window reaches to the corners of markers where a board is tilted, which draws corners
    away by half a pixel and more.
    """
    distances_px = np.linalg.norm(corners_px[:, None] - corners_px[None], axis=-1)
    np.fill_diagonal(distances_px, np.inf)
    half_px = int(np.clip(round(_REFINING_SHARE * float(distances_px.min())), *_REFINING_PX))
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 40, 1e-3)
    start_px = corners_px.astype(np.float32).reshape(-1, 1, 2).copy()
    found = cv2.cornerSubPix(grey, start_px, (half_px, half_px), (-1, -1), stop)
    return np.asarray(found, dtype=np.float64).reshape(-1, 2)


def edge_blur_px(grey: np.ndarray, ids: np.ndarray, corners_px: np.ndarray, columns: int) -> float:
    """How far the edges between squares are smeared: σ of a Gaussian, pixels, along the worse direction.

    A step of contrast C blurred by a Gaussian rises by C/(σ√(2π)) a pixel at its steepest. Edges along rows
    and along columns are looked at apart, as a board that moves is smeared in one direction only.

    Args:
        grey: (height, width) uint8.
        ids: (n,) of the corners.
        corners_px: (n,2) pixels.
        columns: inner corners in a row of the board.
    """
    where = {int(corner): corners_px[i] for i, corner in enumerate(ids)}
    blurs_px = []
    for step, is_last in (
        (1, lambda corner: corner % columns == columns - 1),
        (columns, lambda corner: False),
    ):
        pairs = [
            (where[corner], where[corner + step])
            for corner in where
            if corner + step in where and not is_last(corner)
        ]
        if pairs:
            blurs_px.append(_edges_blur_px(grey, np.asarray(pairs)))
    return max(blurs_px, default=math.inf)


def _edges_blur_px(grey: np.ndarray, pairs_px: np.ndarray) -> float:
    """Median σ of edges between neighbouring corners (m,2,2), pixels."""
    along = pairs_px[:, 1] - pairs_px[:, 0]
    length_px = np.linalg.norm(along, axis=1)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) / length_px[:, None]
    offsets_px = np.linspace(-_EDGE_REACH, _EDGE_REACH, _EDGE_SAMPLES)[None, :] * length_px[:, None]
    points = pairs_px.mean(axis=1)[:, None] + offsets_px[..., None] * across[:, None]  # (m,25,2)
    # The lighter side of an edge holds a marker: beside the middle of the edge its outline is dark as well.
    points = points.astype(np.float32)
    profile = cv2.remap(
        grey, points[..., 0], points[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    ).astype(np.float64)
    step_px = offsets_px[:, 1] - offsets_px[:, 0]
    steepest = np.abs(np.diff(profile, axis=1)).max(axis=1) / step_px
    contrast = profile.max(axis=1) - profile.min(axis=1)
    sigma_px = contrast / np.maximum(steepest, 1e-6) / math.sqrt(2.0 * math.pi)
    return float(np.median(sigma_px))
