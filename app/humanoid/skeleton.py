"""The body's skeleton over the camera's image, in the humanoid's colours: the limbs one for each side."""

from __future__ import annotations

import numpy as np

from app.drawing import DETECTION_COLOUR, PALM_COLOUR, Colour
from app.humanoid.look import LEFT_COLOUR, RIGHT_COLOUR
from app.opencv import cv2
from models.body_keypoints import BODY_SKELETON, LEFT_KEYPOINTS, RIGHT_KEYPOINTS

_SUBPIXEL_BITS = 4
_SHADOW: Colour = (20, 20, 20)


def keypoint_colour(keypoint: int) -> Colour:
    """Of a keypoint and of the bone that ends at it, BGR."""
    if keypoint in LEFT_KEYPOINTS:
        return LEFT_COLOUR
    return RIGHT_COLOUR if keypoint in RIGHT_KEYPOINTS else PALM_COLOUR


def draw_body_skeleton(image: np.ndarray, keypoints_px: np.ndarray, scale: float = 1.0) -> None:
    """Draw a body's bones and keypoints on `image` (BGR, changed in place).

    Args:
        image: (h,w,3) uint8.
        keypoints_px: (17,2) pixels; nothing is drawn if any is NaN.
        scale: line width relative to that of a 480-pixel-high image.
    """
    if not np.isfinite(keypoints_px).all():
        return
    points = _fixed_point(image, keypoints_px)
    width = max(1, round(3.0 * scale))
    for a, b in BODY_SKELETON:
        _line(image, points[a], points[b], _SHADOW, width + max(2, round(2 * scale)))
    for a, b in BODY_SKELETON:
        _line(image, points[a], points[b], keypoint_colour(b), width)
    radius = round(3.8 * scale * (1 << _SUBPIXEL_BITS))
    for keypoint, point in enumerate(points.tolist()):
        cv2.circle(image, point, radius, (255, 255, 255), -1, cv2.LINE_AA, _SUBPIXEL_BITS)
        cv2.circle(image, point, radius, keypoint_colour(keypoint), width, cv2.LINE_AA, _SUBPIXEL_BITS)


def draw_body_detection(image: np.ndarray, keypoints_px: np.ndarray, scale: float = 1.0) -> None:
    """Draw what the detector said, thin and pale, to be seen beside the skeleton of what is made of it.

    Args:
        as for `draw_body_skeleton`.
    """
    if not np.isfinite(keypoints_px).all():
        return
    points = _fixed_point(image, keypoints_px)
    for a, b in BODY_SKELETON:
        _line(image, points[a], points[b], DETECTION_COLOUR, max(1, round(scale)))


def _fixed_point(image: np.ndarray, points_px: np.ndarray) -> np.ndarray:
    limit = 8 * max(image.shape)  # OpenCV's fixed-point coordinates overflow far outside the image
    return np.asarray(np.round(np.clip(points_px, -limit, limit) * (1 << _SUBPIXEL_BITS)).astype(int))


def _line(image: np.ndarray, a: np.ndarray, b: np.ndarray, colour: Colour, width: int) -> None:
    cv2.line(image, a.tolist(), b.tolist(), colour, width, cv2.LINE_AA, _SUBPIXEL_BITS)
