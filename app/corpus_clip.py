"""One clip of training pairs: motion is made, rendered and shown to the real detector, all in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from app.corpus_props import Props
from app.corpus_scene import Defects, random_look, random_room
from app.detector import HandDetector
from app.files import write_atomically
from app.frame import Frame
from app.synthetic.renderer import ArmRenderer
from models.hand_model import HandModel, shape_names
from models.motion.bank import PoseBank
from models.motion.generator import FPS, MotionGenerator, random_camera
from models.npz import open_npz, require_rows
from models.observation import Observation

TEST_SHAPES = ("adult_small_slim", "adult_large_thick")
"""Hands that only test clips show."""

HELD_OUT_SHARE, SPLIT_SEED = 0.15, 0  # of the bank's clips, played only in val and test
_SCALES = (0.93, 1.08)
_STILL_FRAMES = 24  # of the motion that a still is taken from
_SHOWN_AT_MOST = 4
_SETTLED = 0.01  # of the hand's size, from one showing to the next: less than the detector trembles by
_APART_NS = 2_000_000_000  # well over the time for which a hand's side is remembered
_OF_STILLS = 1  # their dice are not those of the clips of the same numbers
_CYCLE, _VAL_AT, _TEST_AT = 20, 7, 17  # one clip in twenty each
_ROWS = {
    "rotations": (16, 3, 3), "keypoints_m": (21, 3), "wrist_m": (3,), "observed": (), "observed_m": (21, 3),
    "observed_px": (21, 2), "observed_depth_px": (21,), "score": (),
}  # fmt: skip
_INSTEAD = "remove it; python -m app.corpus makes it again"


@dataclass(frozen=True)
class PairClip:
    """What the detector said, and the truth, frame by frame; camera axes x right, y down, z forward.

    Attributes:
        fps: frame rate, Hz; 0 if frames do not follow each other.
        shape, scale: the hand model and its size.
        rotations: (N,16,3,3) truth, MANO order.
        keypoints_m: (N,21,3) truth, relative to the wrist.
        wrist_m: (N,3) truth, camera frame.
        observed: (N,) bool.
        observed_m: (N,21,3) relative to the wrist, NaN where not observed.
        observed_px: (N,21,2) pixels, NaN where not observed.
        observed_depth_px: (N,21) second opinion on depth, see Observation; NaN where not observed.
        score: (N,) 0 where not observed.
        focal_px, centre_px, size_px: the camera; centre (2,), size (2,) width and height.
    """

    fps: float
    shape: str
    scale: float
    rotations: np.ndarray
    keypoints_m: np.ndarray
    wrist_m: np.ndarray
    observed: np.ndarray
    observed_m: np.ndarray
    observed_px: np.ndarray
    observed_depth_px: np.ndarray
    score: np.ndarray
    focal_px: float
    centre_px: np.ndarray
    size_px: np.ndarray

    def save(self, path: Path) -> None:
        """Write an npz, whole or not at all; numbers as float32."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, value in values.items():
            if isinstance(value, np.ndarray) and value.dtype == np.float64:
                values[name] = value.astype(np.float32)
        with write_atomically(path) as file:
            np.savez_compressed(file, **values)

    @staticmethod
    def load(path: Path) -> PairClip:
        """Read what `save` wrote.

        Raises:
            ModelError: the file is damaged or something else.
        """
        with open_npz(path, "clip of a corpus", _INSTEAD) as file:
            values: dict[str, Any] = {field.name: file[field.name] for field in fields(PairClip)}
            numbers = {name: float(values[name]) for name in ("fps", "scale", "focal_px")}
        require_rows(path, values, _ROWS, _INSTEAD)
        return PairClip(**{**values, **numbers, "shape": str(values["shape"])})


def split_of(index: int) -> str:
    """Whether a clip is for "train", "val" or "test"."""
    return {_VAL_AT: "val", _TEST_AT: "test"}.get(index % _CYCLE, "train")


def clip_path(folder: Path, index: int) -> Path:
    """Where a clip is kept."""
    return folder / split_of(index) / f"clip_{index:06d}.npz"


