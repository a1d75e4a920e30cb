"""The noise fitted to rendered pairs, `models.motion.detector_noise`, as training takes it. In torch."""

from __future__ import annotations

import numpy as np
import torch

from models.canonical import rays_of_pixels
from models.fusion import image_hand
from models.motion.detector_noise import FittedNoise
from models.noise import Seen, Truth

_SIZE_PX = np.array([640.0, 480.0], np.float32)
_FOV_DEG = (50.0, 80.0)  # across, of plain webcams


class FittedObservations:
    """What a fitted detector would have said; see `models.noise.ObservationNoise`.

    Windows of motion name no camera, so each is given one of its own.
    """

    def __init__(self, noise: FittedNoise) -> None:
        self._noise = noise

    def __call__(self, truth: Truth, T: int, rng: torch.Generator) -> Seen:
        """The first T slots as seen, with the gaps the detector has by itself."""
        seed = int(torch.randint(2**31, (1,), generator=rng, device=rng.device))
        dice = np.random.default_rng(seed)
        keypoints_m = truth.keypoints_m[:, :T].cpu().numpy()
        wrist_m = truth.wrist_m[:, :T].cpu().numpy()
        B = len(keypoints_m)
        half_fov = np.radians(0.5 * dice.uniform(*_FOV_DEG, B))
        focal_px = (0.5 * _SIZE_PX[0] / np.tan(half_fov)).astype(np.float32)
        size_px = np.tile(_SIZE_PX, (B, 1))
        said = self._noise.sample(dice, keypoints_m, wrist_m, focal_px, 0.5 * size_px, size_px)
        rays = rays_of_pixels(said.observed_px, focal_px[:, None, None, None], 0.5 * size_px[:, None, None])
        depth = said.observed_depth_px / focal_px[:, None, None]  # on the scale of rays

        def tensor(values: np.ndarray) -> torch.Tensor:
            return torch.as_tensor(values, dtype=torch.float32, device=rng.device)

        seen_m, seen_rays = tensor(said.observed_m).nan_to_num(), tensor(rays).nan_to_num()
        score = tensor(said.score)
        return Seen(
            observed=torch.as_tensor(said.observed, device=rng.device),
            keypoints_m=seen_m,
            image_m=image_hand(seen_m, seen_rays, tensor(depth)),
            rays=seen_rays,
            score=score,
            offset=torch.zeros_like(score),
        )
