"""Drawn bodies of the test person and what the real detector said of them: errors that nobody made up."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from app.bench.body_sequence import DRAWN_GROUP, BodySequence, steady_times
from app.errors import AppError
from models.body_clips import split_of
from models.camera import Camera

HOW_TO_DRAW = "make them with python -m app.body_pairs CMU_BVH_DIRECTORY DIR --split test, give --drawn DIR"
_LEAST_DETECTED = 20
"""Frames; of who was hardly ever found nothing can be told."""


def drawn_sequences(directory: Path) -> list[BodySequence]:
    """The files of `app.body_pairs` in a directory.

    Raises:
        AppError: there are none, one is something else, or of a person that others than the test may know.
    """
    files = sorted(Path(directory).glob("*.npz"))
    if not files:
        raise AppError(f"there are no drawn bodies (.npz) in {directory}: {HOW_TO_DRAW}")
    sequences = [_read(file) for file in files]
    return [sequence for sequence in sequences if sequence.detected.sum() >= _LEAST_DETECTED]


def _read(file: Path) -> BodySequence:
    try:
        with np.load(file, allow_pickle=False) as data:
            clip, shape = str(data["name"]), str(data["shape"])
            if clip.startswith("humanoid") or split_of(clip) != "test":
                raise AppError(f"{file} is of {clip}, whom training may know: {HOW_TO_DRAW}")
            x_px, y_px = (float(c) for c in data["centre_px"])
            size_px = (round(2.0 * x_px), round(2.0 * y_px))
            return BodySequence(
                name=f"{file.stem}, {clip}, {shape}",
                group=DRAWN_GROUP,
                camera=Camera(float(data["focal_px"]), (x_px, y_px), size_px),
                t_ns=steady_times(len(data["observed"])),
                detected=data["observed"].astype(bool),
                raw_m=data["observed_m"].astype(np.float64),
                raw_px=data["observed_px"].astype(np.float64),
                visibility=data["score"].astype(np.float64),
                truth_m=data["keypoints_m"].astype(np.float64),
            )
    except (OSError, ValueError, KeyError) as error:
        raise AppError(f"{file} is no drawn body ({error}): {HOW_TO_DRAW}") from error
