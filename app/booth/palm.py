"""Whether a hand is held up to the camera as an open palm, and where and how large it is in the image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.keypoints import FINGERTIPS
from models.observation import NUM_KEYPOINTS, Hand, Observation
from retarget import hand_frame

HAND_M = 0.18  # wrist to middle fingertip of a grown-up; the detector gives all hands about this size

_KNUCKLES = (5, 9, 13, 17)  # index to pinky
_THUMB_TIP = 4
_ABSURD = 1e6  # metres or pixels: no hand is there, and the squares of such numbers overflow
_PALM = (0, 5, 9, 13, 17)  # keypoints that stay where they are while the fingers move

# What the detector said of open palms that two people held up on purpose: fingers 0.83 to 1.00 stretched out,
# thumb 1.6 to 2.3 away, facing 0.88 to 1.00, upright 0.87 to 1.00. One that counts or pinches reaches 0.3
# to 0.8; a thumb that does, or lies over the palm, is 0.4 to 1.5 away. The hands of somebody who walks, sits
# and stretches are open, too, but they hang, or are far away.
REACH = 0.8
THUMB_AWAY = 1.55
FACING = 0.7
UPRIGHT = 0.6


@dataclass(frozen=True)
class HandPlace:
    """Where a hand is in the image, the same whatever its fingers do.

    Attributes:
        hand: which of the person's hands.
        centre_px: (2,) float64, mean of wrist and knuckles.
        size_px: length that the hand would have stretched out square to the camera, a measure of how near
            it is.
        share: that length as a share of the image's shorter side.
    """

    hand: Hand
    centre_px: np.ndarray
    size_px: float
    share: float

    def away_from(self, other: HandPlace) -> float:
        """Distance between the two centres, in lengths of the smaller hand."""
        return float(np.linalg.norm(self.centre_px - other.centre_px)) / min(self.size_px, other.size_px)

    def size_ratio(self, other: HandPlace) -> float:
        """How many times as large the larger of the two is, at least 1."""
        return max(self.size_px, other.size_px) / min(self.size_px, other.size_px)


def place_of(observation: Observation) -> HandPlace | None:
    """Where the hand is; None where there is none, or nothing that can be a hand."""
    metres, pixels = observation.keypoints_m, observation.keypoints_px
    if not observation.detected or metres.shape != (NUM_KEYPOINTS, 3) or pixels.shape != (NUM_KEYPOINTS, 2):
        return None
    if not (np.isfinite(metres).all() and np.isfinite(pixels).all()):
        return None
    if max(np.abs(metres).max(), np.abs(pixels).max()) > _ABSURD:
        return None
    spread_m = float(np.linalg.norm(metres[:, :2] - metres[:, :2].mean(axis=0)))
    spread_px = float(np.linalg.norm(pixels - pixels.mean(axis=0)))
    shorter_px = min(observation.image_size_px)
    if not (spread_m > 1e-6 and spread_px > 1.0 and shorter_px > 0):
        return None
    size_px = HAND_M * spread_px / spread_m
    if not np.isfinite(size_px):
        return None
    centre_px = pixels[list(_PALM)].mean(axis=0)
    return HandPlace(observation.hand, centre_px, size_px, size_px / shorter_px)


@dataclass(frozen=True)
class PalmMeasures:
    """What tells an open palm from other hands.

    Attributes:
        reach: (4,) index to pinky, wrist to tip over the length of the bones between; 1 is stretched out.
        thumb_away: from the thumb's tip to the pinky's knuckle, in widths of the knuckles.
        facing: cosine between the way the palm looks and the way to the camera.
        upright: cosine between the fingers and the image's upward direction.
    """

    reach: np.ndarray
    thumb_away: float
    facing: float
    upright: float


def measure_palm(observation: Observation) -> PalmMeasures | None:
    """The measures of a hand; None where they are not defined."""
    if place_of(observation) is None:
        return None
    R = hand_frame(observation.keypoints_m, observation.hand)
    if not np.isfinite(R).all():
        return None
    points_m = observation.keypoints_m
    reach = np.empty(4)
    for finger, (knuckle, tip) in enumerate(zip(_KNUCKLES, FINGERTIPS[1:], strict=True)):
        chain = np.concatenate([points_m[:1], points_m[knuckle : tip + 1]])
        bones_m = float(np.linalg.norm(np.diff(chain, axis=0), axis=1).sum())
        reach[finger] = np.linalg.norm(chain[-1] - chain[0]) / max(bones_m, 1e-6)
    width_m = float(np.linalg.norm(points_m[_KNUCKLES[0]] - points_m[_KNUCKLES[-1]]))
    thumb_m = float(np.linalg.norm(points_m[_THUMB_TIP] - points_m[_KNUCKLES[-1]]))
    # Camera axes: z away from the camera, y down.
    return PalmMeasures(reach, thumb_m / max(width_m, 1e-6), facing=float(-R[2, 0]), upright=float(-R[1, 2]))


def is_open_palm(observation: Observation, near_share: float) -> bool:
    """Whether this is an open hand held up to the camera, not too far away.

    Args:
        observation: one hand in one frame.
        near_share: least length of the hand as a share of the image's shorter side.
    """
    place, measures = place_of(observation), measure_palm(observation)
    if place is None or measures is None or place.share < near_share:
        return False
    return bool(
        (measures.reach >= REACH).all()
        and measures.thumb_away >= THUMB_AWAY
        and measures.facing >= FACING
        and measures.upright >= UPRIGHT
    )
