"""Windows of real detections as the network is given them: what backends are compared on."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.bench.detections import observe_video
from app.bench.own_clips import own_test_clips
from app.window import ObservationWindow
from models.backends import Network
from models.camera import Camera
from models.hand_model import HandModel
from models.observation import Observation
from models.posebert_input import WindowEncoder

logger = logging.getLogger(__name__)

FILMED = ("hand_counting", "hand_person_a", "hand_stereo_cam0")


@dataclass(frozen=True)
class RealWindows:
    """Network input of N windows.

    Attributes:
        features: (N,64,in_dim) float32.
        observed: (N,64) bool.
        start: (N,64+F,99) float32.
        about: where they are from.
    """

    features: np.ndarray
    observed: np.ndarray
    start: np.ndarray
    about: str

    def __len__(self) -> int:
        return len(self.features)

    def batch(self, first: int, windows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """So many windows on end, those after the last being the first again."""
        rows = np.arange(first, first + windows) % len(self)
        return self.features[rows], self.observed[rows], self.start[rows]


def real_windows(network: Network, data: Path, count: int) -> RealWindows:
    """Windows spread evenly over filmed hands, or over our rendered test clips where there are no films.

    Args:
        network: that they are for.
        data: directory of recordings with video/.
        count: how many; fewer if there are fewer.

    Raises:
        AppError: a video cannot be read.
    """
    films = [path for path in (data / "video" / f"{name}.mp4" for name in FILMED) if path.is_file()]
    clips: list[tuple[Camera, Iterable[Observation]]]
    if films:
        seen = [observe_video(path) for path in films]
        clips = [(Camera.assumed(observations[0].image_size_px), observations) for observations in seen]
        about = f"filmed hands ({', '.join(path.stem for path in films)})"
    else:
        logger.warning("no filmed hands in %s: rendered ones are taken", data / "video")
        clips = [(sequence.camera, sequence.observations) for sequence in own_test_clips(quick=True)]
        about = "rendered hands with real detections"
    encoded = []
    for camera, observations in clips:
        window = ObservationWindow("right", camera)
        encoder = WindowEncoder(HandModel.load(), network.layout, len(network.future))
        for observation in observations:
            window.add(observation)
            snapshot = window.snapshot()
            if snapshot.observed.any():
                encoded.append(encoder.encode(snapshot))
    rows = np.unique(np.linspace(0, len(encoded) - 1, count).round().astype(int))
    chosen = [encoded[row] for row in rows]
    return RealWindows(
        np.concatenate([given.features for given in chosen]),
        np.concatenate([given.observed for given in chosen]),
        np.concatenate([given.start for given in chosen]),
        f"{len(chosen)} windows of {about}",
    )
