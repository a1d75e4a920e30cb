"""Small made-up clips and windows that several training tests share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from models.camera import Camera
from models.hand_model import HandModel
from models.noise import Truth
from models.rotations import matrix_from_axis_angle

CAMERA = Camera.assumed((640, 480))
MODEL = HandModel.load()


def moving_hand(frames: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rotations (N,16,3,3), wrist-relative keypoints (N,21,3), wrists (N,3) of a hand in motion."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames)[:, None] / 30.0
    swing = 0.5 + 0.5 * np.sin(rng.uniform(1.0, 5.0, 45) * t + rng.uniform(0.0, 6.0, 45))
    lower, upper = MODEL.joint_limits[..., 0].ravel(), MODEL.joint_limits[..., 1].ravel()
    angles = (lower + 0.8 * (upper - lower) * swing).reshape(frames, 15, 3)
    turn = rng.uniform(-1.0, 1.0, 3) + 0.3 * np.sin(rng.uniform(1.0, 3.0, 3) * t)
    rotations = MODEL.rotations_of_angles(angles, matrix_from_axis_angle(turn))
    keypoints_m = MODEL.keypoints(rotations)
    wrist_m = np.array([0.0, 0.05, 0.6]) + 0.05 * np.sin(rng.uniform(1.0, 3.0, 3) * t)
    return rotations, keypoints_m - keypoints_m[:, :1], wrist_m


def truth_windows(count: int, slots: int) -> Truth:
    """Windows of moving hands."""
    parts = [moving_hand(slots, seed) for seed in range(count)]
    return Truth(
        *(torch.tensor(np.stack(values), dtype=torch.float32) for values in zip(*parts, strict=True))
    )


def write_clips(
    directory: Path, count: int = 3, frames: int = 100, filmed: bool = False, fps: float = 30.0
) -> Path:
    """Clips as the trainer reads them, stills if their rate is 0.

    Filmed ones have detections 5 mm off, and frames 40 to 44 are missed.
    """
    directory.mkdir(parents=True)
    for seed in range(count):
        rotations, keypoints_m, wrist_m = moving_hand(frames, seed)
        clip = {"rotations": rotations, "keypoints_m": keypoints_m, "wrist_m": wrist_m}
        if filmed:
            observed = np.ones(frames, dtype=bool)
            observed[40:45] = False
            rng = np.random.default_rng(100 + seed)
            observed_m = (
                keypoints_m + rng.normal(0.0, 0.005, keypoints_m.shape) * (np.arange(21) > 0)[:, None]
            )
            observed_m[~observed] = np.nan
            observed_px = CAMERA.project(keypoints_m + wrist_m[:, None])
            depth_px = CAMERA.focal_px * keypoints_m[..., 2] / wrist_m[:, None, 2]
            depth_px[~observed] = np.nan
            clip |= {"observed_m": observed_m, "observed_px": observed_px, "observed_depth_px": depth_px}
            clip["score"] = 0.9 * observed
        clip = {name: values.astype(np.float32) for name, values in clip.items()}
        if filmed:
            clip |= {"observed": observed, "focal_px": CAMERA.focal_px, "centre_px": CAMERA.centre_px}
        np.savez(directory / f"clip_{seed}.npz", shape=MODEL.name, fps=fps, **clip)
    return directory
