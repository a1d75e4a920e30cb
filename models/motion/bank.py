"""A bank of real hand poses and motion, as anatomical angles on our skeleton at 30 Hz."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from models.hand_model import HandModel
from models.motion.fitting import fit_angles
from models.motion.recordings import Recording
from models.npz import open_npz
from models.rotations import decode_6d, encode_6d

RATE_HZ = 30.0
SOURCES = ("leap", "intel", "adroit", "dexmv", "fingerspelling")
_MAX_RESIDUAL_RAD = np.radians(7.0)  # a pose whose bones the skeleton cannot follow closer was seen wrongly
_MIN_MOTION_FRAMES = 15
_MAX_GAP_S = 0.1  # shorter losses are bridged
_MIN_SHAPE_DISTANCE_RAD = np.radians(6.0)  # of poses kept from a source without usable motion
_MAX_TURN_RAD = np.radians(
    40.0
)  # a finger joint turning further in one 30 Hz frame was two estimates, not one


@dataclass(frozen=True)
class PoseBank:
    """Real poses, clip after clip.

    Attributes:
        angles_rad: (P,15,3) flexion, abduction, twist of MANO joints 1–15.
        wrist: (P,3,3) rotation of the wrist in its recording's own frame.
        source: (P,) index into `SOURCES`.
        clip: (P,) number of the clip; consecutive rows of a clip are 1/30 s apart if `is_motion`.
        is_motion: (P,) bool.
    """

    angles_rad: np.ndarray
    wrist: np.ndarray
    source: np.ndarray
    clip: np.ndarray
    is_motion: np.ndarray

    def __len__(self) -> int:
        return len(self.clip)

    def motion_clips(self) -> list[slice]:
        """The rows of every clip that can be played."""
        starts = np.flatnonzero(np.diff(self.clip, prepend=-1))
        ends = [*starts[1:], len(self)]
        return [slice(int(a), int(b)) for a, b in zip(starts, ends, strict=True) if self.is_motion[a]]

    def split(self, held_out_share: float, seed: int) -> tuple[PoseBank, PoseBank]:
        """Two banks, divided by clip: the larger to draw from, the smaller to measure against."""
        clips = np.unique(self.clip)
        held = np.random.default_rng(seed).permutation(clips)[: max(1, round(held_out_share * len(clips)))]
        out = np.isin(self.clip, held)
        return self.rows(~out), self.rows(out)

    def rows(self, mask: np.ndarray) -> PoseBank:
        """Some of the poses."""
        return PoseBank(
            self.angles_rad[mask], self.wrist[mask], self.source[mask], self.clip[mask], self.is_motion[mask]
        )

    def save(self, file: BinaryIO) -> None:
        """Write a compact npz."""
        np.savez_compressed(
            file,
            angles_rad=self.angles_rad.astype(np.float32),
            wrist_6d=encode_6d(self.wrist).astype(np.float32),
            source=self.source.astype(np.int8),
            clip=self.clip.astype(np.int32),
            is_motion=self.is_motion,
        )

    @staticmethod
    def load(path: Path) -> PoseBank:
        """Read what `save` wrote.

        Raises:
            ModelError: the file is missing or is no bank.
        """
        with open_npz(path, "pose bank", "make one with python -m app.corpus_bank") as file:
            return PoseBank(
                file["angles_rad"].astype(np.float64),
                decode_6d(file["wrist_6d"].astype(np.float64)),
                file["source"],
                file["clip"],
                file["is_motion"],
            )


def build_bank(recordings: list[Recording], model: HandModel) -> PoseBank:
    """Fit, check, cut and resample recordings.

    Args:
        recordings: what was read.
        model: the hand whose angles the bank holds; its proportions matter little.
    """
    parts: list[tuple[np.ndarray, np.ndarray, str, bool]] = []
    for source in SOURCES:
        ours = [r for r in recordings if r.source == source]
        if not ours:
            continue
        fit = fit_angles(np.concatenate([r.keypoints_m for r in ours]), model)
        ends = np.cumsum([len(r.t_s) for r in ours])
        for recording, end in zip(ours, ends, strict=True):
            rows = slice(end - len(recording.t_s), end)
            angles, wrist = fit.angles_rad[rows], fit.wrist[rows]
            good = recording.trusted & (fit.residual_rad[rows] < _MAX_RESIDUAL_RAD)
            if recording.is_motion:
                pieces = _motion_pieces(recording.t_s, angles, wrist, good)
            else:
                pieces = [(angles[good], wrist[good])]
            parts += [(a, w, source, recording.is_motion) for a, w in pieces if len(a)]
    shapes = [i for i, part in enumerate(parts) if not part[3]]
    parts = [part for i, part in enumerate(parts) if i not in set(shapes)] + _thinned(
        [parts[i] for i in shapes]
    )
    lengths = [len(part[0]) for part in parts]
    return PoseBank(
        np.concatenate([part[0] for part in parts]),
        np.concatenate([part[1] for part in parts]),
        np.repeat([SOURCES.index(part[2]) for part in parts], lengths),
        np.repeat(np.arange(len(parts)), lengths),
        np.repeat([part[3] for part in parts], lengths),
    )


def _motion_pieces(
    t_s: np.ndarray, angles: np.ndarray, wrist: np.ndarray, good: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The stretches without a long gap, at 30 Hz."""
    kept = np.flatnonzero(good)
    if not len(kept):
        return []
    cuts = np.flatnonzero(np.diff(t_s[kept]) > _MAX_GAP_S) + 1
    pieces = []
    for rows in np.split(kept, cuts):
        count = int((t_s[rows[-1]] - t_s[rows[0]]) * RATE_HZ) + 1
        if count < _MIN_MOTION_FRAMES:
            continue
        t = t_s[rows[0]] + np.arange(count) / RATE_HZ
        at = _resampled(t, t_s[rows], angles[rows].reshape(len(rows), -1)).reshape(count, 15, 3)
        turned = decode_6d(_resampled(t, t_s[rows], encode_6d(wrist[rows])))
        still_one = np.abs(np.diff(at[..., 0], axis=0)).max(axis=1) < _MAX_TURN_RAD
        for run in np.split(np.arange(count), np.flatnonzero(~still_one) + 1):
            if len(run) >= _MIN_MOTION_FRAMES:
                pieces.append((at[run], turned[run]))
    return pieces


def _resampled(t: np.ndarray, t_seen: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values (M,C) at t_seen (M,), linearly at t (N,), averaged first over one 30 Hz period."""
    window = max(1, round(1.0 / RATE_HZ / float(np.median(np.diff(t_seen)))))
    if window > 1:
        padded = np.pad(values, ((window // 2, window - 1 - window // 2), (0, 0)), mode="edge")
        sums = np.cumsum(np.pad(padded, ((1, 0), (0, 0))), axis=0)
        values = (sums[window:] - sums[:-window]) / window
    return np.stack([np.interp(t, t_seen, column) for column in values.T], axis=1)


def _thinned(
    parts: list[tuple[np.ndarray, np.ndarray, str, bool]],
) -> list[tuple[np.ndarray, np.ndarray, str, bool]]:
    """Frames of a slow film repeat a shape: of each clip only shapes that differ are kept."""
    thinned = []
    for angles, wrist, source, is_motion in parts:
        kept: list[int] = []
        flat = angles.reshape(len(angles), -1)
        for i in range(len(angles)):
            if not kept or np.abs(flat[kept] - flat[i]).max(axis=1).min() > _MIN_SHAPE_DISTANCE_RAD:
                kept.append(i)
        thinned.append((angles[kept], wrist[kept], source, is_motion))
    return thinned
