"""Real recordings of hands, read into keypoints of a right hand with times and a mark of what to trust.

Each reader turns one published format (data given by directory) into 21 keypoints in MediaPipe's order. Only
permissively licensed recordings have a reader here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.errors import ModelError
from models.keypoints import FINGER_SLICES, FINGERS
from models.motion.adroit import adroit_keypoints
from models.rotations import mirror_points

_LEAP_CONFIDENCE = 0.35  # below it the Leap's own estimate of itself, hands fold and flip
_LEAP_JUMP_M_S = 3.0  # knuckles faster than this were lost and found again
_INTEL_FPS = 60.0
_INTEL_CUT_M = 0.02  # the wrist jumps this far in one frame where the twelve recordings were joined
_ADROIT_FPS = 100.0
_DEXMV_FPS = 30.0
_CANVAS_PX = 500.0  # fingerspelling: x, y are in pixels of it, z in shares of it


@dataclass(frozen=True)
class Recording:
    """One hand seen without a cut.

    Attributes:
        source: where it comes from: leap, intel, adroit, dexmv or fingerspelling.
        name: which recording of it.
        t_s: (N,) times, increasing.
        keypoints_m: (N,21,3) right hand, any right-handed frame, metres or any unit.
        trusted: (N,) bool.
        is_motion: False if only the shapes can be used, not how they follow each other.
    """

    source: str
    name: str
    t_s: np.ndarray
    keypoints_m: np.ndarray
    trusted: np.ndarray
    is_motion: bool


def read_recordings(directory: Path) -> list[Recording]:
    """Every recording of a directory.

    Args:
        directory: holds any of leap/*.npz, intel_animbank.npz, adroit_door.npz, dexmv_mano.npz and
            fingerspelling_mediapipe.npz.

    Raises:
        ModelError: it holds none of them.
    """
    directory = Path(directory)
    readers: dict[str, Callable[[Path], list[Recording]]] = {
        "intel_animbank.npz": _read_intel,
        "adroit_door.npz": _read_adroit,
        "dexmv_mano.npz": _read_dexmv,
        "fingerspelling_mediapipe.npz": _read_fingerspelling,
    }
    recordings = [_read_leap(path) for path in sorted(directory.glob("leap/*.npz"))]
    for name, read in readers.items():
        if (directory / name).is_file():
            recordings += read(directory / name)
    if not recordings:
        raise ModelError(
            f"{directory} holds no hand recordings; give a directory with leap/*.npz or {', '.join(readers)}."
        )
    return recordings


def _read_leap(path: Path) -> Recording:
    with np.load(path, allow_pickle=False) as file:
        t_s, keypoints, confidence, hand = (file[key] for key in ("ts", "kp", "conf", "hand"))
    order = np.flatnonzero(np.concatenate([[True], np.diff(t_s) > 1e-6]))
    t_s, keypoints, confidence = t_s[order], keypoints[order].astype(np.float64), confidence[order]
    if str(hand) == "left":
        keypoints = mirror_points(keypoints)
    step_m = np.linalg.norm(np.diff(keypoints, axis=0), axis=-1).max(axis=1)
    jumps = np.concatenate([[False], step_m / np.diff(t_s) > _LEAP_JUMP_M_S])
    near_jump = jumps | np.roll(jumps, -1) | np.roll(jumps, 1)
    # Older devices gave no confidence at all; what they tracked is as good.
    sure = np.isnan(confidence) | (confidence >= _LEAP_CONFIDENCE)
    return Recording("leap", path.stem, t_s - t_s[0], keypoints, sure & ~near_jump, True)


def _read_intel(path: Path) -> list[Recording]:
    """Rigid bones by centre and turn; their joints are the points that two neighbours agree on."""
    with np.load(path, allow_pickle=False) as file:
        centres = file["position"].astype(np.float64)
        turns = _matrices_of_quaternions(file["quaternion_xyzw"].astype(np.float64))
    keypoints = np.empty((len(centres), 21, 3))
    wrist_bone, palm_bone = 0, 1
    keypoints[:, 0] = _pivot(centres, turns, wrist_bone, palm_bone)
    for i, finger in enumerate(FINGERS):
        bones = [2 + 3 * i, 3 + 3 * i, 4 + 3 * i]
        base = _pivot(centres, turns, palm_bone, bones[0])
        middle = _pivot(centres, turns, bones[0], bones[1])
        last = _pivot(centres, turns, bones[1], bones[2])
        # The last bone is centred on itself: its far end mirrors its near end.
        tip = 2.0 * centres[:, bones[2]] - last
        keypoints[:, FINGER_SLICES[finger]] = np.stack([base, middle, last, tip], axis=1)
    step_m = np.linalg.norm(np.diff(centres[:, wrist_bone], axis=0), axis=-1)
    cuts = [0, *(np.flatnonzero(step_m > _INTEL_CUT_M) + 1), len(centres)]
    return [
        Recording(
            "intel", f"cut{i}", np.arange(b - a) / _INTEL_FPS, keypoints[a:b], np.ones(b - a, bool), True
        )
        for i, (a, b) in enumerate(itertools.pairwise(cuts))
    ]


def _read_adroit(path: Path) -> list[Recording]:
    with np.load(path, allow_pickle=False) as file:
        observations, lengths = file["observations"].astype(np.float64), file["lengths"]
    recordings = []
    for i, (end, length) in enumerate(zip(np.cumsum(lengths), lengths, strict=True)):
        keypoints = adroit_keypoints(observations[end - length : end, 3:27])
        t_s = np.arange(length) / _ADROIT_FPS
        recordings.append(Recording("adroit", f"demo{i}", t_s, keypoints, np.ones(length, bool), True))
    return recordings


def _read_dexmv(path: Path) -> list[Recording]:
    with np.load(path, allow_pickle=False) as file:
        keypoints = file["joints"].astype(np.float64)
    count = len(keypoints)
    return [Recording("dexmv", "demo", np.arange(count) / _DEXMV_FPS, keypoints, np.ones(count, bool), True)]


def _read_fingerspelling(path: Path) -> list[Recording]:
    with np.load(path, allow_pickle=False) as file:
        pixels = file["keypoints_px"].astype(np.float64)
        is_right, clip, fps = file["is_right"].astype(bool), file["clip"], file["fps"]
    points = pixels - pixels[:, :1]
    points[..., 2] *= _CANVAS_PX
    points[~is_right] = mirror_points(points[~is_right])
    # Pixels y down, z away make a right-handed frame already. A usual palm gives the size.
    points *= 0.095 / np.maximum(np.linalg.norm(points[:, 9], axis=-1), 1.0)[:, None, None]
    recordings = []
    for number in np.unique(clip):
        for right in (True, False):
            rows = np.flatnonzero((clip == number) & (is_right == right))
            if len(rows):
                t_s = np.arange(len(rows)) / float(fps[rows[0]])
                name = f"clip{number}-{'right' if right else 'left'}"
                trusted = np.ones(len(rows), bool)
                recordings.append(Recording("fingerspelling", name, t_s, points[rows], trusted, False))
    return recordings


def _pivot(centres: np.ndarray, turns: np.ndarray, first: int, second: int) -> np.ndarray:
    """The joint (N,3) of two rigid bodies: the point fixed in both, by least squares over all frames."""
    A = np.concatenate([turns[:, first], -turns[:, second]], axis=2).reshape(-1, 6)
    b = (centres[:, second] - centres[:, first]).reshape(-1)
    # Along a hinge's axis every point is fixed; the slight pull picks the one nearest the bones.
    at = np.linalg.solve(A.T @ A + 1e-6 * len(A) * np.eye(6), A.T @ b)
    joint: np.ndarray = centres[:, first] + turns[:, first] @ at[:3]
    return joint


def _matrices_of_quaternions(q: np.ndarray) -> np.ndarray:
    """Rotations (…,3,3) of quaternions (…,4), x y z w."""
    q = q / np.linalg.norm(q, axis=-1, keepdims=True)
    x, y, z, w = np.moveaxis(q, -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
