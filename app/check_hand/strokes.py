"""Words, lines and dots on an image (h,w,3) uint8 BGR; places are in pixels, right and down."""

from __future__ import annotations

import numpy as np

from app.drawing import Colour
from app.opencv import cv2

_FONT = cv2.FONT_HERSHEY_SIMPLEX


def text(
    image: np.ndarray, words: str, origin: tuple[int, int], size: float, colour: Colour, weight: int = 1
) -> None:
    """Words whose first letter's lower left corner is at `origin`."""
    cv2.putText(image, words, origin, _FONT, size, colour, weight, cv2.LINE_AA)


def centred(image: np.ndarray, words: str, middle: np.ndarray, size: float, colour: Colour) -> None:
    """Words around a point, on a pale outline that keeps them readable."""
    (width, height), _ = cv2.getTextSize(words, _FONT, size, 1)
    origin = round(float(middle[0]) - width / 2), round(float(middle[1]) + height / 2)
    text(image, words, origin, size, (250, 248, 246), 4)
    text(image, words, origin, size, colour, 1)


def text_width(words: str, size: float) -> int:
    """How many pixels wide words are."""
    return int(cv2.getTextSize(words, _FONT, size, 1)[0][0])


def fitting(words: str, size: float, width: int) -> float:
    """The size at which words are no wider than `width` pixels."""
    return min(size, size * width / max(text_width(words, size), 1))


def line(image: np.ndarray, a: np.ndarray, b: np.ndarray, colour: Colour, weight: int) -> None:
    """From `a` (2,) to `b` (2,)."""
    cv2.line(image, whole(a), whole(b), colour, weight, cv2.LINE_AA)


def dot(image: np.ndarray, point: np.ndarray, radius: float, colour: Colour) -> None:
    """Filled, placed and sized to a sixteenth of a pixel."""
    cv2.circle(image, whole(point * 16.0), round(16.0 * radius), colour, -1, cv2.LINE_AA, 4)


def whole(point: np.ndarray) -> tuple[int, int]:
    """The pixel nearest to a place (2,)."""
    return round(float(point[0])), round(float(point[1]))
