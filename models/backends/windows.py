"""Windows like those of live runs, generated: what a backend must get right before it is trusted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from models.backends.base import Network
from models.body_input import BodyEncoder
from models.body_keypoints import NUM_BODY_JOINTS, NUM_BODY_KEYPOINTS
from models.body_model import BodyModel
from models.body_window import BodyWindow
from models.camera import Camera
from models.hand_model import HandModel
from models.motion.generator import MotionGenerator
from models.motion.poses import Mix
from models.posebert_input import NetworkInput, WindowEncoder
from models.rotations import matrix_from_axis_angle
from models.window import SLOT_PERIOD_NS, WINDOW_SLOTS, Window

CLIPS = 8
_NOISE_M, _NOISE_PX = 0.004, 1.5  # about what the detector trembles by
_BODY_NOISE_M = 0.02
_SWING_RAD = 0.3  # of a body's joints
_BODY_AWAY_M = 3.0
_TO_CAMERA = np.diag([1.0, -1.0, -1.0])  # upright, facing the camera
_SEED = 8
_QUICK_MIX = Mix(pinch=0.0, mixed=0.0, between=0.0)  # pinches take seconds to solve


def check_windows(network: Network) -> list[NetworkInput]:
    """Hands or bodies in motion as a trembling detector sees them: whole windows, gappy, and just begun."""
    rng = np.random.default_rng(_SEED)
    encode = _bodies(network, rng) if network.figure == "body" else _hands(network, rng)
    inputs = []
    for clip in range(CLIPS):
        observed = rng.random(WINDOW_SLOTS) >= (0.0, 0.3)[clip % 2]
        observed[: (0, 0, 40, 63)[clip % 4]] = False
        observed[-1] = True
        inputs.append(encode(clip, observed))
    return inputs


def _hands(network: Network, rng: np.random.Generator) -> Callable[[int, np.ndarray], NetworkInput]:
    """Gives the window of a clip with detections in `observed` (64,)."""
    camera = Camera.assumed((640, 480))
    model = HandModel.load()
    motion = MotionGenerator(model, mix=_QUICK_MIX).batch(rng, CLIPS, WINDOW_SLOTS, (camera,) * CLIPS)

    def encode(clip: int, observed: np.ndarray) -> NetworkInput:
        window = _hand_window(camera, motion.keypoints_m[clip], motion.wrist_m[clip], observed, rng)
        return WindowEncoder(model, network.layout, len(network.future)).encode(window)

    return encode


def _bodies(network: Network, rng: np.random.Generator) -> Callable[[int, np.ndarray], NetworkInput]:
    """The same of bodies whose joints swing."""
    camera = Camera.assumed((640, 480))
    model = BodyModel.load()
    t_s = np.arange(WINDOW_SLOTS)[:, None, None] * SLOT_PERIOD_NS * 1e-9

    def encode(clip: int, observed: np.ndarray) -> NetworkInput:
        rate, phase = rng.uniform(1.0, 4.0, (NUM_BODY_JOINTS, 3)), rng.uniform(0.0, 6.0, (NUM_BODY_JOINTS, 3))
        rotations = matrix_from_axis_angle(_SWING_RAD * np.sin(rate * t_s + phase))
        rotations[:, 0] = _TO_CAMERA @ rotations[:, 0]
        window = _body_window(camera, model.keypoints(rotations), observed, rng)
        return BodyEncoder(model, network.layout, len(network.future)).encode(window)

    return encode


def _hand_window(
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


def _body_window(
    camera: Camera, keypoints_m: np.ndarray, observed: np.ndarray, rng: np.random.Generator
) -> BodyWindow:
    """A body's window, with a detector's noise."""
    t_ns = np.arange(WINDOW_SLOTS, dtype=np.int64) * SLOT_PERIOD_NS
    keypoints_m = keypoints_m - keypoints_m[:, :1]
    pixels = camera.project(keypoints_m + np.array([0.0, 0.0, _BODY_AWAY_M]))
    seen_m = keypoints_m + _BODY_NOISE_M * rng.standard_normal(keypoints_m.shape)
    seen_px = pixels + _NOISE_PX * rng.standard_normal(pixels.shape)
    there = observed[:, None]
    return BodyWindow(
        camera=camera,
        t_ns=t_ns,
        observed=observed,
        t_capture_ns=np.where(observed, t_ns + 1, 0),  # 0 is no capture
        keypoints_m=np.where(there[..., None], seen_m - seen_m[:, :1], np.nan),
        keypoints_px=np.where(there[..., None], seen_px, np.nan),
        score=np.where(there, np.full((WINDOW_SLOTS, NUM_BODY_KEYPOINTS), 0.95), 0.0),
    )
