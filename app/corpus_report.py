"""How well the raw detector does on a corpus."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from app.corpus_clip import PairClip
from app.errors import AppError
from models.metrics import accel_error, mpjpe, pa_mpjpe


def clip_paths(folder: Path) -> list[Path]:
    """Every finished clip."""
    return sorted(folder.glob("*/clip_*.npz"))


def report(folder: Path) -> list[str]:
    """A Markdown table, one row a split: footage, detection rate and errors of what was detected.

    Accel counts only frames whose two neighbours were detected too; stills have neither it nor a length.

    Raises:
        AppError: there is no clip.
    """
    paths = clip_paths(folder)
    if not paths:
        raise AppError(f"{folder} holds no clips; make some with python -m app.corpus --output {folder}")
    lines = [
        "| split | clips | minutes | detected | MPJPE mm | PA-MPJPE mm (p10, p90) | Accel mm/frame² |",
        "|---|---|---|---|---|---|---|",
    ]
    for split in sorted({path.parent.name for path in paths}):
        clips = [PairClip.load(path) for path in paths if path.parent.name == split]
        lines.append(_row(split, clips))
    return lines


def _row(split: str, clips: list[PairClip]) -> str:
    frames = sum(len(clip.observed) for clip in clips)
    seconds = sum(len(clip.observed) / clip.fps for clip in clips if clip.fps)
    length = f"{seconds / 60:.1f}" if seconds else "–"
    detected = sum(int(clip.observed.sum()) for clip in clips) / frames
    errors_m, aligned_m, accels_m = [], [], []
    for clip in clips:
        seen = clip.observed
        if seen.any():
            errors_m.append(mpjpe(clip.observed_m[seen], clip.keypoints_m[seen]))
            aligned_m.append(
                pa_mpjpe(clip.observed_m[seen].astype(float), clip.keypoints_m[seen].astype(float))
            )
        if clip.fps:
            accel_m = accel_error(clip.observed_m, clip.keypoints_m)
            accels_m.append(accel_m[np.isfinite(accel_m)])
    if not errors_m:
        return f"| {split} | {len(clips)} | {length} | 0 % | – | – | – |"
    pa_mm, error_mm = 1e3 * np.concatenate(aligned_m), 1e3 * np.concatenate(errors_m)
    accel = f"{1e3 * np.concatenate(accels_m).mean():.1f}" if accels_m else "–"
    low, high = np.percentile(pa_mm, [10, 90])
    return (
        f"| {split} | {len(clips)} | {length} | {detected:.1%} | {error_mm.mean():.1f} "
        f"| {pa_mm.mean():.1f} ({low:.1f}, {high:.1f}) | {accel} |"
    )
