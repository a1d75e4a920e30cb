"""Made-up sequences and results that several tests of benchmarks share."""

from __future__ import annotations

import numpy as np
from training_examples import CAMERA, moving_hand

from app.bench.sequence import RENDERED_GROUP, Sequence, observations_of
from models.window import SLOT_PERIOD_NS


def sequence(
    name: str = "made-up",
    frames: int = 140,
    seed: int = 0,
    group: str = RENDERED_GROUP,
    noise_m: float = 0.004,
) -> Sequence:
    """A moving hand, detected with noise; unseen at first and in a gap."""
    _, keypoints_m, wrist_m = moving_hand(frames, seed)
    rng = np.random.default_rng(seed)
    observed = np.ones(frames, dtype=bool)
    observed[:3] = observed[20:24] = False
    said_m = keypoints_m + rng.normal(0.0, noise_m, keypoints_m.shape) * (np.arange(21) > 0)[:, None]
    pixels = CAMERA.project(keypoints_m + wrist_m[:, None])
    observations = observations_of(
        np.arange(frames) * SLOT_PERIOD_NS, observed, said_m, pixels, np.full((frames, 21), np.nan),
        0.9 * observed, CAMERA.size_px,
    )  # fmt: skip
    return Sequence(name, group, CAMERA, observations, keypoints_m)
