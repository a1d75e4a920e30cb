"""A made-up body in motion that several tests share."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.body_model import BodyModel
from models.body_observation import BodyObservation
from models.camera import Camera
from models.rotations import matrix_from_axis_angle
from models.window import SLOT_PERIOD_NS

CAMERA = Camera.assumed((640, 480))
BODY = BodyModel.load()
TO_CAMERA = np.diag([1.0, -1.0, -1.0])  # y up and facing the camera, to camera axes

# How far joints swing, rad; what 17 keypoints do not tell stays at rest.
_SWING_RAD = {
    1: 0.4,
    2: 0.4,
    4: 0.5,
    5: 0.5,
    3: 0.1,
    6: 0.1,
    9: 0.1,
    12: 0.2,
    16: 0.7,
    17: 0.7,
    18: 0.8,
    19: 0.8,
}


def moving_body(frames: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rotations (N,24,3,3), hip-relative keypoints (N,17,3), hips (N,3) of a body in motion, camera axes."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames)[:, None, None] / 30.0
    angles = np.sin(rng.uniform(1.0, 4.0, (1, 24, 3)) * t + rng.uniform(0.0, 6.0, (1, 24, 3)))
    swing = np.zeros(24)
    swing[list(_SWING_RAD)] = list(_SWING_RAD.values())
    rotations = matrix_from_axis_angle(angles * swing[:, None])
    yaw = 0.5 * np.sin(rng.uniform(0.5, 1.5) * t[:, 0, 0])
    rotations[:, 0] = TO_CAMERA @ matrix_from_axis_angle(np.stack([0 * yaw, yaw, 0 * yaw], -1))
    keypoints_m = BODY.keypoints(rotations)
    hip_m = np.array([0.1, 0.2, 3.2]) + 0.2 * np.sin(rng.uniform(0.5, 1.5, 3) * t[:, 0])
    return rotations, keypoints_m - keypoints_m[:, :1], hip_m


def seen_body(frames: int, seed: int = 0) -> list[BodyObservation]:
    """What a perfect detector would say of `moving_body`."""
    _, keypoints_m, hip_m = moving_body(frames, seed)
    return [
        BodyObservation(
            t_capture_ns=i * SLOT_PERIOD_NS,
            detected=True,
            keypoints_m=keypoints_m[i],
            keypoints_px=CAMERA.project(keypoints_m[i] + hip_m[i]),
            score=np.full(17, 0.95),
            image_size_px=(640, 480),
        )
        for i in range(frames)
    ]


def write_body_clips(directory: Path, count: int = 3, frames: int = 100, filmed: bool = False) -> Path:
    """Clips as the trainer reads them: with y up, or filmed with frames 40 to 44 missed and 3 cm of noise."""
    directory.mkdir(parents=True)
    for seed in range(count):
        rotations, keypoints_m, hip_m = moving_body(frames, seed)
        if not filmed:
            rotations = np.concatenate([TO_CAMERA @ rotations[:, :1], rotations[:, 1:]], 1)
            keypoints_m, hip_m = keypoints_m @ TO_CAMERA, hip_m @ TO_CAMERA
        clip = {"rotations": rotations, "keypoints_m": keypoints_m, "wrist_m": hip_m}
        if filmed:
            observed = np.ones(frames, dtype=bool)
            observed[40:45] = False
            noise = np.random.default_rng(seed).normal(0.0, 0.03, keypoints_m.shape)
            clip["observed_m"] = np.where(observed[:, None, None], keypoints_m + noise - noise[:, :1], np.nan)
            clip["observed_px"] = CAMERA.project(keypoints_m + hip_m[:, None])
            clip["score"] = 0.9 * np.repeat(observed[:, None], 17, 1)
        clip = {name: np.asarray(values, dtype=np.float32) for name, values in clip.items()}
        if filmed:
            clip |= {
                "observed": observed,
                "focal_px": CAMERA.focal_px,
                "centre_px": np.array(CAMERA.centre_px),
            }
        np.savez(directory / f"clip_{seed}.npz", fps=30, **clip)
    return directory
