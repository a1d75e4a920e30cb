"""Recordings beside the repository: rendered manipulation with exact truth, and a hand filmed twice."""

from __future__ import annotations

import logging
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from app.bench.detections import observe_video
from app.bench.sequence import RENDERED_GROUP, STEREO_GROUP, Sequence
from app.bench.stereo import read_projections, triangulated_hand
from app.errors import AppError
from models.camera import Camera

logger = logging.getLogger(__name__)

FROM_OPENGL = np.array([1.0, -1.0, -1.0])  # y up, z toward the camera → y down, z forward


def rendered_clips(data: Path) -> list[Sequence]:
    """data/rendered: real manipulation (ARCTIC) on a hand that no training of ours has seen.

    Raises:
        AppError: a clip or its video cannot be read.
    """
    sequences = []
    for path in sorted((data / "rendered").glob("*.npz")):
        try:
            with np.load(path, allow_pickle=False) as file:
                keypoints_m = file["kp"].astype(np.float64) * FROM_OPENGL
                focal_px, centre_px = float(file["f"]), (float(file["cx"]), float(file["cy"]))
        except (OSError, EOFError, KeyError, ValueError, BadZipFile) as error:
            raise AppError(f"{path} is no rendered clip ({error}); fetch it again or remove it") from error
        observations = observe_video(path.with_suffix(".mp4"))
        camera = Camera(focal_px, centre_px, observations[0].image_size_px)
        truth_m = keypoints_m - keypoints_m[:, :1]
        frames = min(len(observations), len(truth_m))
        sequences.append(Sequence(path.stem, RENDERED_GROUP, camera, observations[:frames], truth_m[:frames]))
    if not sequences:
        logger.warning("no rendered clips in %s: that group is left out", data / "rendered")
    return sequences


def stereo_pair(data: Path) -> list[Sequence]:
    """data/video/hand_stereo_cam*.mp4, either against what both triangulate: only PA-MPJPE counts."""
    videos = [data / "video" / f"hand_stereo_cam{camera}.mp4" for camera in (0, 1)]
    if not all(video.is_file() for video in videos):
        logger.warning("no stereo videos in %s: that group is left out", data / "video")
        return []
    left, right = (observe_video(video) for video in videos)
    projections = read_projections(data / "video" / "stereo_calibration")
    points_m = triangulated_hand(projections, list(left), list(right))
    truth_m = points_m - points_m[:, :1]
    return [
        Sequence(video.stem, STEREO_GROUP, Camera.assumed(seen[0].image_size_px), seen, truth_m, metric=False)
        for video, seen in zip(videos, (left, right), strict=True)
    ]
