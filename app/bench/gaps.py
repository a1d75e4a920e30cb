"""Detections taken away: at random, and in blocks."""

from __future__ import annotations

import numpy as np

GAP_FRAMES = 10
GAP_EVERY = 60
VISIBLE_JUMP_M = 0.01
"""A centimetre in one frame more than the hand itself moves is seen as a jump."""
_FIRST_GAP = 40


def dropped_at_random(detected: np.ndarray, share: float, seed: int, index: int) -> np.ndarray:
    """(N,) bool, which detections of a sequence to lose.

    A larger share loses what a smaller one loses and more. The first detection stays, so that the frames
    to be estimated are the same for every share.

    Args:
        detected: (N,) bool.
        share: of the detections, 0–1.
        seed: of all masks.
        index: of the sequence.
    """
    frames = np.flatnonzero(detected)[1:]
    order = np.random.default_rng([seed, index]).permutation(frames)
    lost = np.zeros(len(detected), dtype=bool)
    lost[order[: round(share * len(frames))]] = True
    return lost


def gap_starts(detected: np.ndarray) -> list[int]:
    """First frames of the gaps to cut: ten frames every sixty, where all of them were detected.

    The frames just before and after are detected too, so that the gap is as long as it says.
    """
    return [
        start
        for start in range(_FIRST_GAP, len(detected) - GAP_FRAMES, GAP_EVERY)
        if detected[start - 1 : start + GAP_FRAMES + 1].all()
    ]


def cut(frames: int, starts: list[int]) -> np.ndarray:
    """(frames,) bool, True inside the gaps."""
    inside = np.zeros(frames, dtype=bool)
    for start in starts:
        inside[start : start + GAP_FRAMES] = True
    return inside


def jump_m(hands_m: np.ndarray, start: int) -> float:
    """The largest step of a hand (N,21,3) from one frame to the next, as the gap from `start` on ends.

    Mean over the keypoints, metres; looked for in the frame of re-detection and the three after it.
    """
    end = start + GAP_FRAMES
    steps = np.linalg.norm(np.diff(hands_m[end - 1 : end + 4], axis=0), axis=-1).mean(axis=1)
    return float(np.nanmax(steps)) if np.isfinite(steps).any() else float("nan")


def travelled_m(hands_m: np.ndarray, start: int) -> float:
    """How far a hand (N,21,3) went inside the gap from `start` on, frame by frame, mean over keypoints."""
    inside = hands_m[start - 1 : start + GAP_FRAMES]
    return float(np.linalg.norm(np.diff(inside, axis=0), axis=-1).mean(axis=1).sum())