class ClipMaker:
    """Makes clips; keeps what they share.

    Args:
        asset_path: the detector's model file.
        bank: real poses and motion, if any; part of it is kept for val and test.
        seed: of the corpus.
    """

    def __init__(self, asset_path: Path, bank: PoseBank | None, seed: int) -> None:
        self._asset_path = asset_path
        self._banks = (None, None) if bank is None else bank.split(HELD_OUT_SHARE, SPLIT_SEED)
        self._seed = seed
        self._generators: dict[tuple[str, bool], MotionGenerator] = {}
        self._detector: HandDetector | None = None
        self._t_shown_ns = 0

    def make(self, index: int, frames: int) -> PairClip:
        """The clip of a number: the same number, seed and length give the same pictures."""
        scene = _Scene(self, index, frames)
        with HandDetector(self._asset_path, threads=1) as detector:  # other workers have the other cores
            seen = [
                detector.detect(Frame(i, round(i * 1e9 / FPS), image))["right"]
                for i, image in enumerate(scene.images())
            ]
        return scene.paired(seen)

    def make_stills(self, index: int, count: int) -> PairClip:
        """Frames that have nothing to do with each other: one room, arm and camera, `count` poses and places.

        A tenth of a clip's frames teach single poses nearly as much as all of them do; here none is wasted.
        What is kept of each is what the detector says once it has found the hand and follows it. A hand that
        it takes for a left one counts as not seen: there is no past to know better from. Their rate is 0.
        """
        scene = _Scene(self, index, count, stills=True)
        if self._detector is None:  # loading it takes longer than a scene
            self._detector = HandDetector(self._asset_path, threads=1)
        return scene.paired([self._settled(self._detector, image) for image in scene.images()])

    def _settled(self, detector: HandDetector, image: np.ndarray) -> Observation:
        """What the detector says of an image that it is shown until it says the same again, or four times."""
        self._shown(detector, np.zeros_like(image))  # nothing is left of the last hand's place
        self._t_shown_ns += _APART_NS  # nor of its side
        before, seen = self._shown(detector, image), self._shown(detector, image)
        for _ in range(_SHOWN_AT_MOST - 2):
            moved_px = np.linalg.norm(seen.keypoints_px - before.keypoints_px, axis=-1).mean()
            size_px = float(np.ptp(seen.keypoints_px, axis=0).max())
            if not seen.detected or moved_px < _SETTLED * size_px:
                break
            before, seen = seen, self._shown(detector, image)
        return seen

    def _shown(self, detector: HandDetector, image: np.ndarray) -> Observation:
        self._t_shown_ns += round(1e9 / FPS)
        return detector.detect(Frame(0, self._t_shown_ns, image))["right"]

    def images(self, index: int, frames: int) -> Iterator[np.ndarray]:
        """The pictures (height,width,3) BGR of a clip, to look at."""
        return _Scene(self, index, frames).images()

    def dice(self, index: int, stills: bool = False) -> np.random.Generator:
        """The clip's own, or its stills'."""
        return np.random.default_rng([self._seed, index, _OF_STILLS] if stills else [self._seed, index])

    def generator(self, shape: str, held_out: bool) -> MotionGenerator:
        """The motion of a hand shape, from the bank's larger or held-out part."""
        key = (shape, held_out)
        if key not in self._generators:
            self._generators[key] = MotionGenerator(HandModel.load(shape), self._banks[held_out])
        return self._generators[key]


class _Scene:
    """Everything about one clip but what the detector says."""

    def __init__(self, maker: ClipMaker, index: int, frames: int, stills: bool = False) -> None:
        rng = maker.dice(index, stills)
        split = split_of(index)
        names = [name for name in shape_names() if (name in TEST_SHAPES) == (split == "test")]
        self.shape = str(rng.choice(names))
        self.scale = float(rng.uniform(*_SCALES))
        self.camera = random_camera(rng)
        generator = maker.generator(self.shape, split != "train")
        clips, length = (frames, _STILL_FRAMES) if stills else (1, frames)
        motion = generator.batch(rng, clips, length, clips * (self.camera,), self.scale)
        # Of stills one frame of each motion, of a clip all of one.
        at = rng.integers(length, size=clips) if stills else np.arange(length)
        self._fps = 0.0 if stills else FPS
        row = np.arange(clips) if stills else np.zeros(length, dtype=int)
        self.rotations, self.keypoints_m = motion.rotations[row, at], motion.keypoints_m[row, at]
        self.wrist_m, self._forearm = motion.wrist_m[row, at], motion.forearm[row, at]
        middle_px = self.camera.project((motion.keypoints_m + motion.wrist_m[:, :, None]).mean(axis=2))
        self._motion_px = np.gradient(middle_px, axis=1)[row, at]
        self._model = generator.model.scaled(self.scale)
        self._look = random_look(rng, self.shape, self.camera)
        self._room = random_room(rng, self._look)
        self._props = Props(rng, self._model, self.camera)
        self._defects = Defects.random(rng)
        self._noise = rng

    def images(self) -> Iterator[np.ndarray]:
        """The pictures, one by one."""
        with ArmRenderer(self._look, self._model, self._room) as renderer:
            for i, (rotations, wrist_m) in enumerate(zip(self.rotations, self.wrist_m, strict=True)):
                props = self._props.at(i / FPS, rotations[0], wrist_m)
                image = renderer.render(i, rotations, wrist_m, self._forearm[i], props)
                yield self._defects.apply(image, self._motion_px[i], self._noise)

    def paired(self, seen: list[Observation]) -> PairClip:
        """The truth, and what the detector said of each picture."""
        camera = self.camera
        return PairClip(
            self._fps, self.shape, self.scale, self.rotations, self.keypoints_m, self.wrist_m,
            np.array([one.detected for one in seen]),
            np.array([one.keypoints_m for one in seen]),
            np.array([one.keypoints_px for one in seen]),
            np.array([one.depth_px for one in seen]),
            np.array([one.score for one in seen]),
            camera.focal_px, np.array(camera.centre_px), np.array(camera.size_px),
        )  # fmt: skip
