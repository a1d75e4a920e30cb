"""Pictures taken away while the hand moves, and what of it arrives at the robot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from app.bench.latency.clips import Clip, darkened, read_images, write_images
from app.bench.latency.contestants import Contestant
from app.bench.latency.figures import Fingertips, Seen, look
from app.bench.latency.judge import BEGIN_S, gap_errors_mm
from app.bench.latency.play import Stage

GAP_FRAMES = 5
_APART_S = 2.0
_FIRST_S, _LAST_S = BEGIN_S + 1.0, 1.0  # from the beginning, from the end
_MOVING_M_S = 0.1
AFTERWARDS_S = 0.6


def choose_gaps(tips_m: np.ndarray, fps: float) -> np.ndarray:
    """First frames of gaps around the fastest motion, the fastest first come, two seconds apart; ascending.

    Args:
        tips_m: (F,4,3) wanted fingertips at every frame.
        fps: Hz.
    """
    speed = np.linalg.norm(np.gradient(tips_m, 1.0 / fps, axis=0), axis=-1).max(axis=-1)
    allowed = np.arange(len(speed)) / fps
    speed[(allowed < _FIRST_S) | (allowed > allowed[-1] - _LAST_S)] = 0.0
    chosen: list[int] = []
    for frame in np.argsort(-speed):
        if speed[frame] < _MOVING_M_S:
            break
        if all(abs(int(frame) - other) >= _APART_S * fps for other in chosen):
            chosen.append(int(frame))
    return np.array(sorted(chosen), int) - GAP_FRAMES // 2


def film_with_gaps(clip: Clip, gaps: np.ndarray, folder: Path) -> Path:
    """The clip with black pictures in the gaps."""
    dark = np.zeros(clip.frames, bool)
    for gap in gaps:
        dark[gap : gap + GAP_FRAMES] = True
    name = "with-gaps" if len(gaps) else "without-gaps"
    return write_images(
        folder / f"{name}.mp4", darkened(read_images(clip.video), dark), clip.fps, clip.frames
    )


def try_gaps(
    stage: Stage,
    contestant: Contestant,
    clip: Clip,
    undisturbed: Seen,
    gaps: np.ndarray,
    videos: tuple[Path, Path],
    fingertips: Fingertips,
) -> dict[str, Any]:
    """Play a clip with gaps, and once more without, to know what repeating alone changes.

    Args:
        stage: where it is played.
        contestant: by whom.
        clip: undisturbed.
        undisturbed: a run of it.
        gaps: (G,) their first frames.
        videos: the clip without gaps and with, both encoded anew.
        fingertips: of the robot.
    """
    again, disturbed = (
        look(one, stage.play(contestant, str(one.video), one.t_s[-1]), fingertips)
        for one in (clip.filmed_as(video) for video in videos)
    )
    return gap_figures(undisturbed, again, disturbed, gaps / clip.fps, clip.fps)


def gap_figures(
    undisturbed: Seen, again: Seen, disturbed: Seen, gaps_s: np.ndarray, fps: float
) -> dict[str, Any]:
    """Extra fingertip errors in and after the gaps, mm, against the mean of two undisturbed runs.

    Args:
        undisturbed, again: without gaps.
        disturbed: with.
        gaps_s: (G,) when they begin, clip time.
        fps: of the clip.
    """
    t_s, during_s = undisturbed.pair.t_s, GAP_FRAMES / fps + AFTERWARDS_S
    first, second, third = (one.pair.errors_mm for one in (undisturbed, again, disturbed))
    extra = gap_errors_mm(t_s, third, 0.5 * (first + second), gaps_s, during_s)
    repeated = gap_errors_mm(t_s, second, first, gaps_s, during_s)
    return {
        "gaps": len(gaps_s),
        "extra_mm": {"median": float(np.median(extra)), "worst": max(extra)},
        "repeated_mm": {"median": float(np.median(repeated)), "worst": max(repeated)},
        "each_mm": extra,
    }
