"""A rendered clip on disk: made once per seed and version, then played like any video."""

from __future__ import annotations

import hashlib
import logging
import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from tqdm import tqdm

from app.assets import cache_dir
from app.errors import AppError
from app.file_names import as_text
from app.opencv import cv2
from app.synthetic.look import Look
from app.synthetic.renderer import ArmRenderer
from app.synthetic.routine import Motion, play
from app.synthetic.scripts import SCRIPTS
from models import hand_model, joint_frames, keypoints, pinch
from models.hand_model import HandModel

logger = logging.getLogger(__name__)

FPS = 30.0
SIZE_PX = (640, 480)
_HOME_M = (-0.01, 0.095)  # right and down of the optical axis
_FRAMES_PER_JOB = 15
_VIDEO, _TRUTH = "video.mp4", "truth.npz"


@dataclass(frozen=True)
class SyntheticTruth:
    """What really is in every frame of a clip; camera axes x right, y down, z forward, metres.

    Attributes:
        fps: frame rate, Hz.
        keypoints_m: (N,21,3) camera frame, MediaPipe order.
        keypoints_px: (N,21,2) their pixels.
        wrist_m: (N,3) camera frame.
        rotations: (N,16,3,3) MANO order, the first from the rest pose to the camera frame.
        visible: (N,) bool, all 21 keypoints inside the picture.
        present: (N,) bool, at least one keypoint inside the picture.
        focal_px, centre_px: pinhole camera; centre_px is (2,).
        shape: name of the hand shape.
    """

    fps: float
    keypoints_m: np.ndarray
    keypoints_px: np.ndarray
    wrist_m: np.ndarray
    rotations: np.ndarray
    visible: np.ndarray
    present: np.ndarray
    focal_px: float
    centre_px: np.ndarray
    shape: str

    @staticmethod
    def load(path: Path) -> SyntheticTruth:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            values = {field.name: file[field.name] for field in fields(SyntheticTruth)}
        scalars = {"fps": float(values["fps"]), "focal_px": float(values["focal_px"])}
        return SyntheticTruth(**{**values, **scalars, "shape": str(values["shape"])})

    def save(self, path: Path) -> None:
        """Write to an npz, one entry per attribute."""
        np.savez_compressed(path, **{field.name: getattr(self, field.name) for field in fields(self)})


@dataclass(frozen=True)
class Clip:
    """A finished clip: a video file and its truth."""

    video: Path
    truth: SyntheticTruth


def clip_of_seed(
    seed: int,
    frames: int | None = None,
    workers: int = 2,
    script: str = "demo",
    shape: str | None = None,
) -> Clip:
    """The clip of a seed, rendered now if it is not cached.

    Args:
        seed: who and where: hand, skin, light, room, timing; 0 or more.
        frames: render only the first so many frames, a clip of its own; None is the whole routine.
        workers: processes to render with; below 2, this one renders.
        script: what the hand does, a key of SCRIPTS.
        shape: the hand, a name of `models.hand_model.shape_names`; None is the seed's own.

    Raises:
        AppError: the seed is negative, rendering failed, or the cache directory cannot be written.
    """
    if seed < 0:
        raise AppError(f"the synthetic camera has seeds from 0 up, not {seed}; give for example synthetic:1")
    length = "whole" if frames is None else f"first{frames}"
    whose = f"seed{seed}" if shape is None else f"seed{seed}-{shape}"
    name = f"{script}-{whose}-{length}-{version()}"
    folder = cache_dir() / "synthetic" / name
    if not (folder / _TRUTH).is_file():
        _render_into(folder, Scene(seed, script, shape), frames, workers)
    return Clip(folder / _VIDEO, SyntheticTruth.load(folder / _TRUTH))


def version() -> str:
    """Eight characters that change with everything a clip depends on."""
    digest = hashlib.sha256()
    sources = sorted(Path(__file__).parent.glob("*.py"))
    sources += [Path(str(module.__file__)) for module in (hand_model, joint_frames, keypoints, pinch)]
    for path in [*sources, hand_model.ASSET]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


@dataclass(frozen=True)
class Scene:
    """Which clip: whose hand where, and what it does.

    Attributes:
        seed: who and where.
        script: what, a key of SCRIPTS.
        shape: name of the hand's shape; None is the seed's own.
    """

    seed: int
    script: str = "demo"
    shape: str | None = None

    def build(self) -> tuple[Look, HandModel, Motion]:
        """Look, hand and movement, nothing rendered yet."""
        look = Look.of_seed(self.seed, SIZE_PX, self.shape)
        model = HandModel.load(look.shape)
        home_m = np.array([*_HOME_M, look.distance_m])
        beats = SCRIPTS[self.script]()
        return look, model, play(beats, model, FPS, home_m, np.random.default_rng([self.seed, 0]))


