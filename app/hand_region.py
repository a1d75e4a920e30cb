"""Where in an image MediaPipe's landmark network looks for a hand: a square, turned so that fingers point up.

The network was trained on such squares, found from the hand's keypoints in the frame before or from a palm;
the proportions here are those it was trained with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from app.opencv import cv2

# Fingertips are left out: they would make the square breathe with every bend of a finger.
_FRAMING = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)
_WRIST, _INDEX_MCP, _MIDDLE_MCP, _RING_MCP = 0, 5, 9, 13  # bent fingers do not turn it
# How many times the longer side of what is framed, and moved up by how many of its heights.
_OF_KEYPOINTS_SIDES, _OF_KEYPOINTS_UP = 2.0, 0.1
_OF_PALM_SIDES, _OF_PALM_UP = 2.6, 0.5
# MediaPipe's squares of palms are turned by this much: its graph takes the right angle, 90°, for 90 radians.
# What was learnt from its keypoints has been learnt from such squares.
_OF_PALM_TURN_RAD = 90.0 - math.pi / 2.0 - 28.0 * math.pi
_LEAST_SIDE_PX = 2.0  # a smaller square shows nothing


@dataclass(frozen=True)
class HandRegion:
    """A turned square.

    Attributes:
        centre_px: (2,) float64, image pixels.
        side_px: length of a side, pixels.
        turn_rad: how far the hand's upward direction is turned clockwise from the image's.
    """

    centre_px: np.ndarray
    side_px: float
    turn_rad: float

    @staticmethod
    def of_keypoints(keypoints_px: np.ndarray) -> HandRegion | None:
        """Where a hand with these (21,2) keypoints is looked for next; None if they lie in a point."""
        beside_px = keypoints_px[[_INDEX_MCP, _RING_MCP]].mean(axis=0)
        up_px = (beside_px + keypoints_px[_MIDDLE_MCP]) / 2.0 - keypoints_px[_WRIST]
        turn_rad = _clockwise(up_px)
        axes = _axes(turn_rad)
        along = keypoints_px[list(_FRAMING)] @ axes
        low, high = along.min(axis=0), along.max(axis=0)
        size_px = high - low
        centre = (low + high) / 2.0 - (0.0, _OF_KEYPOINTS_UP * size_px[1])
        return _region(axes @ centre, _OF_KEYPOINTS_SIDES * float(size_px.max()), turn_rad)

    @staticmethod
    def of_palm(
        centre_px: np.ndarray, size_px: np.ndarray, wrist_px: np.ndarray, middle_px: np.ndarray
    ) -> HandRegion | None:
        """Where the hand of a palm is looked for; None if the palm is a point.

        Args:
            centre_px, size_px: (2,) the palm's upright box.
            wrist_px, middle_px: (2,) wrist and knuckle of the middle finger.
        """
        turn_rad = _clockwise(middle_px - wrist_px) + _OF_PALM_TURN_RAD
        centre = centre_px + _axes(turn_rad) @ (0.0, -_OF_PALM_UP * size_px[1])
        return _region(centre, _OF_PALM_SIDES * float(size_px.max()), turn_rad)

    @staticmethod
    def of_image(height_px: int, width_px: int) -> HandRegion:
        """The smallest upright square with all of an image in it."""
        return HandRegion(np.array([width_px, height_px]) / 2.0, float(max(height_px, width_px)), 0.0)

    @property
    def axes(self) -> np.ndarray:
        """(2,2) orthonormal; columns are the square's right and down in the image."""
        return _axes(self.turn_rad)

    def crop(self, image: np.ndarray, size_px: int, border: int = cv2.BORDER_REPLICATE) -> np.ndarray:
        """(size_px,size_px,C) what the square shows, beyond the image's edge by OpenCV's `border`."""
        scale = self.axes * (self.side_px / size_px)
        corner_px = self.centre_px - self.axes @ np.full(2, self.side_px / 2.0)
        return cv2.warpAffine(
            image,
            np.hstack([scale, corner_px[:, None]]),
            (size_px, size_px),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=border,
        )

    def resized(self, old_px: tuple[int, int], new_px: tuple[int, int]) -> HandRegion:
        """The same place where an image of `old_px` (width, height) pixels has been resized to `new_px`."""
        scale = new_px[0] / old_px[0]
        return HandRegion(self.centre_px * scale, self.side_px * scale, self.turn_rad)

    def to_image(self, shares: np.ndarray) -> np.ndarray:
        """(…,2) image pixels of points given as shares (…,2) of the sides from the upper left corner."""
        return (shares - 0.5) * self.side_px @ self.axes.T + self.centre_px

    def overlap(self, other: HandRegion) -> float:
        """Intersection over union of both squares as if they were not turned, 0–1."""
        reach = (self.side_px + other.side_px) / 2.0
        least = min(self.side_px, other.side_px)
        shared = np.clip(reach - np.abs(self.centre_px - other.centre_px), 0.0, least)
        common = float(shared[0] * shared[1])
        return common / (self.side_px**2 + other.side_px**2 - common)


def _region(centre_px: np.ndarray, side_px: float, turn_rad: float) -> HandRegion | None:
    finite = math.isfinite(side_px) and bool(np.isfinite(centre_px).all())
    return HandRegion(centre_px, side_px, turn_rad) if finite and side_px >= _LEAST_SIDE_PX else None


def _clockwise(up_px: np.ndarray) -> float:
    """How far a direction (2,) of the image is turned clockwise from up, rad."""
    return math.atan2(up_px[0], -up_px[1])


def _axes(turn_rad: float) -> np.ndarray:
    cos, sin = math.cos(turn_rad), math.sin(turn_rad)
    return np.array([[cos, -sin], [sin, cos]])
