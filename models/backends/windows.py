"""Windows like those of live runs, generated: what a backend must get right before it is trusted."""

from __future__ import annotations

import numpy as np

from models.backends.base import Network
from models.camera import Camera
from models.hand_model import HandModel
from models.motion.generator import MotionGenerator
from models.motion.poses import Mix
from models.posebert_input import NetworkInput, WindowEncoder
from models.window import SLOT_PERIOD_NS, WINDOW_SLOTS, Window

CLIPS = 8
_NOISE_M, _NOISE_PX = 0.004, 1.5  # about what the detector trembles by
_SEED = 8
_QUICK_MIX = Mix(pinch=0.0, mixed=0.0, between=0.0)  # pinches take seconds to solve


def check_windows(network: Network) -> list[NetworkInput]:
    """Hands in motion as a trembling detector sees them: whole windows, with gaps, and just begun."""
    rng = np.random.default_rng(_SEED)
    camera = Camera.assumed((640, 480))
    model = HandModel.load()
    motion = MotionGenerator(model, mix=_QUICK_MIX).batch(rng, CLIPS, WINDOW_SLOTS, (camera,) * CLIPS)
    inputs = []
    for clip in range(CLIPS):
        observed = rng.random(WINDOW_SLOTS) >= (0.0, 0.3)[clip % 2]
        observed[: (0, 0, 40, 63)[clip % 4]] = False
        observed[-1] = True
        window = _window(camera, motion.keypoints_m[clip], motion.wrist_m[clip], observed, rng)
        inputs.append(WindowEncoder(model, network.layout, len(network.future)).encode(window))
    return inputs


def _window(
    camera: Camera,
    keypoints_m: np.ndarray,
    wrist_m: np.ndarray,
    observed: np.ndarray,
    rng: np.random.Generator,
) -> Window:
    """A right hand's window, with a detector's noise."""
    t_ns = np.arange(WINDOW_SLOTS, dtype=np.int64) * SLOT_PERIOD_NS
    pixels = camera.project(keypoints_m + wrist_m[:, None])
    seen_m = keypoints_m + _NOISE_M * rng.standard_normal(keypoints_m.shape)
    seen_px = pixels + _NOISE_PX * rng.standard_normal(pixels.shape)
    depth_px = seen_m[..., 2] * (camera.focal_px / wrist_m[:, 2:])
    there = observed[:, None]
    return Window(
        hand="right",
        camera=camera,
        t_ns=t_ns,
        observed=observed,
        t_capture_ns=np.where(observed, t_ns + 1, 0),  # 0 is no capture
        keypoints_m=np.where(there[..., None], seen_m - seen_m[:, :1], np.nan),
        keypoints_px=np.where(there[..., None], seen_px, np.nan),
        depth_px=np.where(there, depth_px - depth_px[:, :1], np.nan),
        wrist_m=np.where(there, wrist_m, np.nan),
        score=np.where(observed, 0.95, 0.0),
    )
