"""Stretches how far an operator's fingers are seen to move to how far they can move.

Detectors and learned models shrink toward the mean pose: a flat hand is seen bent by some 20° at the
knuckles, a fist by 15° less than it is. A robot that follows neither straightens nor closes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from calibration.errors import CalibrationError
from calibration.hand_shape import KNUCKLES, curls_rad, flexions_rad

FIST_FLEXION_RAD = math.radians(78.0)  # of the knuckles of a closed hand
_LEAST_TRAVEL_RAD = math.radians(15.0)


@dataclass(frozen=True)
class FingerRange:
    """How far one finger was seen to move, rad.

    Attributes:
        open_rad: flexion of the knuckle in the flat hand.
        fist_rad: and in the fist.
        pinch_curl_rad: angle between first and second bone while the finger pinched.
        fist_curl_rad: and in the fist.
    """

    open_rad: float
    fist_rad: float
    pinch_curl_rad: float
    fist_curl_rad: float

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (math.isfinite(value) and -math.pi <= value <= 1.5 * math.pi):
                raise CalibrationError(f"{field.name} is {value}; give radians from −π to 3π/2")
        if self.fist_rad - self.open_rad < _LEAST_TRAVEL_RAD:
            raise CalibrationError(
                f"fist_rad is {self.fist_rad:.2f} and open_rad {self.open_rad:.2f}; a finger that "
                f"closes bends by at least {_LEAST_TRAVEL_RAD:.2f} rad"
            )


def stretch_fingers(keypoints_m: np.ndarray, ranges: Sequence[FingerRange]) -> np.ndarray:
    """Keypoints with each finger turned about its knuckle, so that flat is flat and a fist is closed.

    What the flat hand was seen bent is taken away, less and less up to the fist. What the fist lacks is added
    as the finger curls further than in a pinch: a pinch's own geometry stays as it was seen.

    Args:
        keypoints_m: (…,21,3) metres, hand frame.
        ranges: of index, middle, ring and pinky.

    Returns:
        (…,21,3).
    """
    keypoints_m = np.asarray(keypoints_m, np.float64)
    open_rad = np.array([r.open_rad for r in ranges])
    fist_rad = np.array([r.fist_rad for r in ranges])
    pinch_curl = np.array([r.pinch_curl_rad for r in ranges])
    fist_curl = np.array([r.fist_curl_rad for r in ranges])
    flexion = flexions_rad(keypoints_m)
    left = np.clip((fist_rad - flexion) / (fist_rad - open_rad), 0.0, 1.0)
    beyond = np.maximum(fist_curl - pinch_curl, _LEAST_TRAVEL_RAD)
    closing = np.clip((curls_rad(keypoints_m) - pinch_curl) / beyond, 0.0, 1.0)
    closing = closing * closing * (3.0 - 2.0 * closing)
    missing = np.maximum(FIST_FLEXION_RAD - fist_rad, 0.0)
    return _bend(keypoints_m, closing * missing - left * open_rad)


def _bend(keypoints_m: np.ndarray, angle_rad: np.ndarray) -> np.ndarray:
    """Bend fingers (…,4) further into the palm at the knuckles: about −y of the hand frame for both hands."""
    bent = keypoints_m.copy()
    cosine, sine = np.cos(angle_rad)[..., None], np.sin(angle_rad)[..., None]
    joints = KNUCKLES[:, None] + np.arange(1, 4)  # (4,3)
    knuckles = keypoints_m[..., KNUCKLES, None, :]
    arm = keypoints_m[..., joints, :] - knuckles
    x, y, z = arm[..., 0], arm[..., 1], arm[..., 2]
    bent[..., joints, :] = knuckles + np.stack([cosine * x + sine * z, y, cosine * z - sine * x], -1)
    return bent
