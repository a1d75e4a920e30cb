"""Minutes on end: whether every frame is still taken up, and how old poses are when they leave."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.bench.latency.clips import Clip, in_a_loop, write_images
from app.bench.latency.contestants import Contestant
from app.bench.latency.figures import frames, running
from app.bench.latency.play import Stage
from app.bench.latency.timeline import lay_over

SECONDS = 300.0


def run_sustained(
    stage: Stage, contestant: Contestant, clips: Sequence[Clip], folder: Path, seconds: float = SECONDS
) -> dict[str, Any]:
    """Play the clips in a loop.

    Args:
        stage: where they are played.
        contestant: by whom.
        clips: all of one frame rate.
        folder: for the video.
        seconds: how long.
    """
    fps = clips[0].fps
    total = round(seconds * fps)
    images = in_a_loop([clip.video for clip in clips], total)
    video = write_images(folder / "sustained.mp4", images, fps, total)
    played = stage.play(contestant, str(video), seconds)
    pixels = np.concatenate([clip.pixels for clip in clips])
    pixels = np.resize(pixels, (total, *pixels.shape[1:]))  # repeats itself
    timeline = lay_over(played.rows["t_capture_s"], played.rows["keypoints_image_px"], pixels, fps)
    return {
        "name": contestant.name,
        "seconds": seconds,
        "frames": frames([timeline], [played]),
        **running([played]),
    }
