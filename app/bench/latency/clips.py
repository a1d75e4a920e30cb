"""The clips that are played: rendered hands of known motion, and videos made of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from app.errors import AppError
from app.file_names import as_text
from app.opencv import cv2
from app.synthetic.clip import SyntheticTruth, clip_of_seed
from retarget import load, to_hand_frame

ROBOT = "allegro_right"
SCRIPT = "latency"
SEEDS, QUICK_SEEDS = (0, 1), (0,)
QUICK_FRAMES = 360


@dataclass(frozen=True)
class Clip:
    """A video of a hand whose motion is known.

    Attributes:
        name: for reports.
        video: the file.
        fps: Hz.
        keypoints_m: (F,21,3) true keypoints, hand frame.
        pixels: (F,21,2) where they are in the picture.
        wanted_rad: (F,n) what our retargeting makes of them, each frame at once.
    """

    name: str
    video: Path
    fps: float
    keypoints_m: np.ndarray
    pixels: np.ndarray
    wanted_rad: np.ndarray

    @property
    def frames(self) -> int:
        """How many it has."""
        return len(self.pixels)

    @property
    def t_s(self) -> np.ndarray:
        """(F,) capture times from the first frame on."""
        times: np.ndarray = np.arange(self.frames) / self.fps
        return times

    def filmed_as(self, video: Path) -> Clip:
        """The same hand in another video of it."""
        return replace(self, video=video)


def gather_clips(quick: bool) -> list[Clip]:
    """Rendered now where they are not cached.

    Raises:
        AppError: rendering fails.
    """
    seeds, frames = (QUICK_SEEDS, QUICK_FRAMES) if quick else (SEEDS, None)
    clips = []
    for seed in seeds:
        rendered = clip_of_seed(seed, frames, script=SCRIPT)
        clips.append(known_clip(f"seed {seed}", rendered.video, rendered.truth))
    return clips


def known_clip(name: str, video: Path, truth: SyntheticTruth) -> Clip:
    """A clip of a rendered hand, with the robot motion it asks for."""
    keypoints_m = to_hand_frame(truth.keypoints_m - truth.keypoints_m[:, :1], "right")
    retargeter = load(ROBOT)
    wanted_rad = np.array(
        [retargeter.solve(hand, round(i * 1e9 / truth.fps)) for i, hand in enumerate(keypoints_m)]
    )
    return Clip(name, video, truth.fps, keypoints_m, truth.keypoints_px, wanted_rad)


def read_images(video: Path) -> Iterator[np.ndarray]:
    """Every picture (height,width,3) of a video.

    Raises:
        AppError: it cannot be read.
    """
    capture = cv2.VideoCapture(as_text(video))
    try:
        if not capture.isOpened():
            raise AppError(f"cannot read the video {video}; delete it, and it is rendered again")
        while True:
            good, image = capture.read()
            if not good:
                return
            yield image
    finally:
        capture.release()


def write_images(path: Path, images: Iterable[np.ndarray], fps: float, total: int) -> Path:
    """A video of `images`, as the clips are encoded; returns its path.

    Raises:
        AppError: it cannot be written.
    """
    writer = None
    try:
        for image in tqdm(images, path.stem, total, unit="frame", disable=None, leave=False):
            if writer is None:
                size_px = (image.shape[1], image.shape[0])
                writer = cv2.VideoWriter(as_text(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, size_px)
                if not writer.isOpened():
                    raise AppError(f"cannot write the video {path}; is the disk full?")
            writer.write(image)
    finally:
        if writer is not None:
            writer.release()
    return path


def darkened(images: Iterable[np.ndarray], dark: np.ndarray) -> Iterator[np.ndarray]:
    """The pictures, black where `dark` (F,) says so."""
    for image, is_dark in zip(images, dark, strict=False):
        yield np.zeros_like(image) if is_dark else image


def in_a_loop(videos: Sequence[Path], frames: int) -> Iterator[np.ndarray]:
    """The pictures of several videos one after the other, from the beginning again, so many in all."""
    left = frames
    while left > 0:
        for video in videos:
            for image in read_images(video):
                if left == 0:
                    return
                left -= 1
                yield image
