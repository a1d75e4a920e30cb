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
from app.tool import run_tool
from models.fusion import fuse, image_hand
from models.metrics import accel_error, mpjpe, pa_mpjpe
from models.motion.detector_fit import fit_noise
from models.motion.detector_pairs import Pairs
from models.motion.detector_trials import gap_lengths, sampled_pairs

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """Fit a model of the detector's errors to the training clips of a corpus."""

    corpus: Path | None = None
    """Folder of the corpus; by default corpus/seed0 in the user's cache directory."""
    output: Path | None = None
    """The parameters; by default motion/detector_noise.npz in the user's cache directory."""


_MEASURES = (
    "seen", "gap", "accel", "error", "aligned", "image", "fused", "shift", "world depth", "image depth",
)  # fmt: skip


def default_noise_path() -> Path:
    """Where the parameters are kept unless told otherwise."""
    return cache_dir() / "motion" / "detector_noise.npz"


def pairs_of(clip: PairClip) -> Pairs:
    """A corpus clip for the fit."""
    return Pairs(
        clip.keypoints_m, clip.wrist_m, clip.observed, clip.observed_m, clip.observed_px,
        clip.observed_depth_px, clip.score, clip.focal_px, clip.centre_px, clip.size_px,
    )  # fmt: skip


def statistics(clips: Sequence[Pairs]) -> dict[str, float]:
    """What real and sampled detections are compared by: errors in mm, rates, mean lengths in frames."""
    rows: dict[str, list[np.ndarray]] = {name: [] for name in _MEASURES}
    for clip in clips:
        seen = clip.observed
        rows["seen"].append(seen)
        rows["gap"].append(gap_lengths(seen))
        accel = accel_error(np.asarray(clip.observed_m, float), np.asarray(clip.keypoints_m, float))
        rows["accel"].append(accel[np.isfinite(accel)])
        truth, said, pixels, depth_px = (
            np.asarray(values, float)[seen]
            for values in (clip.keypoints_m, clip.observed_m, clip.observed_px, clip.observed_depth_px)
        )
        view = clip.seen_view(0.0)
        image = image_hand(said, pixels, depth_px)
        rows["error"].append(mpjpe(said, truth))
        for name, hand in (("aligned", said), ("image", image), ("fused", fuse(said, image))):
            rows[name].append(pa_mpjpe(hand, truth))
        away = np.linalg.norm(pixels - view.keypoints_px, axis=-1).mean(axis=1)
        rows["shift"].append(away / view.size_px)
        rows["world depth"].append((said - truth)[:, 1:, 2].ravel())
        rows["image depth"].append(((depth_px - view.depth_px) / view.size_px[:, None])[:, 1:].ravel())
    values = {name: np.concatenate(parts) for name, parts in rows.items()}
    together = np.corrcoef(values["world depth"], values["image depth"])[0, 1]
    return {
        "detected": float(values["seen"].mean()),
        "gap frames": _mean(values["gap"]),
        "MPJPE mm": 1e3 * _mean(values["error"]),
        "PA-MPJPE mm": 1e3 * _mean(values["aligned"]),
        "PA-MPJPE p90 mm": 1e3 * float(np.percentile(values["aligned"], 90)),
        "Accel mm/frame²": 1e3 * _mean(values["accel"]),
        "Accel median mm/frame²": 1e3 * float(np.median(values["accel"])),
        "pixels, hand sizes": _mean(values["shift"]),
        "pixels median, hand sizes": float(np.median(values["shift"])),
        "image depth error, hand sizes": _mean(np.abs(values["image depth"])),
        "image depth and world depth error, correlation": float(together),
        "PA-MPJPE of the second opinion mm": 1e3 * _mean(values["image"]),
        "PA-MPJPE of both fused mm": 1e3 * _mean(values["fused"]),
    }


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else 0.0


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
    loaded = [PairClip.load(path) for path in paths]
    if any(clip.fps == 0 for clip in loaded):
        raise AppError(f"{folder} holds stills, which do not tell how errors last; give a corpus of clips")
    clips = [pairs_of(clip) for clip in loaded]
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
    return run_tool(lambda: fit_corpus(tyro.cli(Settings, args=arguments, prog="app.corpus_noise")))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
