"""Measures how near the estimated hand is to the true one, and writes docs/accuracy.md.

    python docs/make_accuracy.py ../shared/data

Rendered clips know the truth; of the filmed hand two calibrated cameras triangulate an independent reference
(of unknown scale, so only the error after Procrustes alignment counts there).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app.bench.detections import observe
from app.bench.filmed import FROM_OPENGL
from app.bench.stereo import read_projections, triangulated_hand
from app.sources.synthetic import SyntheticSource
from app.sources.video import VideoSource
from app.window import ObservationWindow
from models.camera import Camera
from models.metrics import accel_error, mpjpe, pa_mpjpe
from models.observation import Observation
from models.temporal import load_temporal

STAGES = ("none", "one-euro")
SYNTHETIC_SEEDS = (0, 1, 2)


def estimate(observations: list[Observation], stage_name: str) -> np.ndarray:
    """(N,21,3) what the stage says of each frame's instant, the past alone being known; metres."""
    stage = load_temporal(stage_name)
    window = ObservationWindow("right", Camera.assumed(observations[0].image_size_px))
    estimates = []
    for observation in observations:
        window.add(observation)
        estimates.append(stage.update(window.snapshot()).keypoints_m[0])
    return np.array(estimates)


def row(name: str, observations: list[Observation], truth_m: np.ndarray, metric: bool) -> str:
    """One line of the table: PA-MPJPE, MPJPE and Accel per stage over the frames with a detection."""
    truth_m = truth_m - truth_m[:, :1]
    seen = np.array([observation.detected for observation in observations])
    seen &= np.isfinite(truth_m).all(axis=(1, 2))
    cells = [name, f"{100 * np.mean([o.detected for o in observations]):.0f} %"]
    for stage in STAGES:
        estimate_m = estimate(observations, stage)
        cells.append(f"{1e3 * pa_mpjpe(estimate_m[seen], truth_m[seen]).mean():.1f}")
        if not metric:
            cells += ["–", "–"]
            continue
        cells.append(f"{1e3 * mpjpe(estimate_m[seen], truth_m[seen]).mean():.1f}")
        accel = accel_error(estimate_m, truth_m)
        cells.append(f"{1e3 * np.nanmean(accel):.1f}")
    return "| " + " | ".join(cells) + " |\n"


def main() -> None:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("data", type=Path, help="folder with rendered/ and video/")
    data = parser.parse_args().data
    rows = []
    for path in sorted((data / "rendered").glob("*.npz")):
        observations = observe(VideoSource(path.with_suffix(".mp4"), realtime=False))
        truth_m = np.load(path)["kp"] * FROM_OPENGL
        rows.append(row(f"rendered manipulation, {path.stem}", observations, truth_m, True))
    for seed in SYNTHETIC_SEEDS:
        source = SyntheticSource(seed, realtime=False)
        truth_m = source.truth.keypoints_m
        rows.append(row(f"rendered routine, synthetic:{seed}", observe(source), truth_m, True))
    clips = [data / "video" / f"hand_stereo_cam{camera}.mp4" for camera in (0, 1)]
    stereo = [observe(VideoSource(clip, realtime=False)) for clip in clips]
    projections = read_projections(data / "video" / "stereo_calibration")
    reference_m = triangulated_hand(projections, *stereo)
    rows.append(row("filmed hand, against two cameras", stereo[0], reference_m, False))

    text = (
        "# Accuracy\n\n"
        "Written by `python docs/make_accuracy.py DATA`. PA-MPJPE, MPJPE (relative to the wrist) in mm and\n"
        "Accel in mm/frame², over the frames with a detection, each sequence on its own; every estimate\n"
        "knows only the past. `none` is MediaPipe's own metric answer. `one-euro` fuses it with MediaPipe's\n"
        "image answer and smooths it.\n\n"
        "| clip | detected |" + "".join(f" {stage} PA | MPJPE | Accel |" for stage in STAGES) + "\n"
        "|---|---|" + "---|" * 3 * len(STAGES) + "\n" + "".join(rows)
    )
    (ROOT / "docs" / "accuracy.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
