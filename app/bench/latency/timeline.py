"""Which frame of a clip each row of a run's trace is, and when the clip began on the machine's clock."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.errors import AppError

_MOST_LOST_S = 5.0  # at the start, while the networks wake up
_FAR_PX = 100.0  # a detection further from the truth than this is a mistake, however far
_LEAST_SEEN = 10  # rows with a detection, to tell where a run begins


@dataclass(frozen=True)
class Timeline:
    """A run laid over its clip.

    Attributes:
        frames: (N,) which frame of the clip each row is.
        begin_s: when frame 0 was captured, or would have been; monotonic clock.
        total: frames of the clip.
        fps: of the clip, Hz.
    """

    frames: np.ndarray
    begin_s: float
    total: int
    fps: float

    def lost(self, begin_s: float) -> tuple[int, int]:
        """How many frames have no row: before, and from `begin_s` of the clip on."""
        lost_s = np.setdiff1d(np.arange(self.total), self.frames) / self.fps
        return int((lost_s < begin_s).sum()), int((lost_s >= begin_s).sum())


def lay_over(t_capture_s: np.ndarray, pixels: np.ndarray, true_pixels: np.ndarray, fps: float) -> Timeline:
    """Find the frames of a run.

    Capture times tell how many frames apart two rows are; how many frames were lost before the first is told
    by the pictures: the detections lie on the true keypoints only where the two are laid over each other.

    Args:
        t_capture_s: (N,) capture times, monotonic clock.
        pixels: (N,21,2) detections, NaN where there were none.
        true_pixels: (F,21,2) of the clip.
        fps: of the clip, Hz.

    Raises:
        AppError: the run saw too little of the clip.
    """
    total = len(true_pixels)
    if len(t_capture_s) == 0:
        raise AppError("the pipeline processed no frame of the clip; run it alone: python launch.py teleop")
    steps = np.round((t_capture_s - t_capture_s[0]) * fps).astype(int)
    seen = np.isfinite(pixels).all(axis=(1, 2))
    if seen.sum() < _LEAST_SEEN:
        raise AppError(
            f"the hand was detected in {int(seen.sum())} frames of the clip, too few to tell them apart; "
            "does launch.py doctor find the detector's model?"
        )
    most = max(0, min(round(_MOST_LOST_S * fps), total - 1 - int(steps[-1])))
    offset = min(range(most + 1), key=lambda k: _distance_px(pixels[seen], true_pixels, steps[seen] + k))
    frames = np.minimum(steps + offset, total - 1)
    return Timeline(frames, float(np.median(t_capture_s - frames / fps)), total, fps)


def _distance_px(pixels: np.ndarray, true_pixels: np.ndarray, frames: np.ndarray) -> float:
    truth = true_pixels[np.minimum(frames, len(true_pixels) - 1)]
    apart_px = np.linalg.norm(pixels - truth, axis=-1).mean(axis=-1)
    return float(np.minimum(apart_px, _FAR_PX).mean())
