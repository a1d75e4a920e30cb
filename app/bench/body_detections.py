"""What the real body detector says of a video, kept in the user's cache: it takes a while, never changes."""

from __future__ import annotations

import hashlib
from contextlib import closing
from pathlib import Path

import mediapipe as mp
import numpy as np
from tqdm import tqdm

from app import body_detector
from app.assets import cache_dir, resolve_pose_landmarker
from app.body_detector import BodyDetector
from app.errors import AppError
from app.files import write_atomically
from app.sources.base import EndOfSource
from app.sources.video import VideoSource
from models.body_observation import BodyObservation


def observe_bodies(path: Path) -> tuple[BodyObservation, ...]:
    """Every frame of a video file, from the cache if this detector has seen this file before.

    Raises:
        AppError: there is no such file, or it cannot be decoded.
    """
    if not path.is_file():
        raise AppError(f"there is no video {path}; give --data the directory of the recordings")
    kept = cache_dir() / "bench" / f"{path.stem}-body-{_key(path)}.npz"
    if not kept.is_file():
        seen = _observe(path)
        size_px = seen[0].image_size_px if seen else (0, 0)
        with write_atomically(kept) as file:
            np.savez_compressed(
                file,
                size_px=np.array(size_px),
                t_capture_ns=np.array([o.t_capture_ns for o in seen], dtype=np.int64),
                detected=np.array([o.detected for o in seen], dtype=bool),
                keypoints_m=np.array([o.keypoints_m for o in seen]),
                keypoints_px=np.array([o.keypoints_px for o in seen]),
                score=np.array([o.score for o in seen]),
            )
    with np.load(kept, allow_pickle=False) as data:
        width, height = (int(n) for n in data["size_px"])
        arrays = [data[name] for name in ("t_capture_ns", "detected", "keypoints_m", "keypoints_px", "score")]
    return tuple(
        BodyObservation(int(t_ns), bool(seen), metres, pixels, score, (width, height))
        for t_ns, seen, metres, pixels, score in zip(*arrays, strict=True)
    )


def _observe(path: Path) -> list[BodyObservation]:
    observations: list[BodyObservation] = []
    with (
        closing(VideoSource(path, realtime=False)) as source,
        BodyDetector(resolve_pose_landmarker()) as bodies,
        tqdm(desc=path.stem, unit="frame", disable=None, leave=False) as bar,
    ):
        while True:
            try:
                frame = source.read(1.0)
            except EndOfSource:
                return observations
            if frame is not None:
                observations.append(bodies.detect(frame))
                bar.update()


def _key(path: Path) -> str:
    """Changes with the file and with anything the answer depends on."""
    about = path.stat()
    parts = [f"{about.st_size} {about.st_mtime_ns} {mp.__version__}".encode()]
    for source in (resolve_pose_landmarker(), Path(body_detector.__file__)):
        parts.append(hashlib.sha256(source.read_bytes()).digest())
    return hashlib.sha256(b"".join(parts)).hexdigest()[:12]