def truth_of(look: Look, model: HandModel, motion: Motion) -> SyntheticTruth:
    """The truth of a movement before a camera."""
    points = model.keypoints(motion.rotations, motion.wrist_m)
    pixels = look.camera.project(points)
    inside = np.all((pixels >= 0.0) & (pixels <= np.array(look.camera.size_px) - 1.0), axis=-1)
    return SyntheticTruth(
        fps=motion.fps,
        keypoints_m=points,
        keypoints_px=pixels,
        wrist_m=motion.wrist_m,
        rotations=motion.rotations,
        visible=inside.all(axis=1),
        present=inside.any(axis=1),
        focal_px=look.camera.focal_px,
        centre_px=np.array(look.camera.centre_px),
        shape=look.shape,
    )


def _render_into(folder: Path, scene: Scene, frames: int | None, workers: int) -> None:
    """Render beside `folder` and rename, so that an interrupted render leaves nothing under that name."""
    look, model, motion = scene.build()
    count = len(motion.wrist_m) if frames is None else min(frames, len(motion.wrist_m))
    motion = Motion(motion.fps, motion.rotations[:count], motion.wrist_m[:count], motion.forearm[:count])
    partial: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        logger.info("rendering the synthetic camera, once; it is kept in %s", folder)
        _render_video(partial / _VIDEO, scene, count, workers)
        truth_of(look, model, motion).save(partial / _TRUTH)
        try:
            partial.rename(folder)
        except OSError:
            if not (folder / _TRUTH).is_file():  # else another process was first with the same clip
                raise
    except OSError as error:
        raise AppError(
            f"cannot keep the rendered clip in {folder.parent} ({error.strerror or error}); "
            "set POSEHAND_CACHE_DIR to a writable directory"
        ) from error
    finally:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)


def _render_video(path: Path, scene: Scene, count: int, workers: int) -> None:
    writer = cv2.VideoWriter(as_text(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, SIZE_PX)
    if not writer.isOpened():
        raise AppError(f"this OpenCV cannot write the video {path}; install opencv-contrib-python again")
    try:
        with tqdm(total=count, desc="rendering the synthetic camera", unit="frame", disable=None) as progress:
            for images in _batches(scene, count, workers):
                for image in images:
                    writer.write(image)
                progress.update(len(images))
    finally:
        writer.release()


def _batches(scene: Scene, count: int, workers: int) -> Iterator[np.ndarray]:
    """The first `count` pictures in order, some (n,height,width,3) at a time."""
    jobs = [range(start, min(start + _FRAMES_PER_JOB, count)) for start in range(0, count, _FRAMES_PER_JOB)]
    workers = min(workers, os.cpu_count() or 1, len(jobs))
    if workers < 2:
        look, model, motion = scene.build()
        with ArmRenderer(look, model) as renderer:
            for job in jobs:
                yield _render_frames(renderer, motion, job)
        return
    # "spawn" everywhere: forking a process that holds threads (OpenCV, onnxruntime, Qt) can hang.
    context = multiprocessing.get_context("spawn")
    # Workers get the scene's name, not its meshes: a process given more than a pipe holds hangs if it dies
    # at once.
    pool = ProcessPoolExecutor(workers, context, initializer=_start_worker, initargs=(scene,))
    try:
        yield from pool.map(_render_job, jobs)
    except BrokenProcessPool as error:
        raise AppError(
            "a process that renders the synthetic camera died; close programs that need memory, "
            "or, in a script of your own, call it under if __name__ == '__main__'"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_worker: tuple[ArmRenderer, Motion] | None = None


def _start_worker(scene: Scene) -> None:
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cv2.setNumThreads(1)  # the workers share the cores already
    look, model, motion = scene.build()
    _worker = ArmRenderer(look, model), motion


def _end_with_parent() -> None:
    """A pool's workers would wait for work for ever when their parent is killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _render_job(indices: range) -> np.ndarray:
    if _worker is None:
        raise RuntimeError("The rendering worker was not started.")
    return _render_frames(*_worker, indices)


def _render_frames(renderer: ArmRenderer, motion: Motion, indices: range) -> np.ndarray:
    return np.stack(
        [renderer.render(i, motion.rotations[i], motion.wrist_m[i], motion.forearm[i]) for i in indices]
    )
