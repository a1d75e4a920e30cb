"""One clip of training pairs: motion is made, rendered and shown to the real detector, all in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

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

TEST_SHAPES = ("adult_small_slim", "adult_large_thick")
"""Hands that only test clips show."""

HELD_OUT_SHARE, SPLIT_SEED = 0.15, 0  # of the bank's clips, played only in val and test
_SCALES = (0.93, 1.08)
_CYCLE, _VAL_AT, _TEST_AT = 20, 7, 17  # one clip in twenty each


@dataclass(frozen=True)
class PairClip:
    """What the detector said, and the truth, frame by frame; camera axes x right, y down, z forward.

    Attributes:
        fps: frame rate, Hz.
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
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            values = {field.name: file[field.name] for field in fields(PairClip)}
        numbers = {name: float(values[name]) for name in ("fps", "scale", "focal_px")}
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

    def make(self, index: int, frames: int) -> PairClip:
        """The clip of a number: the same number, seed and length give the same pictures."""
        scene = _Scene(self, index, frames)
        observed = np.zeros(frames, dtype=bool)
        observed_m = np.full((frames, 21, 3), np.nan)
        observed_px = np.full((frames, 21, 2), np.nan)
        observed_depth_px = np.full((frames, 21), np.nan)
        score = np.zeros(frames)
        with HandDetector(self._asset_path) as detector:
            for i, image in enumerate(scene.images()):
                frame = Frame(index=i, t_capture_ns=round(i * 1e9 / FPS), image=image)
                seen = detector.detect(frame)["right"]
                observed[i], score[i] = seen.detected, seen.score
                observed_m[i], observed_px[i] = seen.keypoints_m, seen.keypoints_px
                observed_depth_px[i] = seen.depth_px
        camera = scene.camera
        return PairClip(
            FPS, scene.shape, scene.scale, scene.rotations, scene.keypoints_m, scene.wrist_m,
            observed, observed_m, observed_px, observed_depth_px, score,
            camera.focal_px, np.array(camera.centre_px), np.array(camera.size_px),
        )  # fmt: skip

    def images(self, index: int, frames: int) -> Iterator[np.ndarray]:
        """The pictures (height,width,3) BGR of a clip, to look at."""
        return _Scene(self, index, frames).images()

    def dice(self, index: int) -> np.random.Generator:
        """The clip's own."""
        return np.random.default_rng([self._seed, index])

    def generator(self, shape: str, held_out: bool) -> MotionGenerator:
        """The motion of a hand shape, from the bank's larger or held-out part."""
        key = (shape, held_out)
        if key not in self._generators:
            self._generators[key] = MotionGenerator(HandModel.load(shape), self._banks[held_out])
        return self._generators[key]


class _Scene:
    """Everything about one clip but what the detector says."""

    def __init__(self, maker: ClipMaker, index: int, frames: int) -> None:
        rng = maker.dice(index)
        split = split_of(index)
        names = [name for name in shape_names() if (name in TEST_SHAPES) == (split == "test")]
        self.shape = str(rng.choice(names))
        self.scale = float(rng.uniform(*_SCALES))
        self.camera = random_camera(rng)
        generator = maker.generator(self.shape, split != "train")
        motion = generator.batch(rng, 1, frames, (self.camera,), self.scale)
        self.rotations, self.keypoints_m = motion.rotations[0], motion.keypoints_m[0]
        self.wrist_m, self._forearm = motion.wrist_m[0], motion.forearm[0]
        self._model = generator.model.scaled(self.scale)
        self._look = random_look(rng, self.shape, self.camera)
        self._room = random_room(rng, self._look)
        self._props = Props(rng, self._model, self.camera)
        self._defects = Defects.random(rng)
        self._noise = rng

    def images(self) -> Iterator[np.ndarray]:
        middle_px = self.camera.project((self.keypoints_m + self.wrist_m[:, None]).mean(axis=1))
        motion_px = np.gradient(middle_px, axis=0)
        with ArmRenderer(self._look, self._model, self._room) as renderer:
            for i, (rotations, wrist_m) in enumerate(zip(self.rotations, self.wrist_m, strict=True)):
                props = self._props.at(i / FPS, rotations[0], wrist_m)
                image = renderer.render(i, rotations, wrist_m, self._forearm[i], props)
                yield self._defects.apply(image, motion_px[i], self._noise)
