"""Follows hands from frame to frame so that single wrong left/right labels do not matter.

The detector judges left and right afresh in every frame and is wrong now and then, in runs of up to half a
second. Here each hand is followed by its place in the image, and its label is a vote: the sum of all its
labels so far, weighted by their certainty and fading with a half-life. So another hand that comes into the
place of one that has just gone takes its label for a good half second, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from models.observation import Hand

NS_PER_S = 1e9
VOTE_HALF_LIFE_S = 1.0  # wrong labels in real clips come in runs of up to 0.5 s
MAX_GAP_S = 0.5  # a hand unseen for longer is a new hand when it comes back
GATE_HAND_SIZES = 0.5  # how far a hand may move between two frames, in hand sizes (its box's longer side) ...
GATE_HAND_SIZES_PER_S = 12.0  # ... and per second between them: about 2 m/s
MAX_GATE_HAND_SIZES = 1.5
SAME_HAND_SIZES = 0.25  # two detections nearer than this are one hand found twice


@dataclass(frozen=True)
class Detection:
    """One hand as the detector found it in one frame.

    Attributes:
        label: which of the person's hands this frame's label says it is.
        score: probability of that label, 0.5–1.
        keypoints_m: (21,3) float64, metres, relative to the wrist, camera axes.
        keypoints_px: (21,2) float64, image pixels.
        depth_px: (21,) float64, depth relative to the wrist on the scale of the pixels.
    """

    label: Hand
    score: float
    keypoints_m: np.ndarray
    keypoints_px: np.ndarray
    depth_px: np.ndarray

    @property
    def centre_px(self) -> np.ndarray:
        """(2,) mean of the keypoints, pixels."""
        return self.keypoints_px.mean(axis=0)

    @property
    def size_px(self) -> float:
        """Longer side of the keypoints' box, pixels, at least 1."""
        return max(1.0, float(np.ptp(self.keypoints_px, axis=0).max()))

    @property
    def right_evidence(self) -> float:
        """How much this frame speaks for a right hand, −1 (surely left) to 1 (surely right)."""
        certainty = 2.0 * self.score - 1.0
        return certainty if self.label == "right" else -certainty


@dataclass(frozen=True)
class Track:
    """One hand followed over time.

    Attributes:
        number: counts tracks from 0, so an older track has a smaller one.
        t_first_ns, t_last_ns: capture times of its first and newest detection.
        vote: fading sum of evidence, positive for a right hand.
        detection: its newest detection.
    """

    number: int
    t_first_ns: int
    t_last_ns: int
    vote: float
    detection: Detection

    @property
    def hand(self) -> Hand:
        """Which hand it is, by the vote."""
        return "right" if self.vote >= 0.0 else "left"

    @property
    def age_s(self) -> float:
        """Time between its first and newest detection, s."""
        return (self.t_last_ns - self.t_first_ns) / NS_PER_S

    @property
    def score(self) -> float:
        """Confidence of this frame's label in `hand`, 0–1."""
        detection = self.detection
        return detection.score if detection.label == self.hand else 1.0 - detection.score


class HandTracks:
    """The hands in view."""

    def __init__(self) -> None:
        self._tracks: list[Track] = []
        self._count = 0

    def update(self, t_capture_ns: int, detections: list[Detection]) -> list[Track]:
        """Take in one frame; the tracks seen in it, oldest first.

        Args:
            t_capture_ns: the frame's time, ns; times that repeat or go backwards count as no time passed.
            detections: the hands found in it, any order.
        """
        alive = [track for track in self._tracks if _gap_s(track, t_capture_ns) <= MAX_GAP_S]
        detections = _without_duplicates(detections)
        distances = sorted(
            (
                float(np.linalg.norm(detection.centre_px - track.detection.centre_px))
                / track.detection.size_px,
                track.number,
                i,
            )
            for track in alive
            for i, detection in enumerate(detections)
        )
        by_number = {track.number: track for track in alive}
        free = set(range(len(detections)))
        seen = []
        for distance, number, i in distances:
            if number not in by_number or i not in free:
                continue
            gap_s = _gap_s(by_number[number], t_capture_ns)
            if distance > min(GATE_HAND_SIZES + GATE_HAND_SIZES_PER_S * gap_s, MAX_GATE_HAND_SIZES):
                continue
            free.remove(i)
            seen.append(_continued(by_number.pop(number), t_capture_ns, gap_s, detections[i]))
        for i in sorted(free):
            detection = detections[i]
            seen.append(Track(self._count, t_capture_ns, t_capture_ns, detection.right_evidence, detection))
            self._count += 1
        self._tracks = seen + list(by_number.values())
        return sorted(seen, key=lambda track: track.number)


def _gap_s(track: Track, t_ns: int) -> float:
    return max(0.0, (t_ns - track.t_last_ns) / NS_PER_S)


def _continued(track: Track, t_ns: int, gap_s: float, detection: Detection) -> Track:
    vote = track.vote * 0.5 ** (gap_s / VOTE_HALF_LIFE_S) + detection.right_evidence
    return Track(track.number, min(track.t_first_ns, t_ns), t_ns, vote, detection)


def is_among(detection: Detection, others: Iterable[Detection]) -> bool:
    """Whether one of `others`, in the same frame, is the same hand found twice."""
    return any(
        np.linalg.norm(detection.keypoints_px - other.keypoints_px, axis=1).mean()
        <= SAME_HAND_SIZES * other.size_px
        for other in others
    )


def _without_duplicates(detections: list[Detection]) -> list[Detection]:
    kept: list[Detection] = []
    for detection in sorted(detections, key=lambda d: -d.score):
        if not is_among(detection, kept):
            kept.append(detection)
    return kept
