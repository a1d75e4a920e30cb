"""Fit the detector's noise to a corpus: python -m app.corpus_noise."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

from app.assets import cache_dir
from app.corpus_clip import PairClip
from app.errors import AppError
from app.files import write_atomically
from models.errors import ModelError
from models.metrics import accel_error, mpjpe, pa_mpjpe
from models.motion.detector_fit import Pairs, fit_noise, sampled_pairs

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """Fit a model of the detector's errors to the training clips of a corpus."""

    corpus: Path | None = None
    """Folder of the corpus; by default corpus/seed0 in the user's cache directory."""
    output: Path | None = None
    """The parameters; by default motion/detector_noise.npz in the user's cache directory."""


def default_noise_path() -> Path:
    """Where the parameters are kept unless told otherwise."""
    return cache_dir() / "motion" / "detector_noise.npz"


def pairs_of(clip: PairClip) -> Pairs:
    """A corpus clip for the fit."""
    return Pairs(
        clip.keypoints_m, clip.wrist_m, clip.observed, clip.observed_m, clip.observed_px, clip.score,
        clip.focal_px, clip.centre_px, clip.size_px,
    )  # fmt: skip


def statistics(clips: Sequence[Pairs]) -> dict[str, float]:
    """What real and sampled detections are compared by: errors in mm, rates, mean lengths in frames."""
    errors, aligned, accels, shifts, seen, gaps = [], [], [], [], [], []
    for clip in clips:
        observed = np.asarray(clip.observed, bool)
        seen.append(observed)
        edges = np.flatnonzero(np.diff(np.concatenate([[True], observed, [True]]).astype(int)))
        gaps.append(np.diff(edges)[::2])
        if observed.any():
            truth = np.asarray(clip.keypoints_m, float)[observed]
            said = np.asarray(clip.observed_m, float)[observed]
            errors.append(mpjpe(said, truth))
            aligned.append(pa_mpjpe(said, truth))
            pixels = clip.keypoints_m + clip.wrist_m[:, None]
            pixels = pixels[..., :2] / pixels[..., 2:] * clip.focal_px + clip.centre_px
            away = np.linalg.norm(clip.observed_px[observed] - pixels[observed], axis=-1).mean(axis=1)
            shifts.append(away / np.ptp(pixels[observed], axis=1).max(axis=1))
        accel = accel_error(np.asarray(clip.observed_m, float), np.asarray(clip.keypoints_m, float))
        accels.append(accel[np.isfinite(accel)])
    parts = (errors, aligned, accels, shifts, gaps)
    error, pa, accel, shift, gap = (np.concatenate(part or [[0.0]]) for part in parts)
    return {
        "detected": float(np.concatenate(seen).mean()),
        "gap frames": float(gap.mean()) if len(gap) else 0.0,
        "MPJPE mm": 1e3 * float(error.mean()),
        "PA-MPJPE mm": 1e3 * float(pa.mean()),
        "PA-MPJPE p90 mm": 1e3 * float(np.percentile(pa, 90)),
        "Accel mm/frame²": 1e3 * float(accel.mean()) if len(accel) else 0.0,
        "Accel median mm/frame²": 1e3 * float(np.median(accel)) if len(accel) else 0.0,
        "pixels, hand sizes": float(np.median(shift)),
    }


def fit_corpus(settings: Settings) -> Path:
    """Fit, write, and say how samples compare to the corpus.

    Raises:
        AppError: the corpus holds no training clips.
    """
    folder = settings.corpus or cache_dir() / "corpus" / "seed0"
    paths = sorted(folder.glob("train/clip_*.npz"))
    if not paths:
        raise AppError(
            f"{folder} holds no training clips; make some with python -m app.corpus --output {folder}"
        )
    clips = [pairs_of(PairClip.load(path)) for path in paths]
    noise = fit_noise(clips)
    path = settings.output or default_noise_path()
    with write_atomically(path) as file:
        noise.save(file)
    real, made = statistics(clips), statistics(sampled_pairs(noise, clips, seed=99))
    logger.info(
        "%d clips, lag %.1f frames, %d wrong beliefs", len(clips), noise.lag_frames, len(noise.beliefs)
    )
    logger.info("written to %s", path)
    logger.info("| | corpus | sampled |\n|---|---|---|")
    for name, value in real.items():
        logger.info("| %s | %.3g | %.3g |", name, value, made[name])
    return path


def main(arguments: list[str]) -> int:
    """The command line."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        fit_corpus(tyro.cli(Settings, args=arguments, prog="app.corpus_noise"))
    except (AppError, ModelError) as error:
        logger.error("error: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
