"""The body's skeleton over the camera's image, in the humanoid's colours: the limbs one for each side."""

from __future__ import annotations

import numpy as np

from app.drawing import PALM_COLOUR, Colour, draw_bones, draw_thin_bones
from app.humanoid.look import LEFT_COLOUR, RIGHT_COLOUR
from models.body_keypoints import BODY_SKELETON, LEFT_KEYPOINTS, NUM_BODY_KEYPOINTS, RIGHT_KEYPOINTS


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
    bones = [(a, b, keypoint_colour(b)) for a, b in BODY_SKELETON]
    joints = [keypoint_colour(keypoint) for keypoint in range(NUM_BODY_KEYPOINTS)]
    draw_bones(image, keypoints_px, bones, joints, 3.0 * scale, scale)


def draw_body_detection(image: np.ndarray, keypoints_px: np.ndarray, scale: float = 1.0) -> None:
    """Draw what the detector said, thin and pale, to be seen beside the skeleton of what is made of it.

    Args:
        as for `draw_body_skeleton`.
    """
    draw_thin_bones(image, keypoints_px, BODY_SKELETON, scale)
