"""The hand ("operator") frame: the axes of an Allegro palm, found on a human hand."""

from __future__ import annotations

import numpy as np

from retarget.errors import RetargetError

_WRIST, _INDEX_KNUCKLE, _MIDDLE_KNUCKLE = 0, 5, 9
_HANDS = ("right", "left")


def hand_frame(keypoints: np.ndarray, hand: str) -> np.ndarray:
    """Axes of the hand: z from the wrist to the middle knuckle, y across the palm, x out of the palm.

    y is the part of middle knuckle → index knuckle that is square to z, so it points toward the thumb of a
    right hand; it is reversed for a left hand, whose thumb is on −y. x = y × z leaves the palm on both.
    Same frame as dex-retargeting's plane fit through these three points, in closed form.

    Args:
        keypoints: (…,21,3) metres, any origin, camera axes (or any other right-handed axes).
        hand: "right" or "left".

    Returns:
        (…,3,3) rotations whose columns are the hand's axes x, y, z in the axes of the keypoints; NaN where
        wrist and knuckles are not finite, coincide or lie on one line.

    Raises:
        RetargetError: `hand` is neither "right" nor "left", or the shape is not (…,21,3).
    """
    keypoints = np.asarray(keypoints, np.float64)
    if hand not in _HANDS:
        raise RetargetError(f"There is no hand {hand!r}; use one of: {', '.join(_HANDS)}.")
    if keypoints.shape[-2:] != (21, 3):
        raise RetargetError(f"Keypoints have shape {keypoints.shape}; give (…,21,3) in MediaPipe order.")
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        forward = keypoints[..., _MIDDLE_KNUCKLE, :] - keypoints[..., _WRIST, :]
        length = np.linalg.norm(forward, axis=-1, keepdims=True)
        z = forward / length
        across = keypoints[..., _INDEX_KNUCKLE, :] - keypoints[..., _MIDDLE_KNUCKLE, :]
        across = across - np.sum(across * z, axis=-1, keepdims=True) * z
        width = np.linalg.norm(across, axis=-1, keepdims=True)
        y = across / width if hand == "right" else -across / width
        R = np.stack([np.cross(y, z), y, z], axis=-1)
        # Relative, so that it holds in any unit; below it the direction of y is rounding noise.
        sound = np.isfinite(length) & (width > 1e-6 * length)
    return np.where(sound[..., None], R, np.nan)


def to_hand_frame(keypoints: np.ndarray, hand: str) -> np.ndarray:
    """Keypoints (…,21,3), camera axes, metres → the hand frame: origin wrist, axes of `hand_frame`.

    Returns NaN where the frame is not defined; raises RetargetError as `hand_frame` does.
    """
    R = hand_frame(keypoints, hand)
    keypoints = np.asarray(keypoints, np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        return (keypoints - keypoints[..., :1, :]) @ R
