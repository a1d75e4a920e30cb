"""What the real detector says of a video, kept in the user's cache: it takes a while and never changes."""

from __future__ import annotations

import hashlib
import logging
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from app import detector, hand_finder, hand_networks, hand_region, hand_tracks
from app.assets import cache_dir, resolve_hand_landmarker
from app.bench.sequence import observations_of
from app.detector import HandDetector
from app.errors import AppError
from app.files import write_atomically
from app.machine import package_versions
from app.sources.base import EndOfSource, Source
from app.sources.video import VideoSource
from models.observation import Observation

logger = logging.getLogger(__name__)


def observe(source: Source, label: str = "detecting") -> list[Observation]:
    """Every frame of `source` as the detector sees its right hand; closes the source."""
    observations = []
    with (
        closing(source),
        HandDetector(resolve_hand_landmarker(None)) as hands,
        tqdm(desc=label, unit="frame", disable=None, leave=False) as bar,
    ):
        while True:
            try:
                frame = source.read(1.0)
            except EndOfSource:
                break
            if frame is not None:
                observations.append(hands.detect(frame)["right"])
                bar.update()
    return observations


def observe_video(path: Path) -> tuple[Observation, ...]:
    """Every frame of a video file, from the cache if this detector has seen this file before.

    Raises:
        AppError: there is no such file, or it cannot be decoded.
    """
    if not path.is_file():
        raise AppError(f"there is no video {path}; give --data the directory of the recordings")
    kept = cache_dir() / "bench" / f"{path.stem}-{_key(path)}.npz"
    if not kept.is_file():
        seen = observe(VideoSource(path, realtime=False), path.stem)
        arrays: dict[str, Any] = {
            "t_capture_ns": np.array([o.t_capture_ns for o in seen]),
            "observed": np.array([o.detected for o in seen]),
            "keypoints_m": np.array([o.keypoints_m for o in seen]),
            "keypoints_px": np.array([o.keypoints_px for o in seen]),
            "depth_px": np.array([o.depth_px for o in seen]),
            "score": np.array([o.score for o in seen]),
        }
        with write_atomically(kept) as file:
            np.savez_compressed(file, size_px=np.array(seen[0].image_size_px), **arrays)
    with np.load(kept, allow_pickle=False) as data:
        width, height = (int(n) for n in data["size_px"])
        return observations_of(
            data["t_capture_ns"], data["observed"], data["keypoints_m"], data["keypoints_px"],
            data["depth_px"], data["score"], (width, height),
        )  # fmt: skip


def _key(path: Path) -> str:
    """Changes with the file and with anything the answer depends on."""
    about = path.stat()
    versions = package_versions()
    runtime = [versions.get(package) for package in ("ai-edge-litert", "opencv-contrib-python")]
    parts = [f"{about.st_size} {about.st_mtime_ns} {runtime}".encode()]
    modules = (detector, hand_finder, hand_networks, hand_region, hand_tracks)
    for source in (resolve_hand_landmarker(None), *(Path(str(module.__file__)) for module in modules)):
        parts.append(hashlib.sha256(source.read_bytes()).digest())
    return hashlib.sha256(b"".join(parts)).hexdigest()[:12]
