"""Hands as a pipeline sees them in a hand calibration: shrunk toward the mean pose, and noisy."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from app.synthetic.poses import hand_poses
from calibration.hand_fit import fit_operator
from calibration.hand_guide import FIST, OPEN, PINCHES, SPREAD, STEPS, Samples
from calibration.operator import OperatorCalibration
from models.hand_model import HandModel
from models.posebert_input import mean_bone_lengths
from retarget import to_hand_frame

RATE_HZ = 30.0
SEEN_BENT_RAD = np.radians(18.0)  # what a flat finger is seen bent at the knuckle
SEEN_FIST = 0.85  # of its flexion
NOISE_M = 0.0008
_POSES = {OPEN: "flat", FIST: "fist", SPREAD: "open"}
_POSES |= {step: f"pinch_{finger}" for finger, step in PINCHES.items()}


def seen_hand(step: str, gap_m: float = 0.0, shape: str = "adult_medium") -> np.ndarray:
    """(21,3) a right hand in a step's pose, hand frame; `gap_m` moves the thumb's tip out of the palm."""
    model, poses = _model_and_poses(shape)
    angles_rad = poses[_POSES.get(step, step)].copy()
    knuckles = [0, 3, 6, 9]  # flexion of MCP: index, middle, pinky, ring
    angles_rad[knuckles, 0] = SEEN_BENT_RAD + (SEEN_FIST - 0.2) * angles_rad[knuckles, 0]
    if step in PINCHES.values():  # keep the contact that the pose was solved for
        angles_rad = poses[_POSES[step]]
    hand_m = to_hand_frame(model.keypoints(model.rotations_of_angles(angles_rad)), "right")
    hand_m[4, 0] += gap_m
    return hand_m


@lru_cache
def _model_and_poses(shape: str) -> tuple[HandModel, dict[str, np.ndarray]]:
    model = HandModel.load(shape)
    return model, hand_poses(model)


def hold(
    step: str, seconds: float, t_start_ns: int, gap_m: float = 0.02, seed: int = 0
) -> list[tuple[int, np.ndarray]]:
    """A pose held for a while: times and noisy hands. Pinching fingertips are seen `gap_m` apart."""
    rng = np.random.default_rng([seed, STEPS.index(step) if step in STEPS else 99])
    hand_m = seen_hand(step, gap_m if step in PINCHES.values() else 0.0)
    return [
        (t_start_ns + round(i * 1e9 / RATE_HZ), hand_m + rng.normal(0.0, NOISE_M, (21, 3)) * (hand_m != 0.0))
        for i in range(round(seconds * RATE_HZ))
    ]


def held_samples(gap_m: float = 0.02, seed: int = 0) -> dict[str, Samples]:
    """All steps as a guide would keep them."""
    samples = {}
    for index, step in enumerate(STEPS):
        frames = hold(step, 1.2, index * 4_000_000_000, gap_m, seed)
        samples[step] = Samples(np.array([t for t, _ in frames]), np.stack([hand for _, hand in frames]))
    return samples


def fit(samples: dict[str, Samples], palm_m: float | None = None) -> OperatorCalibration:
    """Anna's calibration; the detector sees a hand of mean size and proportions."""
    mean_m = mean_bone_lengths(HandModel.load())
    detected_m = seen_hand(OPEN)[None]
    return fit_operator("Anna", "right", "posebert", samples, detected_m, mean_m, mean_m, palm_m)
