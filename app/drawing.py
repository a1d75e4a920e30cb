"""Drawing on camera images: the hand's skeleton, captions, the state of things."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.opencv import cv2
from models.keypoints import SKELETON
from models.observation import NUM_KEYPOINTS

Colour = tuple[int, int, int]  # BGR

# Fingers keep one colour each, thumb to pinky, chosen to stay apart for colour-blind eyes (Okabe–Ito).
FINGER_COLOURS: tuple[Colour, ...] = (
    (66, 159, 230),
    (233, 180, 86),
    (115, 158, 0),
    (66, 228, 240),
    (167, 121, 204),
)
PALM_COLOUR: Colour = (225, 225, 225)
DETECTION_COLOUR: Colour = (190, 190, 190)
STATE_COLOURS: dict[str, Colour] = {
    "tracking": (96, 190, 60),
    "predicting": (40, 165, 245),
    "lost": (70, 70, 225),
    "TRACKING": (96, 190, 60),
    "ENGAGING": (230, 170, 60),
    "HOLD": (40, 165, 245),
    "DISARMED": (140, 140, 140),
    "STOPPED": (50, 50, 230),
}
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SUBPIXEL_BITS = 4
_SHADOW: Colour = (20, 20, 20)


def draw_skeleton(image: np.ndarray, keypoints_px: np.ndarray, scale: float = 1.0) -> None:
    """Draw a hand's bones and joints on `image` (BGR, changed in place).

    Args:
        image: (h,w,3) uint8.
        keypoints_px: (21,2) pixels; nothing is drawn if any is NaN.
        scale: line width relative to that of a 480-pixel-high image.
    """
    bones = [(a, b, _bone_colour(a, b)) for a, b in SKELETON]
    joints = [_joint_colour(index) for index in range(NUM_KEYPOINTS)]
    draw_bones(image, keypoints_px, bones, joints, 2.5 * scale, scale)


def draw_detection(image: np.ndarray, keypoints_px: np.ndarray, scale: float = 1.0) -> None:
    """Draw what the detector said, thin and pale, to be seen beside the skeleton of what is made of it.

    Args:
        as for `draw_skeleton`.
    """
    draw_thin_bones(image, keypoints_px, SKELETON, scale)


def draw_bones(
    image: np.ndarray,
    keypoints_px: np.ndarray,
    bones: Sequence[tuple[int, int, Colour]],
    joints: Sequence[Colour],
    width: float,
    scale: float,
) -> None:
    """Draw any skeleton: bones with a shadow, and rings for joints.

    Args:
        image: (h,w,3) uint8, changed in place.
        keypoints_px: (n,2) pixels; nothing is drawn if any is NaN.
        bones: keypoints at their two ends, and their colours.
        joints: n colours.
        width: of a bone, pixels.
        scale: of shadows and rings, relative to an image 480 pixels high.
    """
    if not np.isfinite(keypoints_px).all():
        return
    points = _fixed_point(image, keypoints_px)
    thick = max(1, round(width))
    for a, b, _ in bones:
        _line(image, points[a], points[b], _SHADOW, thick + max(2, round(2 * scale)))
    for a, b, colour in bones:
        _line(image, points[a], points[b], colour, thick)
    radius = round((width + 1.1 * scale) * (1 << _SUBPIXEL_BITS))
    for point, colour in zip(points, joints, strict=True):
        cv2.circle(image, tuple(point), radius, (255, 255, 255), -1, cv2.LINE_AA, _SUBPIXEL_BITS)
        cv2.circle(image, tuple(point), radius, colour, thick, cv2.LINE_AA, _SUBPIXEL_BITS)


def draw_thin_bones(
    image: np.ndarray, keypoints_px: np.ndarray, bones: Sequence[tuple[int, int]], scale: float
) -> None:
    """Draw any skeleton in one pale colour; arguments as for `draw_bones`."""
    if not np.isfinite(keypoints_px).all():
        return
    points = _fixed_point(image, keypoints_px)
    for a, b in bones:
        _line(image, points[a], points[b], DETECTION_COLOUR, max(1, round(scale)))


def draw_caption(image: np.ndarray, text: str, right: bool = False, top: bool = True) -> None:
    """Write `text` into a corner of `image` on a dark strip, readable on anything."""
    height, width = image.shape[:2]
    size = height / 480
    (text_width, text_height), baseline = cv2.getTextSize(text, _FONT, 0.55 * size, max(1, round(size)))
    pad = round(8 * size)
    x = width - text_width - 2 * pad if right else 0
    y = 0 if top else height - text_height - baseline - 2 * pad
    strip = image[y : y + text_height + baseline + 2 * pad, max(x, 0) : x + text_width + 2 * pad]
    strip[:] = (strip * 0.35).astype(np.uint8)
    origin = (max(x, 0) + pad, y + pad + text_height)
    cv2.putText(image, text, origin, _FONT, 0.55 * size, (245, 245, 245), max(1, round(size)), cv2.LINE_AA)


def draw_state(image: np.ndarray, state: str, right: bool = False) -> None:
    """Show a state as a coloured badge with its name at the bottom of `image`."""
    height, width = image.shape[:2]
    size = height / 480
    colour = STATE_COLOURS.get(state, (140, 140, 140))
    thickness = max(1, round(1.6 * size))
    (text_width, text_height), _ = cv2.getTextSize(state, _FONT, 0.6 * size, thickness)
    pad = round(9 * size)
    x = width - text_width - 3 * pad if right else pad
    y = height - pad
    cv2.rectangle(image, (x, y - text_height - 2 * pad), (x + text_width + 2 * pad, y), colour, -1)
    cv2.putText(image, state, (x + pad, y - pad), _FONT, 0.6 * size, (255, 255, 255), thickness, cv2.LINE_AA)


def fit_into(image: np.ndarray, size_px: tuple[int, int]) -> tuple[np.ndarray, float, np.ndarray]:
    """Scale `image` to fit (width, height) with its shape kept, on a dark ground.

    Returns:
        the picture, the scale, and the (2,) pixel offset: a point p of `image` is at p·scale + offset.
    """
    width, height = size_px
    scale = min(width / image.shape[1], height / image.shape[0])
    inner = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    resized = cv2.resize(image, inner, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    canvas = np.full((height, width, 3), 24, dtype=np.uint8)
    x, y = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas[y : y + inner[1], x : x + inner[0]] = resized
    return canvas, scale, np.array([x, y], dtype=np.float64)


def _fixed_point(image: np.ndarray, points_px: np.ndarray) -> np.ndarray:
    limit = 8 * max(image.shape)  # OpenCV's fixed-point coordinates overflow far outside the image
    return np.asarray(np.round(np.clip(points_px, -limit, limit) * (1 << _SUBPIXEL_BITS)).astype(int))


def _line(image: np.ndarray, a: np.ndarray, b: np.ndarray, colour: Colour, width: int) -> None:
    cv2.line(image, tuple(a), tuple(b), colour, width, cv2.LINE_AA, _SUBPIXEL_BITS)


def _bone_colour(a: int, b: int) -> Colour:
    tip = max(a, b)
    if min(a, b) == 0 or (tip - min(a, b)) > 1:
        return PALM_COLOUR
    return _joint_colour(tip)


def _joint_colour(index: int) -> Colour:
    return PALM_COLOUR if index == 0 else FINGER_COLOURS[(index - 1) // 4]
