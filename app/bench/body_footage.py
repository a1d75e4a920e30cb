"""Filmed people: one before one camera, whose motion is only judged for itself, and one before four."""

from __future__ import annotations

import importlib.util
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.bench.body_detections import observe_bodies
from app.bench.body_sequence import (
    FOOTAGE_GROUP,
    VIEWS_GROUP,
    BodySequence,
    sequence_of_observations,
)
from app.bench.body_views import read_qualisys, triangulate_body
from app.errors import AppError
from models.camera import Camera
from models.window import SLOT_RATE_HZ

logger = logging.getLogger(__name__)

CLIP = "body_sit_walk"
_VIEWS_PACKAGE, _VIEWS_CLIP = "Pose2Sim", "Demo_SinglePerson"
WHERE_VIEWS_ARE = (
    "unpack the wheel of pose2sim 0.10.49 (pip download --no-deps pose2sim==0.10.49) and give --views its "
    f"folder {_VIEWS_PACKAGE}/{_VIEWS_CLIP}"
)


@dataclass(frozen=True)
class FilmedViews:
    """One person filmed by several cameras.

    Attributes:
        sequences: one for each camera, thirty frames a second; the truth is what all of them triangulate.
        about: how many frames there are, how far views are from agreeing, how many have their sides swapped.
    """

    sequences: list[BodySequence]
    about: dict[str, Any]


def filmed_clip(data: Path) -> BodySequence | None:
    """data/video/body_sit_walk.mp4 through the real detector; None if it is not there."""
    path = data / "video" / f"{CLIP}.mp4"
    if not path.is_file():
        logger.warning("no %s in %s: that clip is left out", path.name, path.parent)
        return None
    seen = observe_bodies(path)
    return sequence_of_observations(CLIP, FOOTAGE_GROUP, Camera.assumed(seen[0].image_size_px), seen)


def frames_a_second(sequence: BodySequence) -> float:
    """Of its frames, in the median."""
    return 1e9 / float(np.median(np.diff(sequence.t_ns)))


def default_views() -> Path | None:
    """The four-view clip of an installed pose2sim; None if it is not installed."""
    found = importlib.util.find_spec(_VIEWS_PACKAGE)
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent / _VIEWS_CLIP
    return folder if folder.is_dir() else None


def filmed_views(folder: Path) -> FilmedViews:
    """A folder as pose2sim ships them: calibration/*.qca.txt and videos/*.mp4, one a camera, in its order.

    Raises:
        AppError: the folder has no such files, or they do not belong together.
    """
    calibrations = sorted((folder / "calibration").glob("*.qca.txt"))
    videos = sorted((folder / "videos").glob("*.mp4"))
    if not calibrations or not videos:
        raise AppError(f"{folder} has no calibration/*.qca.txt or no videos/*.mp4: {WHERE_VIEWS_ARE}")
    views = read_qualisys(calibrations[0])
    if len(views) != len(videos):
        raise AppError(
            f"{folder} has {len(videos)} videos and {len(views)} calibrated cameras; give a folder with one "
            "video for each camera"
        )
    seen = [observe_bodies(video) for video in videos]
    frames = min(len(observations) for observations in seen)
    pixels = np.array([[o.keypoints_px for o in observations[:frames]] for observations in seen])
    visibility = np.array([[o.score for o in observations[:frames]] for observations in seen])
    body = triangulate_body(views, pixels, visibility)
    # Thirty a second, as filters and windows count; the detector has seen every frame.
    fps = 1e9 / float(np.median(np.diff([o.t_capture_ns for o in seen[0]])))
    every = max(round(fps / SLOT_RATE_HZ), 1)
    sequences = []
    for view, video, observations in zip(views, videos, seen, strict=True):
        truth_m = view.seen_from(body.keypoints_m)
        truth_m = (truth_m - truth_m[:, :1])[::every]
        camera = Camera(
            float(view.focal_px.mean()),
            (float(view.centre_px[0]), float(view.centre_px[1])),
            observations[0].image_size_px,
        )
        sequences.append(
            sequence_of_observations(
                video.stem, VIEWS_GROUP, camera, observations[:frames:every], truth_m, metric=False
            )
        )
    about = {
        "frames": frames,
        "fps": fps,
        "residual_px": float(np.mean(body.residual_px[np.isfinite(body.residual_px)])),
        "swapped": {video.stem: int(n) for video, n in zip(videos, body.swapped.sum(axis=1), strict=True)},
    }
    return FilmedViews(sequences, about)
