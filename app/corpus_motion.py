"""Write generated motion for training, without pictures: python -m app.corpus_motion --output DIR."""

from __future__ import annotations

import logging
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from tqdm import tqdm

from app.corpus_bank import default_bank_path
from app.corpus_clip import HELD_OUT_SHARE, SPLIT_SEED, TEST_SHAPES
from app.errors import UsageError
from app.files import write_atomically
from app.tool import run_tool
from models.hand_model import HandModel, shape_names
from models.motion.bank import PoseBank
from models.motion.generator import FPS, MotionGenerator

logger = logging.getLogger(__name__)

_BATCH = 64  # clips generated at once, always as many: a longer run only adds to a shorter one
_SEED_OFFSET = 1_000_003  # keeps these dice apart from the rendered corpus's of the same seed


@dataclass(frozen=True)
class Settings:
    """Generate hand motion and keep it as clips for models.train --motion."""

    output: Path
    """Folder the clips go to; clips that are there already are kept."""
    hours: float = 10.0
    """How much motion."""
    frames: int = 300
    """Length of a clip at 30 Hz."""
    seed: int = 0
    """The same seed gives the same clips."""
    bank: Path | None = None
    """Real poses to mix in; by default motion/bank.npz in the user's cache directory, if it is there."""


def write_motion(settings: Settings) -> int:
    """Write what is not there yet; returns how many clips the folder then holds.

    The hand shapes and the part of the bank that the rendered corpus keeps for its tests are left out.

    Raises:
        UsageError: a setting has no sense.
        AppError, ModelError: the bank cannot be read or the folder not be written.
    """
    lasts = 0.0 < settings.hours < math.inf  # false for nan, too
    if not lasts or settings.frames < 16 or settings.seed < 0:
        raise UsageError("motion takes hours above 0, at least 16 frames a clip and a seed from 0 up")
    path = settings.bank or default_bank_path()
    bank: PoseBank | None = None
    if settings.bank is not None or path.is_file():
        bank, _ = PoseBank.load(path).split(HELD_OUT_SHARE, SPLIT_SEED)
    else:
        logger.warning("no bank of real poses at %s; make one with: python -m app.corpus_bank", path)
    count = max(1, round(settings.hours * 3600 * FPS / settings.frames))
    names = [name for name in shape_names() if name not in TEST_SHAPES]
    generators: dict[str, MotionGenerator] = {}
    for first in tqdm(range(0, count, _BATCH), "motion", unit="batch", disable=None):
        paths = [settings.output / f"motion_{i:06d}.npz" for i in range(first, min(first + _BATCH, count))]
        if all(path.is_file() for path in paths):
            continue
        name = names[(first // _BATCH) % len(names)]
        if name not in generators:
            generators[name] = MotionGenerator(HandModel.load(name), bank)
        rng = np.random.default_rng([_SEED_OFFSET, settings.seed, first])
        batch = generators[name].batch(rng, _BATCH, settings.frames, scale=float(rng.uniform(0.93, 1.08)))
        for i, path in enumerate(paths):
            with write_atomically(path) as file:
                np.savez_compressed(
                    file,
                    fps=batch.fps,
                    shape=batch.shape,
                    rotations=batch.rotations[i].astype(np.float32),
                    keypoints_m=batch.keypoints_m[i].astype(np.float32),
                    wrist_m=batch.wrist_m[i].astype(np.float32),
                )
    return count


def main(arguments: list[str]) -> int:
    """The command line."""

    def run() -> None:
        count = write_motion(tyro.cli(Settings, args=arguments, prog="app.corpus_motion"))
        logger.info("%d clips", count)

    return run_tool(run)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
